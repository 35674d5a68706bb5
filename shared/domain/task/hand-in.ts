import { refuse } from '../../protocol/errors.ts'
import { auditRound, auditTaskId, type WorkerId } from '../../protocol/ids.ts'
import type { JobRecord } from '../../protocol/job.ts'
import type { FrameRecord, ResultFile, TaskRecord } from '../../protocol/task.ts'
import type { Change, Decision } from '../decision.ts'
import type { Credit, Effect } from '../effect.ts'
import { stepOfFrame } from '../lifecycle/frame.ts'
import { act } from '../lifecycle/task.ts'
import { blankTask, partOf } from '../splitting/job-tasks.ts'
import { attemptOf, checkHolder, withAttempt, withdraw } from './attempts.ts'
import { checkFiles, workOf } from './expected-files.ts'
import { frameNearer } from './frames.ts'

/** What a worker hears whose second attempt, or whose slow first one, is not needed any more. */
export const OVERTAKEN = 'another worker finished this task first; nobody is to blame'

interface HandedIn {
  readonly files: readonly ResultFile[]
  readonly renderSeconds: number
  readonly peakMemoryBytes: number
  /** Whether the lottery, drawn over these very files, wants them audited. */
  readonly drawn: boolean
}

/** Who commits to which result. */
export interface Commitment {
  readonly workerId: WorkerId
  readonly epoch: number
  readonly result: HandedIn
  readonly now: number
}

/** Who says that the files of its result are sent. */
export interface Delivery {
  /** The records of the frames of the task. */
  readonly frames: readonly FrameRecord[]
  readonly workerId: WorkerId
  readonly epoch: number
  readonly now: number
}

/**
 * A worker commits to lengths and hashes; whoever else tries the same task is overtaken, and stops. Said again for the
 * same files it changes nothing; said again with other files it is refused: a commitment binds. Refused with
 * `result_invalid` as well when the files are not those of the task, or come sooner than the job thinks possible.
 */
export function commitResult(job: JobRecord, task: TaskRecord, { workerId, epoch, result, now }: Commitment): Decision {
  if (job.state !== 'active') return refuse('lease_stale', `job ${job.id} is ${job.state}`)
  const holder = checkHolder(task, workerId, epoch)
  if (!holder.ok) return holder
  if (task.state === 'delivering') {
    const same = JSON.stringify(holder.attempt.files) === JSON.stringify(result.files)
    return same
      ? { ok: true }
      : refuse('result_invalid', `task ${task.id}: this result was announced with other files; they cannot be changed`)
  }
  const files = checkFiles(job.plan, task, result.files)
  if (!files.ok) return files
  const [took, least] = [(now - holder.attempt.startedAt) / 1000, job.plan.secondsPerTaskMin ?? 0]
  if (took < least && workOf(job.plan, task) !== 'finish')
    return refuse(
      'result_invalid',
      `task ${task.id} was handed in ${took} s after it was leased; this job says that no render ` +
        `takes less than ${least} s, so the render is probably broken`,
    )
  const committed = withAttempt(task, epoch, {
    files: [...result.files],
    renderSeconds: result.renderSeconds,
    peakMemoryBytes: result.peakMemoryBytes,
    drawnForAudit: result.drawn,
  })
  const { task: alone, effects } = withdraw(committed, 'overtaken', OVERTAKEN, now, epoch)
  return { ok: true, tasks: [act(alone, 'commit_result')], effects }
}

/** The files are in the store with the lengths committed to. */
export function acceptDelivery(job: JobRecord, task: TaskRecord, { frames, workerId, epoch, now }: Delivery): Decision {
  const attempt = attemptOf(task, epoch)
  if (attempt?.workerId === workerId && attempt.outcome === 'rendered') return { ok: true } // said twice
  if (job.state !== 'active') return refuse('lease_stale', `job ${job.id} is ${job.state}`)
  const holder = checkHolder(task, workerId, epoch)
  if (!holder.ok) return holder
  if (task.state !== 'delivering')
    return refuse('result_invalid', `task ${task.id}: no result was announced yet; send "result" before "uploaded"`)
  const rendered = withAttempt(task, epoch, { outcome: 'rendered', endedAt: now })
  if (task.kind === 'audit') return acceptAudit(job, rendered, workerId, epoch)
  if (holder.attempt.drawnForAudit !== true)
    return acceptResult(job, rendered, frames, { taskId: task.id, epoch }, [
      { type: 'credit_worker', workerId, completed: 1 },
    ])
  const round = (task.auditRounds ?? 0) + 1
  return {
    ok: true,
    tasks: [act(rendered, 'verify', { auditRounds: round }), newAudit(task, round, { avoid: [workerId] })],
    effects: [{ type: 'announce_work' }],
  }
}

/** A result counts from here on: its frames come one task nearer, and what waits for them begins. */
export function acceptResult(
  job: JobRecord,
  task: TaskRecord,
  frames: readonly FrameRecord[],
  canonical: NonNullable<TaskRecord['canonical']>,
  effects: readonly (Effect | Credit)[],
): Change {
  const after = frames.map((frame) => frameNearer(job, task, frame))
  const steps = after.flatMap((frame): Effect[] => {
    const step = stepOfFrame(job.id, frame)
    return step === null ? [] : [{ type: 'run_step', step }]
  })
  return { ok: true, tasks: [act(task, 'complete', { canonical })], frames: after, effects: [...steps, ...effects] }
}

function acceptAudit(job: JobRecord, audit: TaskRecord, workerId: WorkerId, epoch: number): Change {
  const audited = audit.audits
  if (audited === undefined) throw new Error(`audit ${audit.id} checks nothing`)
  const round = auditRound(audit.id)
  return {
    ok: true,
    tasks: [act(audit, 'complete', { canonical: { taskId: audit.id, epoch } })],
    effects: [
      { type: 'run_step', step: { step: 'compare', jobId: job.id, taskId: audited, round } },
      { type: 'credit_worker', workerId, completed: 1 },
    ],
  }
}

/** The task again, for other eyes. */
export function newAudit(task: TaskRecord, round: number, who: { avoid: WorkerId[]; only?: WorkerId }): TaskRecord {
  return { ...blankTask(auditTaskId(task.id, round), 'audit', task.frames), ...partOf(task), audits: task.id, ...who }
}
