import { auditIds } from '../../domain/task/attempts.ts'
import { AUDITS_OF_TASK_MAX, concludeAudit } from '../../domain/task/conclude-audit.ts'
import { failJob, rejectResult, type ResultFault } from '../../domain/task/fail-attempt.ts'
import { frameDelivered, frameStitched } from '../../domain/task/frames.ts'
import { actOnJob, isBeingPlanned, mayJob } from '../../domain/lifecycle/job.ts'
import type { Pair } from '../../domain/verification/settle-dispute.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import { auditTaskId, type JobId, type TaskId, type WorkerId } from '../../protocol/ids.ts'
import type { JobRecord } from '../../protocol/job.ts'
import type { LeaseRef } from '../../protocol/messages.ts'
import type { FinalFile, FrameRecord, TaskRecord } from '../../protocol/task.ts'
import { ableWorkers } from '../workers/able-workers.ts'
import type { Engine } from '../context.ts'
import { transact } from '../commit/transact.ts'

/**
 * What verifier and assembler report. Each may be said twice: a step that ran again after a crash finds that its frame
 * or task has moved on, and changes nothing.
 */

/** The tile images of a frame are one image now. */
export async function reportStitched(
  engine: Engine,
  jobId: JobId,
  frame: number,
  stitched: NonNullable<FrameRecord['stitched']>,
): Promise<void> {
  await transact(engine, jobId, { frames: [frame] }, ({ job, frames }) =>
    frames[0] === undefined ? { ok: true } : frameStitched(job, frames[0], stitched),
  )
}

/** A result that cannot count: which one, and why. `fault`: whose it is, its worker's when nothing is said. */
export interface RejectedResult extends LeaseRef {
  readonly reason: string
  readonly fault?: ResultFault
}

/** A file that was handed in is not what was committed to, or is no such image: the task goes to another worker. */
export async function reportRejected(
  engine: Engine,
  { jobId, taskId, epoch, reason, fault = 'worker' }: RejectedResult,
): Promise<void> {
  const [known] = await engine.store.tasks(jobId, [taskId])
  if (known == null) return
  const { audits: checked, auditsFrom: from = 0 } = known.value
  // More rounds may have begun since anybody looked: all there can be are read, those that do not exist cost nothing.
  const related =
    checked === undefined
      ? Array.from({ length: AUDITS_OF_TASK_MAX }, (_, round) => auditTaskId(taskId, from + round + 1))
      : [checked]
  await transact(engine, jobId, { tasks: [taskId, ...related], framesOf: true }, ({ job, task, frames }, now) => {
    const record = task(taskId)
    // Reopened since: whoever reads its files then says so again.
    if (record === undefined || (checked === undefined && (record.auditsFrom ?? 0) !== from)) return { ok: true }
    return rejectResult(job, record, {
      frames: frames.filter(({ number }) => record.frames.includes(number)),
      epoch,
      reason,
      now,
      related: related.flatMap((id) => task(id) ?? []),
      fault,
    })
  })
}

/**
 * The files of a frame lie in `final/`, read back and whole. `source` is the task they came from, as it was read: a
 * result that was rejected and rendered anew meanwhile is delivered by a step of its own. The last frame of a job
 * begins its video.
 */
export async function reportDelivered(
  engine: Engine,
  jobId: JobId,
  frame: number,
  files: readonly FinalFile[],
  source: Pick<TaskRecord, 'id' | 'canonical'>,
): Promise<void> {
  await transact(engine, jobId, { tasks: [source.id], frames: [frame] }, ({ job, task, frames }) => {
    const record = frames[0]
    if (record === undefined) return { ok: true }
    return frameDelivered(job, record, { files, source: source.canonical, now: task(source.id)?.canonical })
  })
  await endRendering(engine, jobId)
}

/** Moves a job on to its video when every frame is delivered. Safe to call at any time. */
export async function endRendering(engine: Engine, jobId: JobId): Promise<void> {
  // In this order: what was counted is of the revision that was read, or of a later one.
  const job = await engine.store.job(jobId)
  if (job === null || job.value.state !== 'active' || isBeingPlanned(job.value)) return
  const counters = await engine.store.counters(jobId)
  if ((counters['frames.delivered'] ?? 0) < job.value.plan.frameCount) return
  await transact(engine, jobId, {}, ({ job: current }) =>
    current.state === 'active' && current.revision === job.value.revision && !isBeingPlanned(current)
      ? {
          ok: true,
          job: actOnJob(current, 'encode'),
          effects: [{ type: 'run_step', step: { step: 'encode', jobId } }],
          events: [{ type: 'frames_delivered', message: `all ${current.plan.frameCount} frame(s) are delivered` }],
        }
      : { ok: true },
  )
}

/** Video, previews and manifest are there: the job is done. */
export async function reportEncoded(engine: Engine, jobId: JobId, files: JobRecord['files']): Promise<void> {
  await transact(engine, jobId, {}, ({ job }, now) =>
    job.state === 'encoding'
      ? {
          ok: true,
          job: actOnJob(job, 'complete', { endedAt: now, files: [...files] }),
          effects: [{ type: 'drop_queue' }],
          events: [{ type: 'job_completed', message: `${files.length} file(s) beside the frames` }],
        }
      : { ok: true },
  )
}

/** A step failed for good: the job stops and says why. */
export async function reportStepFailed(engine: Engine, jobId: JobId, code: ErrorCode, message: string): Promise<void> {
  await transact(engine, jobId, {}, ({ job }, now) =>
    mayJob(job.state, 'fail')
      ? {
          ok: true,
          job: failJob(job, now, code, message),
          effects: [{ type: 'drop_queue' }],
          events: [{ type: 'job_failed', message: `${code}: ${message}` }],
        }
      : { ok: true },
  )
}

/** A task whose audits are to be compared with it, all of them so far. */
export interface Audited {
  readonly job: JobRecord
  readonly task: TaskRecord
  readonly audits: readonly TaskRecord[]
}

/** What the verifier compares; null when there is nothing to compare (any more). */
export async function loadAudited(engine: Engine, jobId: JobId, taskId: TaskId): Promise<Audited | null> {
  const [job, [task]] = await Promise.all([engine.store.job(jobId), engine.store.tasks(jobId, [taskId])])
  if (job === null || task == null || job.value.state !== 'active' || task.value.state !== 'verifying') return null
  const audits = await engine.store.tasks(jobId, auditIds(task.value))
  return { job: job.value, task: task.value, audits: audits.flatMap((audit) => (audit === null ? [] : [audit.value])) }
}

/**
 * Every pair of renderings has been compared. What came since it was loaded begins a comparison of its own, and this
 * one decides nothing.
 */
export async function reportCompared(engine: Engine, audited: Audited, pairs: readonly Pair[]): Promise<void> {
  const {
    job: { id: jobId, requirement },
    task: { id: taskId },
  } = audited
  const eligible: WorkerId[] = (await ableWorkers(engine, requirement)).map((worker) => worker.id)
  await transact(
    engine,
    jobId,
    { tasks: [taskId, ...auditIds(audited.task)], framesOf: true },
    ({ job: current, task, frames }, now) => {
      const record = task(taskId)
      if (record === undefined) return { ok: true }
      const audits = auditIds(record).flatMap((id) => task(id) ?? [])
      const own = frames.filter((frame) => record.frames.includes(frame.number))
      return concludeAudit(current, record, { audits, frames: own, pairs, eligible, now })
    },
  )
}
