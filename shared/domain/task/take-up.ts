import { refuse } from '../../protocol/errors.ts'
import type { WorkerId } from '../../protocol/ids.ts'
import type { JobRecord } from '../../protocol/job.ts'
import type { TaskRecord } from '../../protocol/task.ts'
import type { Decision } from '../decision.ts'
import { mayHave } from '../scheduling/task-fit.ts'
import { act } from './lifecycle.ts'

/** Most attempts of one task that are kept and allowed, free ones included: a farm that fails for ever must stop too. */
export const ATTEMPTS_MAX = 48

/** A worker gets the right to try. `others` and `anchors`: connected workers eligible for the job. Refused with `conflict` when it may not. */
export function leaseTask(job: JobRecord, task: TaskRecord, workerId: WorkerId, others: readonly WorkerId[], now: number, anchors: readonly WorkerId[] = []): Decision {
  if (job.state !== (task.kind === 'inspect' ? 'inspecting' : 'active')) return refuse('conflict', `job ${job.id} is ${job.state}`)
  if (task.state !== 'queued') return refuse('conflict', `task ${task.id} is ${task.state}`)
  if (!mayHave(task, workerId, others, anchors)) return refuse('conflict', `task ${task.id} is not for worker ${workerId}`)
  const epoch = task.epoch + 1
  return {
    ok: true,
    tasks: [act({ ...task, epoch, attempts: [...task.attempts, { epoch, workerId, outcome: 'running', startedAt: now, verdict: 'unverified' }] }, 'lease')],
  }
}
