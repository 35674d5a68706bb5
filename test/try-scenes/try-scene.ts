// One scene: handed in, tried whole, in tiles and in one go, and a verdict for each.

import type { JobRequest } from '../../shared/protocol/job.ts'
import type { SceneRecord } from '../../shared/protocol/scene.ts'
import { type Difference, SAME } from './compare.ts'
import { Failed, Refused, TooSlow } from './farm-side.ts'
import type { FoundScene } from './find-scenes.ts'
import type { Row } from './record.ts'
import { activeScene, cheapSettings, firstFrames, framesOutOfOrder } from './settings.ts'
import { againBare, bareFiles, inOneGo, NothingBare, oneByOne, type Subject, type Trial } from './subject.ts'
import { fileToHandIn, workingCopy } from './working-copy.ts'

/** A scene that is not done in time has failed only if it takes bare Blender less than so many times of that. */
const SLOWER_MAX = 5

/** All rows of a scene; `folder` is its own. Rejects only when the signal is aborted, or the farm is out of order. */
export async function tryScene(trial: Trial, scene: FoundScene, folder: string): Promise<Row[]> {
  const { side, options, signal } = trial
  const empty: Row = {
    scene: scene.name,
    split: '',
    verdict: 'left out',
    blender: '',
    frames: [],
    pixels: 0,
    files: 0,
    largest: 0,
    words: [],
  }
  let record: SceneRecord
  try {
    record = await side.handIn(await fileToHandIn(scene, folder))
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof Refused) return [{ ...empty, verdict: 'refused', words: [error.message] }]
    return [{ ...empty, words: [error instanceof Error ? error.message : String(error)] }]
  }
  const settings = activeScene(record.facts)
  const missing = record.missingFiles.length
  const subject: Subject = {
    trial,
    scene,
    record,
    folder,
    bare: new Map(),
    blender: undefined,
    plan: undefined,
    blend: await workingCopy(scene, folder, scene.project === undefined ? record.mainBlend : undefined, signal),
    request: {
      scene: record.sha256,
      settings: cheapSettings(settings, options),
      ...(options.strict ? {} : { allowMissingFiles: true }),
    },
    words: [
      ...(scene.project === undefined ? [] : ['as a project .zip']),
      ...(missing > 0 && !options.strict ? [`${missing} linked files are missing`] : []),
    ],
    deadline: Date.now() + options.seconds * 1000,
  }
  const order = framesOutOfOrder(settings)
  const whole = await rowOf(subject, 'whole', order, () => oneByOne(subject, 'whole', order, {}))
  if (whole.verdict === 'refused' || whole.verdict === 'left out' || Date.now() > subject.deadline) return [whole]
  const tiles = { columns: 2, rows: 2 }
  const rows = [
    whole,
    await rowOf(subject, 'tiles 2x2', order.slice(-2), async () => {
      await refuseInexact(subject, { ...subject.request, frames: String(order[0]), tiles })
      return oneByOne(subject, 'tiles', order.slice(-2), { tiles })
    }),
  ]
  const inspected = await side.client.scene(record.sha256)
  const range = firstFrames(settings)
  const remembers = inspected.inspections?.some(({ history }) => history.length > 0) === true
  if (remembers && range !== undefined)
    rows.push(await rowOf(subject, 'in one go', range, () => inOneGo(subject, range)))
  return rows
}

/** Turns what goes wrong into a verdict, after a look at what bare Blender makes of it. */
async function rowOf(
  subject: Subject,
  split: string,
  frames: readonly number[],
  attempt: () => Promise<Difference>,
): Promise<Row> {
  const {
    trial: { options, signal, blenders },
    scene,
    words,
  } = subject
  const row = (verdict: Row['verdict'], difference: Difference, more: readonly string[]): Row => ({
    scene: scene.name,
    split,
    verdict,
    blender: subject.blender?.version ?? '',
    frames: [...frames],
    pixels: difference.pixels,
    files: difference.files,
    largest: difference.largest,
    words: [...new Set([...more, ...difference.faults, ...difference.remarks, ...words])],
  })
  try {
    const found = await attempt()
    if (found.pixels === 0 && found.faults.length === 0) return row('exact', found, [])
    const unlikeItself = await againBare(subject, frames)
    if (unlikeItself > 0)
      return row('left out', found, [
        `bare Blender is not like itself: ${unlikeItself} pixels differ when it renders a frame again`,
      ])
    return row('different', found, [])
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof Refused && split !== 'whole') return row('refused', SAME, [error.message])
    if (error instanceof NothingBare) return row('left out', SAME, [error.message])
    if (!(error instanceof Refused || error instanceof Failed || error instanceof TooSlow)) throw error
    subject.blender ??= [...blenders.values()][0]
    const begun = performance.now()
    const bare = await bareFiles(subject, [frames[0] ?? 1, frames[0] ?? 1], ' alone')
    const seconds = (performance.now() - begun) / 1000
    const images = bare.images.get(frames[0] ?? 1)?.length ?? 0
    const alone =
      images > 0
        ? 'bare Blender renders it'
        : `bare Blender writes nothing either${bare.fault === undefined ? '' : ` (${bare.fault})`}`
    if (error instanceof Refused) return row('refused', SAME, [error.message, alone])
    if (images === 0) return row('left out', SAME, [error.message, alone])
    if (!(error instanceof TooSlow)) return row('failed', SAME, [error.message, alone])
    const slow = seconds * frames.length * SLOWER_MAX > options.seconds
    return row(slow ? 'left out' : 'failed', SAME, [
      `not done after ${options.seconds} s: ${error.message}`,
      `a frame takes bare Blender ${seconds.toFixed(0)} s`,
    ])
  }
}

/** Throws Refused where tiles are not wanted; what the plan says of them is the farm's promise. */
async function refuseInexact({ trial: { side } }: Subject, request: JobRequest): Promise<void> {
  const { refusal, exactness } = await side.plan(request)
  if (refusal !== undefined) throw new Refused(refusal.code, refusal.detail)
  if (!exactness.exact) throw new Refused('not exact', exactness.why.join('; '))
}
