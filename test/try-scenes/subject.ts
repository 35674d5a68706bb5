// What is rendered of one scene, by the farm and bare, and how far it agrees.

import { join } from 'node:path'
import type { BlenderInstallation } from '../../blender-worker/blender/find.ts'
import { frameName } from '../../shared/domain/file-names.ts'
import type { JobPlan, JobRequest } from '../../shared/protocol/job.ts'
import type { SceneRecord } from '../../shared/protocol/scene.ts'
import { renderBare } from './bare.ts'
import { compareImages, type Difference, sumOf } from './compare.ts'
import type { Delivered, FarmSide } from './farm-side.ts'
import type { FoundScene } from './find-scenes.ts'
import type { Options } from './options.ts'
import { activeScene, bareSettings } from './settings.ts'

export interface Trial {
  readonly side: FarmSide
  /** By the id of the worker that has it. */
  readonly blenders: ReadonlyMap<string, BlenderInstallation>
  readonly options: Options
  readonly signal: AbortSignal
}

/** A scene that was handed in, and what is known of it so far. */
export interface Subject {
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

/** Bare Blender itself makes nothing of what the farm delivered. */
export class NothingBare extends Error {}

/** Each frame as a job of its own, one after the other, so that they come to one worker in this order. */
export async function oneByOne(
  subject: Subject,
  label: string,
  order: readonly number[],
  how: Pick<JobRequest, 'tiles'>,
): Promise<Difference> {
  const found: Difference[] = []
  for (const [index, frame] of order.entries()) {
    const delivered = await render(subject, { ...subject.request, ...how, frames: String(frame) }, `${label}-${index}`)
    found.push(await compareFrame(subject, delivered, frame, await bareFiles(subject, [frame, frame])))
  }
  return sumOf(found)
}

/** Consecutive frames as one job, against `blender -a`. */
export async function inOneGo(subject: Subject, [first, last]: readonly [number, number]): Promise<Difference> {
  const delivered = await render(subject, { ...subject.request, frames: `${first}-${last}` }, 'run')
  const bare = await bareFiles(subject, [first, last])
  const found: Difference[] = []
  for (let frame = first; frame <= last; frame += 1) found.push(await compareFrame(subject, delivered, frame, bare))
  return sumOf(found)
}

async function render(subject: Subject, request: JobRequest, label: string): Promise<Delivered> {
  const {
    trial: { side, signal, blenders },
    folder,
    deadline,
  } = subject
  const delivered = await side.render(request, join(folder, label), deadline, signal)
  const blender = blenders.get(delivered.workerId)
  if (blender === undefined)
    throw new Error(`worker ${delivered.workerId} rendered ${subject.scene.name}, and is not of this run`)
  subject.blender = blender
  subject.plan ??= delivered.job.plan
  return delivered
}

/** Pixels in which a second bare render of the first frame that is not like itself differs; 0 when all repeat. */
export async function againBare(subject: Subject, frames: readonly number[]): Promise<number> {
  for (const frame of frames) {
    const once = await bareFiles(subject, [frame, frame])
    const again = await bareFiles(subject, [frame, frame], ' again')
    const { pixels } = await compareImages(
      once.images.get(frame) ?? [],
      again.images.get(frame) ?? [],
      `frame ${frame}`,
    )
    if (pixels > 0) return pixels
  }
  return 0
}

/** What bare Blender writes, once for each frame, Blender and `time`. */
export async function bareFiles(subject: Subject, frames: readonly [number, number], time = ''): Promise<BareFiles> {
  const {
    trial: { options, signal },
    folder,
    blend,
    blender,
    record,
  } = subject
  if (blender === undefined) throw new Error('no Blender was chosen')
  const { settings } = bareSettings(subject.request.settings ?? {}, activeScene(record.facts), subject.plan)
  const key = `bare-${blender.version}-${frames.join('-')}${time}`
  const rendered =
    subject.bare.get(key) ??
    renderBare({ blender, blend, frames, into: join(folder, key), settings, seconds: options.seconds, signal }).then(
      ({ frames: images, others, fault }) => ({
        images: new Map(
          [...images].map(([frame, files]) => [
            frame,
            [...files, ...others.filter((path) => images.size === 1 || path.includes(String(frame).padStart(4, '0')))],
          ]),
        ),
        ...(fault === undefined ? {} : { fault }),
      }),
    )
  subject.bare.set(key, rendered)
  return rendered
}

async function compareFrame(
  subject: Subject,
  { job, files }: Delivered,
  frame: number,
  bare: BareFiles,
): Promise<Difference> {
  const expected = bare.images.get(frame) ?? []
  if (expected.length === 0)
    throw new NothingBare(`the farm delivers frame ${frame}, bare Blender nothing: ${bare.fault ?? 'without a word'}`)
  const own = files.filter((path) => job.plan.frameCount === 1 || path.includes(frameName(frame)))
  const { remark } = bareSettings(subject.request.settings ?? {}, activeScene(subject.record.facts), job.plan)
  const found = await compareImages(expected, own, `frame ${frame}`)
  return { ...found, remarks: [...found.remarks, ...(remark === undefined ? [] : [remark])] }
}
