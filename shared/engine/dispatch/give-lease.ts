import { isPicky } from '../../domain/scheduling/task-fit.ts'
import { leaseTask } from '../../domain/task/take-up.ts'
import type { TaskId } from '../../protocol/ids.ts'
import type { JobRecord } from '../../protocol/job.ts'
import type { Lease } from '../../protocol/messages.ts'
import type { TaskRecord } from '../../protocol/task.ts'
import { buildLease } from './build-lease.ts'
import type { Company } from './company.ts'
import type { Engine } from '../context.ts'
import { takeBack } from '../results/hand-in.ts'
import type { Seat } from './seat.ts'
import { transact } from '../commit/transact.ts'

/** `not now`: nothing of the job may be given at this time, because it is paused or has as many tasks with workers as its cap allows. */
export type Given = boolean | 'not now'

/** Decides whether a worker gets a lease. */
export type TakeUp = typeof leaseTask

/** The lease of a queued task, while it is as it was when it was queued; an entry of the queue that is stale grants nothing. */
export function asQueued(epoch: number): TakeUp {
  return (job, task, ...rest) => (task.epoch === epoch && task.state === 'queued' ? leaseTask(job, task, ...rest) : { ok: true })
}

/** False when the task is no longer what was thought of it, or may not go to this worker. */
export async function giveLease(engine: Engine, company: Company, seat: Seat, job: JobRecord, taskId: TaskId, takeUp: TakeUp): Promise<Given> {
  let leased: TaskRecord | undefined
  let record = job
  const outcome = await transact(engine, job.id, { tasks: [taskId] }, (facts, now) => {
    record = facts.job
    leased = undefined
    const task = facts.task(taskId)
    if (task === undefined) return { ok: true }
    // Who else is there is asked for few tasks only; among thousands of workers it is worth not to look.
    const [others, anchors] = isPicky(task) ? [company.othersFor(facts.job, seat.workerId), company.anchorsFor(facts.job)] : [[], []]
    const decision = takeUp(facts.job, task, seat.workerId, others, now, anchors, company.tooSmallFor(task, seat))
    leased = decision.ok ? decision.tasks?.[0] : undefined
    return decision
  })
  // A lease that was decided and refused by the store is one too many for the cap.
  if (!outcome.ok && outcome.code === 'conflict' && (leased !== undefined || record.pausedAt !== undefined)) return 'not now'
  if (!outcome.ok || leased === undefined) return false
  let lease: Lease
  try {
    lease = await buildLease(engine, record, leased)
  } catch (error) {
    // Nobody heard of this lease, so nobody is to blame when it is not used.
    await takeBack(engine, { jobId: job.id, taskId, epoch: leased.epoch, workerId: seat.workerId })
    throw error
  }
  if (seat.give(lease, leased)) return true
  engine.log.info({ jobId: job.id, taskId, workerId: seat.workerId }, 'worker left before its lease reached it')
  await takeBack(engine, { jobId: job.id, taskId, epoch: leased.epoch, workerId: seat.workerId })
  return false
}
