import type { Refusal } from '../protocol/errors.ts'
import type { JobRecord } from '../protocol/job.ts'
import type { JobEvent } from '../protocol/rest.ts'
import type { FrameRecord, TaskRecord } from '../protocol/task.ts'
import type { Credit, Effect } from './effect.ts'

/** What follows from an event: records to write, effects to run afterwards, lines for the job's log. */
export interface Change {
  readonly ok: true
  readonly job?: JobRecord
  readonly tasks?: readonly TaskRecord[]
  readonly frames?: readonly FrameRecord[]
  readonly effects?: readonly (Effect | Credit)[]
  readonly events?: readonly NewEvent[]
}

/** A line for the job's log; its time is that of the commit. */
export type NewEvent = Omit<JobEvent, 'seq' | 'at'>

export type Decision = Change | Refusal

export function assertNever(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`)
}
