import { isPicky } from '../../domain/scheduling/task-fit.ts'
import { grantLease } from '../../domain/task/grant-lease.ts'
import type { TaskId } from '../../protocol/ids.ts'
import type { JobRecord } from '../../protocol/job.ts'
import type { Lease } from '../../protocol/messages.ts'
import type { TaskRecord } from '../../protocol/task.ts'
import { buildLease } from './build-lease.ts'
import type { WorkerRoster } from './worker-roster.ts'
import type { Engine } from '../context.ts'
import { takeBack } from '../results/hand-in.ts'
import type { ConnectedWorker } from './connected-worker.ts'
import { transact } from '../commit/transact.ts'

/**
 * `not_this`: the task is no longer what was thought of it, or may not go to this worker. `not_now`: nothing of the job
 * may be given at this time, because it is paused or has as many tasks with workers as its cap allows.
 */
export type Given = 'given' | 'not_this' | 'not_now'

/** Decides whether a worker gets a lease. */
export type GrantRule = typeof grantLease

/**
 * The lease of a queued task, while it is as it was when it was queued; an entry of the queue that is stale grants
 * nothing.
 */
export function asQueued(epoch: number): GrantRule {
  return (job, task, taker) =>
    task.epoch === epoch && task.state === 'queued' ? grantLease(job, task, taker) : { ok: true }
}

/** Which task of which job is to be given to whom. */
export interface Offer {
  readonly roster: WorkerRoster
  readonly worker: ConnectedWorker
  readonly job: JobRecord
  readonly taskId: TaskId
  readonly grant: GrantRule
}

/** Leases a task to a worker, if the rules allow it, and hands the lease over. */
export async function giveLease(engine: Engine, { roster, worker, job, taskId, grant }: Offer): Promise<Given> {
  let leased: TaskRecord | undefined
  let record = job
  const outcome = await transact(engine, job.id, { tasks: [taskId] }, (facts, now) => {
    record = facts.job
    leased = undefined
    const task = facts.task(taskId)
    if (task === undefined) return { ok: true }
    // Who else is there is asked for few tasks only; among thousands of workers it is worth not to look.
    const [others, anchors] = isPicky(task)
      ? [roster.othersFor(facts.job, worker.workerId), roster.anchorsFor(facts.job)]
      : [[], []]
    const decision = grant(facts.job, task, {
      workerId: worker.workerId,
      others,
      anchors,
      tooSmall: roster.tooSmallFor(task, worker),
      farther: roster.fartherFor(facts.job, task),
      now,
    })
    leased = decision.ok ? decision.tasks?.[0] : undefined
    return decision
  })
  // A lease that was decided and refused by the store is one too many for the cap.
  if (!outcome.ok && outcome.code === 'conflict' && (leased !== undefined || record.pausedAt !== undefined))
    return 'not_now'
  if (!outcome.ok || leased === undefined) return 'not_this'
  let lease: Lease
  try {
    lease = await buildLease(engine, record, leased)
  } catch (error) {
    // Nobody heard of this lease, so nobody is to blame when it is not used.
    await takeBack(engine, { jobId: job.id, taskId, epoch: leased.epoch, workerId: worker.workerId })
    throw error
  }
  if (worker.give(lease, leased)) return 'given'
  engine.log.info({ jobId: job.id, taskId, workerId: worker.workerId }, 'worker left before its lease reached it')
  await takeBack(engine, { jobId: job.id, taskId, epoch: leased.epoch, workerId: worker.workerId })
  return 'not_this'
}
