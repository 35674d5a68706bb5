// One scene: handed in, rendered by the farm, rendered bare, compared.

import { join } from 'node:path'
import type { BlenderInstallation } from '../../blender-worker/blender/find.ts'
import { frameName } from '../../shared/domain/file-names.ts'
import type { JobPlan, JobRequest } from '../../shared/protocol/job.ts'
import type { SceneRecord } from '../../shared/protocol/scene.ts'
import { renderBare } from './bare.ts'
import { compareImages, type Difference, SAME, sumOf } from './compare.ts'
import { type Delivered, Failed, type FarmSide, Refused, TooSlow } from './farm-side.ts'
import type { FoundScene } from './find-scenes.ts'
import type { Options } from './options.ts'
import type { Row } from './record.ts'
import { activeScene, bareSettings, cheapSettings, firstFrames, framesOutOfOrder } from './settings.ts'
import { fileToHandIn, workingCopy } from './working-copy.ts'

export interface Trial {
  readonly side: FarmSide
  /** By the id of the worker that has it. */
  readonly blenders: ReadonlyMap<string, BlenderInstallation>
  readonly options: Options
  readonly signal: AbortSignal
}

/** A scene that is not done in time has failed only if it takes bare Blender less than so many times of that. */
const SLOWER_MAX = 5

interface Subject {
  readonly trial: Trial
  readonly scene: FoundScene
  readonly record: SceneRecord
  readonly folder: string
  readonly blend: string
  readonly request: JobRequest
  readonly words: readonly string[]
  readonly deadline: number
  readonly bare: Map<string, Promise<BareFiles>>
  /** The Blender that the farm chose, once it has. */
  blender: BlenderInstallation | undefined
  /** What the farm made of the first job. */
  plan: JobPlan | undefined
}

interface BareFiles {
  readonly images: ReadonlyMap<number, readonly string[]>
  readonly fault?: string
}

/** All rows of a scene. `folder` is its own, for files. Rejects only when the signal is aborted, or the farm is out of order. */
export async function tryScene(trial: Trial, scene: FoundScene, folder: string): Promise<Row[]> {
  const { side, options, signal } = trial
  const empty: Row = { scene: scene.name, split: '', verdict: 'left out', blender: '', frames: [], pixels: 0, files: 0, largest: 0, words: [] }
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
    trial, scene, record, folder, bare: new Map(), blender: undefined, plan: undefined,
    blend: await workingCopy(scene, folder, scene.project === undefined ? record.mainBlend : undefined, signal),
    request: { scene: record.sha256, settings: cheapSettings(settings, options), ...(options.strict ? {} : { allowMissingFiles: true }) },
    words: [...(scene.project === undefined ? [] : ['as a project .zip']), ...(missing > 0 && !options.strict ? [`${missing} linked files are missing`] : [])],
    deadline: Date.now() + options.seconds * 1000,
  }
  const order = framesOutOfOrder(settings)
  const whole = await rowOf(subject, 'whole', order, () => oneByOne(subject, 'whole', order, {}))
  if (whole.verdict === 'refused' || whole.verdict === 'left out' || Date.now() > subject.deadline) return [whole]
  const tiles = { columns: 2, rows: 2 }
  const rows = [whole, await rowOf(subject, 'tiles 2x2', order.slice(-2), async () => {
    await refuseInexact(subject, { ...subject.request, frames: String(order[0]), tiles })
    return oneByOne(subject, 'tiles', order.slice(-2), { tiles })
  })]
  const inspected = await side.client.scene(record.sha256)
  const range = firstFrames(settings)
  const remembers = inspected.inspections?.some(({ history }) => history.length > 0) === true
  if (remembers && range !== undefined) rows.push(await rowOf(subject, 'in one go', range, () => inOneGo(subject, range)))
  return rows
}

/** Turns what goes wrong into a verdict, after a look at what bare Blender makes of it. */
async function rowOf(subject: Subject, split: string, frames: readonly number[], attempt: () => Promise<Difference>): Promise<Row> {
  const { trial: { options, signal, blenders }, scene, words } = subject
  const row = (verdict: Row['verdict'], difference: Difference, more: readonly string[]): Row => ({
    scene: scene.name, split, verdict, blender: subject.blender?.version ?? '', frames: [...frames], pixels: difference.pixels, files: difference.files, largest: difference.largest,
    words: [...new Set([...more, ...difference.faults, ...difference.notes, ...words])],
  })
  try {
    const found = await attempt()
    if (found.pixels === 0 && found.faults.length === 0) return row('exact', found, [])
    const unlikeItself = await againBare(subject, frames)
    if (unlikeItself > 0) return row('left out', found, [`bare Blender is not like itself: ${unlikeItself} pixels differ when it renders frame ${frames[0]} again`])
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
    const alone = images > 0 ? 'bare Blender renders it' : `bare Blender writes nothing either${bare.fault === undefined ? '' : ` (${bare.fault})`}`
    if (error instanceof Refused) return row('refused', SAME, [error.message, alone])
    if (images === 0) return row('left out', SAME, [error.message, alone])
    if (!(error instanceof TooSlow)) return row('failed', SAME, [error.message, alone])
    const slow = seconds * frames.length * SLOWER_MAX > options.seconds
    return row(slow ? 'left out' : 'failed', SAME, [`not done after ${options.seconds} s: ${error.message}`, `a frame takes bare Blender ${seconds.toFixed(0)} s`])
  }
}

/** Bare Blender itself makes nothing of what the farm delivered. */
class NothingBare extends Error {}

/** Each frame as a job of its own, one after the other, so that they come to one worker in this order. */
async function oneByOne(subject: Subject, label: string, order: readonly number[], how: Pick<JobRequest, 'tiles'>): Promise<Difference> {
  const found: Difference[] = []
  for (const [index, frame] of order.entries()) {
    const delivered = await render(subject, { ...subject.request, ...how, frames: String(frame) }, `${label}-${index}`)
    found.push(await compareFrame(subject, delivered, frame, await bareFiles(subject, [frame, frame])))
  }
  return sumOf(found)
}

async function inOneGo(subject: Subject, [first, last]: readonly [number, number]): Promise<Difference> {
  const delivered = await render(subject, { ...subject.request, frames: `${first}-${last}` }, 'run')
  const bare = await bareFiles(subject, [first, last])
  const found: Difference[] = []
  for (let frame = first; frame <= last; frame += 1) found.push(await compareFrame(subject, delivered, frame, bare))
  return sumOf(found)
}

async function render(subject: Subject, request: JobRequest, label: string): Promise<Delivered> {
  const { trial: { side, signal, blenders }, folder, deadline } = subject
  const delivered = await side.render(request, join(folder, label), deadline, signal)
  const blender = blenders.get(delivered.workerId)
  if (blender === undefined) throw new Error(`worker ${delivered.workerId} rendered ${subject.scene.name}, and is not of this run`)
  subject.blender = blender
  subject.plan ??= delivered.job.plan
  return delivered
}

/** Throws Refused where tiles are not wanted; what the plan says of them is the farm's promise. */
async function refuseInexact({ trial: { side } }: Subject, request: JobRequest): Promise<void> {
  const { refusal, exactness } = await side.client.plan(request)
  if (refusal !== undefined) throw new Refused(refusal.code, refusal.detail)
  if (!exactness.exact) throw new Refused('not exact', exactness.why.join('; '))
}

/** Pixels in which a second bare render of the first of `frames` differs from the first one: above 0 nothing can be asked of a farm. */
async function againBare(subject: Subject, [frame = 1]: readonly number[]): Promise<number> {
  const [once, again] = [await bareFiles(subject, [frame, frame]), await bareFiles(subject, [frame, frame], ' again')]
  return (await compareImages(once.images.get(frame) ?? [], again.images.get(frame) ?? [], `frame ${frame}`)).pixels
}

/** What bare Blender writes, once for each frame, Blender and `time`. */
async function bareFiles(subject: Subject, frames: readonly [number, number], time = ''): Promise<BareFiles> {
  const { trial: { options, signal }, folder, blend, blender, record } = subject
  if (blender === undefined) throw new Error('no Blender was chosen')
  const { settings } = bareSettings(subject.request.settings ?? {}, activeScene(record.facts), subject.plan)
  const key = `bare-${blender.version}-${frames.join('-')}${time}`
  const rendered = subject.bare.get(key) ?? renderBare({ blender, blend, frames, into: join(folder, key), settings, seconds: options.seconds, signal }).then(({ frames: images, others, fault }) => ({
    images: new Map([...images].map(([frame, files]) => [frame, [...files, ...others.filter((path) => images.size === 1 || path.includes(String(frame).padStart(4, '0')))]])),
    ...(fault === undefined ? {} : { fault }),
  }))
  subject.bare.set(key, rendered)
  return rendered
}

async function compareFrame(subject: Subject, { job, files }: Delivered, frame: number, bare: BareFiles): Promise<Difference> {
  const expected = bare.images.get(frame) ?? []
  if (expected.length === 0) throw new NothingBare(`the farm delivers frame ${frame}, and bare Blender writes nothing${bare.fault === undefined ? '' : `: ${bare.fault}`}`)
  const own = files.filter((path) => job.plan.frameCount === 1 || path.includes(frameName(frame)))
  const { note } = bareSettings(subject.request.settings ?? {}, activeScene(subject.record.facts), job.plan)
  const found = await compareImages(expected, own, `frame ${frame}`)
  return { ...found, notes: [...found.notes, ...(note === undefined ? [] : [note])] }
}
