import type { ErrorCode } from '../../protocol/errors.ts'
import { FAILURES, type Failure } from '../../protocol/failure.ts'
import type { WorkerId } from '../../protocol/ids.ts'
import type { JobRecord } from '../../protocol/job.ts'
import { LIMITS } from '../../protocol/limits.ts'
import type { FrameRecord, TaskRecord } from '../../protocol/task.ts'
import type { Capabilities } from '../../protocol/worker.ts'
import type { Change, Decision } from '../decision.ts'
import type { Credit, Effect } from '../effect.ts'
import { actOnJob, jobIsOver } from '../lifecycle/job.ts'
import { isOlder } from '../scheduling/blender-choice.ts'
import { gib } from '../scheduling/eligibility.ts'
import { queueing } from '../scheduling/task-fit.ts'
import {
  attemptOf,
  checkHolder,
  currentAttempts,
  liveAttempts,
  resultOf,
  sceneFaults,
  triesUsed,
  unreadResults,
  withAttempt,
  withdraw,
} from './attempts.ts'
import { frameTakenBack, mayTakeBack } from './frames.ts'
import { act, isOver } from '../lifecycle/task.ts'
import { notBefore, outgrownBy } from './retry.ts'
import { ATTEMPTS_MAX } from './grant-lease.ts'

/** What a worker says that could not render a task. `machine`: what it has. */
export interface FailedAttempt {
  readonly workerId: WorkerId
  readonly epoch: number
  readonly failure: Failure
  readonly machine?: Capabilities | undefined
  readonly now: number
}

/** What is said of a result that does not hold what was committed to. */
export interface Rejection {
  /** The records of the frames of the task. */
  readonly frames: readonly FrameRecord[]
  readonly epoch: number
  readonly reason: string
  /** The audits of a task, or the task that an audit checks. */
  readonly related?: readonly TaskRecord[]
  /** Whose it is; the worker's unless something else is said. */
  readonly fault?: ResultFault
  readonly now: number
}

/**
 * Results of one task, of a kind that the farm does not read, after which its job stops: what others render will be of
 * that kind too.
 */
const UNREAD_RESULTS_MAX = 2

const WITHHELD: Failure = {
  code: 'result_withheld',
  message: 'the worker gave back a result that it had committed to, before its files were here',
}

/**
 * Whose fault a result is that cannot be used: its worker's, nobody's (it may be another file that is wrong), or the
 * farm's, which does not read it.
 */
export type ResultFault = 'worker' | 'nobody' | 'farm'

/**
 * A worker could not render it. The blame decides: somebody else tries (a machine with more memory where `machine`, the
 * worker's, ran out of it), the job stops early by its scene's own fault, or the farm tries again after a pause that
 * grows. A Blender that is older than the scene, which the job allowed, is not to blame for what it cannot open.
 */
export function failAttempt(
  job: JobRecord,
  task: TaskRecord,
  { workerId, epoch, failure: told, machine, now }: FailedAttempt,
): Decision {
  const holder = checkHolder(task, workerId, epoch)
  if (!holder.ok) return holder
  const failure = overNewerFile(job, told, machine)
  const failed = withAttempt(task, epoch, { outcome: 'failed', endedAt: now, failure })
  const blame = FAILURES[failure.code]
  const effects: (Effect | Credit)[] = blame === 'worker' ? [{ type: 'credit_worker', workerId, failed: 1 }] : []
  const message = `${failure.code}: ${failure.message}`
  const [pausedUntil, outgrew] = [
    blame === 'farm' ? notBefore(failed, now) : undefined,
    outgrownBy(failed, failure, machine),
  ]
  const next = {
    ...failed,
    ...(pausedUntil === undefined ? {} : { notBefore: pausedUntil }),
    ...(outgrew === undefined ? {} : { outgrew }),
  }
  return tryAgain(job, blame === 'farm' ? next : avoiding(next, workerId), now, failure.message, {
    effects,
    events: [{ type: 'attempt_failed', message, taskId: task.id, workerId }],
  })
}

/** Older Blenders end with a signal over what they do not know, which elsewhere would be a machine's fault. */
function overNewerFile({ plan: { blender } }: JobRecord, failure: Failure, machine: Capabilities | undefined): Failure {
  const version = machine?.blender.version
  if (blender === undefined || version === undefined || !isOlder(version, blender.savedBy)) return failure
  if (failure.code !== 'blender_crashed' && failure.code !== 'no_progress') return failure
  const message =
    `Blender ${version} is older than Blender ${blender.savedBy}, which saved the scene, and failed over it: ` +
    `${failure.message}. Leave out the oldest version that the job allows, or save the scene with an older Blender`
  return { ...failure, code: 'blend_unreadable', message: message.slice(0, LIMITS.messageLengthMax) }
}

/** The lease ran out: the worker is dead, stalled or silent. */
export function expireLease(job: JobRecord, task: TaskRecord, epoch: number, now: number): Decision {
  const attempt = attemptOf(task, epoch)
  if (attempt?.outcome !== 'running') return { ok: true }
  const { workerId } = attempt
  const expired = avoiding(withAttempt(task, epoch, { outcome: 'expired', endedAt: now }), workerId)
  return tryAgain(job, expired, now, 'no answer in time', {
    effects: [
      { type: 'cancel_lease', workerId, taskId: task.id, epoch, reason: 'the lease ran out' },
      { type: 'credit_worker', workerId, failed: 1 },
    ],
    events: [
      {
        type: 'lease_expired',
        message: `no heartbeat for lease ${epoch} in time; the task goes to another worker`,
        taskId: task.id,
        workerId,
      },
    ],
  })
}

/**
 * The worker gives it back. Nobody is to blame while it had nothing to show; but after a commitment it may know that it
 * was drawn for an audit, so that what it gives back then counts as a failure of its own.
 */
export function releaseLease(
  job: JobRecord,
  task: TaskRecord,
  workerId: WorkerId,
  epoch: number,
  now: number,
): Decision {
  const holder = checkHolder(task, workerId, epoch)
  if (!holder.ok) return holder
  if (holder.attempt.files !== undefined) return failAttempt(job, task, { workerId, epoch, failure: WITHHELD, now })
  return tryAgain(
    job,
    withAttempt(task, epoch, { outcome: 'released', endedAt: now }),
    now,
    'its worker gave it back',
    {},
  )
}

/**
 * What was handed in does not hold what was committed to: a wrong hash, an image that cannot be read or has the wrong
 * size. Found by whoever read the file, so the task may be completed already; its frame goes back to rendering. A step
 * that runs twice may say so after the other one read the file whole: once the frame has moved on, nothing is taken
 * back. Audits of it that are still open are canceled, since there is nothing to check until somebody has rendered it
 * anew; and a rejected audit does not go to whoever rendered what it checks. Only with the `fault` of its worker is
 * that one blamed; with that of the farm the job stops soon.
 */
export function rejectResult(
  job: JobRecord,
  task: TaskRecord,
  { frames, epoch, reason, related = [], fault = 'worker', now }: Rejection,
): Decision {
  const attempt = task.attempts.find((each) => each.epoch === epoch)
  if (
    attempt === undefined ||
    attempt.outcome !== 'rendered' ||
    task.state === 'queued' ||
    task.state === 'failed' ||
    task.state === 'canceled'
  )
    return { ok: true }
  const counted = task.state === 'completed' && task.kind !== 'audit'
  if (job.state !== 'active' || (counted && !mayTakeBack(job, task, frames))) return { ok: true }
  // Its own result was refuted before and an audit's counts instead: the worker of that audit is to blame, and hears of
  // it in the comparison.
  const ownFault = fault === 'worker' && (task.canonical === undefined || task.canonical.taskId === task.id)
  const { canonical: _gone, ...rest } = withAttempt(task, epoch, {
    outcome: 'rejected',
    verdict: fault === 'worker' ? 'refuted' : 'unverified',
    endedAt: now,
    ...(fault === 'farm'
      ? { failure: { code: 'result_unread', message: reason.slice(0, LIMITS.messageLengthMax) } }
      : {}),
  })
  const message = fault === 'farm' ? `${reason} (the farm does not read it; its worker is not to blame)` : reason
  const checked = related.find((other) => other.id === task.audits)
  const author = checked === undefined ? undefined : resultOf(checked)?.workerId
  const blamed = avoiding({ ...rest, verdict: 'unverified' }, attempt.workerId)
  const rejected = author === undefined ? blamed : avoiding(blamed, author)
  const overtaken = related
    .filter((other) => other.audits === task.id)
    .map((audit) => cancelTask(audit, now, 'what it checks was rejected'))
  const again = tryAgain(job, rejected, now, reason, {
    effects: [
      ...(ownFault ? [{ type: 'credit_worker', workerId: attempt.workerId, failed: 1 } as const] : []),
      ...overtaken.flatMap((change) => change.effects ?? []),
    ],
    events: [{ type: 'result_rejected', message, taskId: task.id, workerId: attempt.workerId }],
  })
  const tasks = [...(again.tasks ?? []), ...overtaken.flatMap((change) => change.tasks ?? [])]
  if (!counted) return { ...again, tasks }
  return { ...again, tasks, frames: frames.map((frame) => frameTakenBack(task, frame)) }
}

/**
 * Queued again, or failed together with its job when it was tried often enough, or canceled with a job that is over.
 * Left with whoever else is at it where two were. `why`: what ended the last try.
 */
function tryAgain(
  job: JobRecord,
  task: TaskRecord,
  now: number,
  why: string,
  also: Pick<Change, 'effects' | 'events'>,
): Change {
  if (jobIsOver(job.state)) {
    const left = withdraw(task, 'canceled', `the job is ${job.state}`, now)
    return {
      ok: true,
      tasks: [isOver(task.state) ? task : act(left.task, 'cancel')],
      effects: [...(also.effects ?? []), ...left.effects],
      events: also.events ?? [],
    }
  }
  if (liveAttempts(task).length > 0)
    return { ok: true, tasks: [task], effects: also.effects ?? [], events: also.events ?? [] }
  const faults = sceneFaults(task)
  const last = [...task.attempts].reverse().find((attempt) => attempt.failure !== undefined)?.failure
  const unread = unreadResults(task)
  const about = `task ${task.id} (frame ${task.frames.join(', ')})`
  if (unread >= UNREAD_RESULTS_MAX) {
    const message = `${about} was rendered ${unread} times, and the farm does not read what that gave: ${why}`
    return stopJob(job, task, { now, code: 'assembly_failed', message, last: undefined, also })
  }
  if (faults >= LIMITS.sceneFaultsMax) {
    const message = `${about} failed ${faults} times by the scene's own fault: ${last?.message ?? ''}`
    return stopJob(job, task, { now, code: 'poison_scene', message, last, also })
  }
  const tries = triesUsed(task)
  if (tries >= LIMITS.triesPerTaskMax || currentAttempts(task).length >= ATTEMPTS_MAX) {
    const message = `${about} failed ${currentAttempts(task).length} times, the last time: ${why}${memoryAdvice(task)}`
    return stopJob(job, task, { now, code: 'tries_exhausted', message, last, also })
  }
  const queued = act(task, 'requeue')
  return {
    ok: true,
    tasks: [queued],
    effects: [...queueing([queued]), { type: 'announce_work' }, ...(also.effects ?? [])],
    events: also.events ?? [],
  }
}

function memoryAdvice({ outgrew }: TaskRecord): string {
  const sizes = [outgrew?.memoryBytes, outgrew?.gpuMemoryBytes].map((bytes) =>
    bytes === undefined ? undefined : gib(bytes),
  )
  if (sizes.every((size) => size === undefined)) return ''
  const [main, gpu] = sizes
  const what = [
    ...(main === undefined ? [] : [`${main} GiB of memory`]),
    ...(gpu === undefined ? [] : [`${gpu} GiB of GPU memory`]),
  ].join(' and ')
  return `. ${what} was not enough: connect a machine with more, or make the scene smaller`
}

interface Stop {
  readonly code: ErrorCode
  readonly message: string
  /** The last failure of the task, for Blender's last words. */
  readonly last: Failure | undefined
  readonly also: Pick<Change, 'effects' | 'events'>
  readonly now: number
}

function stopJob(job: JobRecord, task: TaskRecord, { code, message, last, also, now }: Stop): Change {
  return {
    ok: true,
    job: failJob(job, now, code, message, last?.lastWords),
    tasks: [act(task, 'fail', { note: message.slice(0, LIMITS.messageLengthMax) })],
    effects: [...(also.effects ?? []), { type: 'drop_queue' }],
    events: [
      ...(also.events ?? []),
      { type: 'job_failed', message: `${code}: ${message}`.slice(0, LIMITS.messageLengthMax), taskId: task.id },
    ],
  }
}

export function failJob(job: JobRecord, now: number, code: ErrorCode, message: string, lastWords?: string): JobRecord {
  return actOnJob(job, 'fail', {
    endedAt: now,
    failure: {
      code,
      message: message.slice(0, LIMITS.messageLengthMax),
      ...(lastWords === undefined ? {} : { lastWords }),
    },
  })
}

function avoiding(task: TaskRecord, workerId: WorkerId): TaskRecord {
  return task.avoid.includes(workerId) ? task : { ...task, avoid: [...task.avoid, workerId].slice(-32) }
}

/** A task of a job that is over: its lease is taken away. */
export function cancelTask(task: TaskRecord, now: number, reason: string): Change {
  if (isOver(task.state)) return { ok: true }
  const left = withdraw(task, 'canceled', reason, now)
  return {
    ok: true,
    tasks: [act(left.task, 'cancel')],
    ...(left.effects.length === 0 ? {} : { effects: left.effects }),
  }
}
