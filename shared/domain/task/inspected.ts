import { refuse } from '../../protocol/errors.ts'
import type { WorkerId } from '../../protocol/ids.ts'
import type { Inspection } from '../../protocol/inspection.ts'
import type { JobRecord } from '../../protocol/job.ts'
import type { SceneRecord } from '../../protocol/scene.ts'
import type { TaskRecord } from '../../protocol/task.ts'
import type { Decision } from '../decision.ts'
import { actOnJob } from '../lifecycle/job.ts'
import { renderedBy } from '../scheduling/blender-choice.ts'
import { boundTo } from '../scheduling/eligibility.ts'
import { applyInspection } from '../splitting/apply-inspection.ts'
import { attemptOf, checkHolder, withAttempt, withdraw } from './attempts.ts'
import { failJob, releaseLease } from './fail-attempt.ts'
import { OVERTAKEN } from './hand-in.ts'
import { act } from '../lifecycle/task.ts'

/** Who has looked at which scene, and what it found. */
export interface Inspected {
  /** What the upload of the scene found. */
  readonly scene: Partial<Pick<SceneRecord, 'facts'>>
  readonly workerId: WorkerId
  readonly epoch: number
  /** `blenderVersion`: of the Blender that the worker said it has. */
  readonly told: { readonly inspection: Inspection; readonly seconds: number; readonly blenderVersion: string }
  readonly now: number
}

/**
 * A worker has looked at the scene: the job is planned with what it found, or fails early with the reason. Said twice
 * it changes nothing. A Blender without the denoiser that the scene needs does not decide: one that has it looks again.
 * Refused with `result_invalid` when it tells of another scene than was asked, or of another Blender than the worker's
 * own.
 */
export function takeInspected(
  job: JobRecord,
  task: TaskRecord,
  { scene, workerId, epoch, told, now }: Inspected,
): Decision {
  const attempt = attemptOf(task, epoch)
  if (attempt?.workerId === workerId && attempt.outcome === 'rendered') return { ok: true }
  if (job.state !== 'inspecting') return refuse('lease_stale', `job ${job.id} is ${job.state}`)
  const holder = checkHolder(task, workerId, epoch)
  if (!holder.ok) return holder
  if (task.kind !== 'inspect') return refuse('result_invalid', `task ${task.id} is no inspection`)
  const { inspection, seconds } = told
  if (inspection.scene !== job.plan.sceneName)
    return refuse(
      'result_invalid',
      `asked about scene "${job.plan.sceneName}", answered about scene "${inspection.scene}"`,
    )
  // All tasks go to this version, so nobody may name one that is not there.
  if (inspection.blenderVersion !== told.blenderVersion)
    return refuse(
      'result_invalid',
      `the worker said that it has Blender ${told.blenderVersion}, and now that ` +
        `${inspection.blenderVersion} looked; restart the worker`,
    )
  if (inspection.denoiser === 'missing' && job.requirement.denoiser !== true) {
    const choosier: JobRecord = { ...job, requirement: { ...job.requirement, denoiser: true } }
    const message =
      `the scene is denoised, and Blender ${inspection.blenderVersion} of this ` +
      'worker has no OpenImageDenoise: one that has it looks again'
    const released = releaseLease(choosier, task, workerId, epoch, now)
    return released.ok
      ? { ...released, job: choosier, events: [{ type: 'denoiser_wanted', message, taskId: task.id, workerId }] }
      : released
  }
  const alone = withdraw(task, 'overtaken', OVERTAKEN, now, epoch)
  const done = act(
    withAttempt(alone.task, epoch, { outcome: 'rendered', endedAt: now, renderSeconds: seconds }),
    'inspected',
    { canonical: { taskId: task.id, epoch } },
  )
  const credit = { type: 'credit_worker', workerId, completed: 1 } as const
  const planned = applyInspection(renderedBy(job.plan, job.requirement, inspection.blenderVersion), scene, inspection)
  if (!planned.ok) {
    return {
      ok: true,
      job: failJob(job, now, planned.code, planned.detail),
      tasks: [done],
      effects: [...alone.effects, credit, { type: 'drop_queue' }],
      events: [{ type: 'job_failed', message: `${planned.code}: ${planned.detail}`, taskId: task.id, workerId }],
    }
  }
  return {
    ok: true,
    job: actOnJob(job, 'plan', { plan: planned.plan, requirement: boundTo(job.requirement, inspection) }),
    tasks: [done],
    effects: [...alone.effects, credit],
    events: [
      {
        type: 'scene_inspected',
        message:
          `Blender ${inspection.blenderVersion} looked at the scene: ` +
          `${planned.plan.renderTaskCount} render task(s)`,
        taskId: task.id,
        workerId,
      },
    ],
  }
}
