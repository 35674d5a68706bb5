import { frameName, stitchedPath } from '../../domain/file-names.ts'
import { needsDisplay, workOf } from '../../domain/task/expected-files.ts'
import { sampleRangeOf } from '../../domain/splitting/samples.ts'
import { tileOfPlan } from '../../domain/splitting/tiles.ts'
import type { JobPlan, JobRecord } from '../../protocol/job.ts'
import type { Lease, Work } from '../../protocol/messages.ts'
import type { RenderSettings } from '../../protocol/render-settings.ts'
import { blobKey, workKey } from '../../protocol/object-keys.ts'
import type { FrameRecord, TaskRecord } from '../../protocol/task.ts'
import type { Engine } from '../context.ts'

/** The message that tells a worker what to do. An audit reads like any other task: the worker cannot tell. */
export async function buildLease(engine: Engine, job: JobRecord, task: TaskRecord): Promise<Lease> {
  const ttlSeconds = engine.times.urlTtlMs / 1000
  return {
    type: 'lease',
    jobId: job.id,
    taskId: task.id,
    epoch: task.epoch,
    leaseSeconds: engine.times.leaseMs / 1000,
    noProgressSeconds: engine.times.noProgressMs / 1000,
    scene: {
      ...job.scene,
      ...(job.plan.mainBlend === undefined ? {} : { mainBlend: job.plan.mainBlend }),
      ...(job.plan.blendName === undefined ? {} : { blendName: job.plan.blendName }),
      ...(job.plan.aliases === undefined ? {} : { aliases: job.plan.aliases }),
      url: await engine.objects.signedGet(blobKey(job.scene.sha256), { ttlSeconds }),
    },
    work: await workFor(engine, job, task, ttlSeconds),
  }
}

/** What changes nearly all that Blender tells of a scene. */
function inspectionSettings({ sceneName, settings: { engine, ocio } }: JobPlan): RenderSettings {
  return {
    scene: sceneName,
    ...(engine === undefined ? {} : { engine }),
    ...(ocio === undefined ? {} : { ocio }),
  }
}

async function workFor(engine: Engine, job: JobRecord, task: TaskRecord, ttlSeconds: number): Promise<Work> {
  const { plan } = job
  // The scene alone, not what this job changes in it: what is found is kept for other jobs.
  if (workOf(plan, task) === 'inspect')
    return { kind: 'inspect', settings: inspectionSettings(plan), frames: plan.frames }
  const kindsWanted = job.requirement.deviceKinds
  const display = needsDisplay(plan)
  const frame = task.frames[0]
  if (frame === undefined) throw new Error(`task ${task.id} has no frame`)
  if (workOf(plan, task) === 'finish') {
    const [record] = await engine.store.frames(job.id, [frame])
    const stitched: FrameRecord['stitched'] = record?.value.stitched
    if (stitched === undefined)
      throw new Error(`job ${job.id}: frame ${frameName(frame)} has no stitched image to finish`)
    return {
      kind: 'finish',
      frame,
      stitched: {
        ...stitched,
        url: await engine.objects.signedGet(workKey(job.id, stitchedPath(frame)), { ttlSeconds }),
      },
      settings: plan.settings,
      display,
      ...mixing(plan, [frame]),
    }
  }
  return {
    kind: 'render',
    frames: task.frames,
    ...(task.tile === undefined || plan.tiles === undefined
      ? {}
      : { window: tileOfPlan(plan, plan.tiles, task.tile).window }),
    ...(task.sampleRange === undefined || plan.samples === undefined
      ? { settings: plan.settings }
      : // The total is said, too: a range is one of so many samples, whatever a worker's Blender takes for the default.
        {
          settings: { ...plan.settings, samples: plan.samples.total },
          sampleRange: sampleRangeOf(plan.samples, task.sampleRange),
        }),
    ...(kindsWanted?.length === 1 && kindsWanted[0] !== undefined ? { device: kindsWanted[0] } : {}),
    display: display && task.tile === undefined,
    ...(task.tile === undefined ? mixing(plan, task.frames) : {}),
  }
}

/** The sound, where the task is to mix it beside one of these frames. */
function mixing({ sound }: JobRecord['plan'], frames: readonly number[]): Pick<Work & { kind: 'finish' }, 'sound'> {
  if (sound === undefined || !frames.includes(sound.frame)) return {}
  return { sound: { frame: sound.frame, first: sound.first, last: sound.last } }
}
