import type { Effect } from '../../shared/domain/effect.ts'
import type { Commit } from '../../shared/ports/farm-store.ts'
import type { BackgroundStep } from '../../shared/domain/effect.ts'
import type { JobId, TaskId } from '../../shared/protocol/ids.ts'
import type { JobRecord } from '../../shared/protocol/job.ts'
import type { CoordinatorMessage } from '../../shared/protocol/messages.ts'
import type { FrameRecord, TaskRecord } from '../../shared/protocol/task.ts'
import type { SimulatedWorker } from './worker.ts'
import type { World } from './world.ts'

/** One commit that the farm store took, with the records it replaced. */
interface Seen {
  readonly jobId: JobId
  readonly before: JobRecord | undefined
  readonly job: JobRecord
  readonly commit: Commit
  readonly tasks: readonly { readonly before: TaskRecord | undefined; readonly after: TaskRecord }[]
  readonly frames: readonly { readonly before: FrameRecord | undefined; readonly after: FrameRecord }[]
  /** A task of the job as it is after the commit. */
  task(id: TaskId): TaskRecord | undefined
}

/** Something that reached a queue or the bulletin. */
export type Performed =
  | {
      readonly type: 'tasks_queued'
      readonly jobId: JobId
      readonly tasks: readonly { readonly taskId: TaskId; readonly epoch: number }[]
    }
  | { readonly type: 'step_added'; readonly step: BackgroundStep }
  | { readonly type: 'queue_dropped'; readonly jobId: JobId }
  | {
      readonly type: 'told'
      readonly jobId: JobId
      readonly what: Exclude<Effect['type'], 'queue_tasks' | 'run_step' | 'drop_queue'>
    }

type Report = (message: string) => void

/**
 * Holds a run to one promise. Each hook is called at its time; whatever it reports fails the run under the checker's
 * name.
 */
export interface Checker {
  readonly name: string
  committed?(seen: Seen, report: Report): void
  performed?(what: Performed, report: Report): void
  /** A session sends a message; `afterDraining` when it has heard on this line that the worker leaves. */
  sent?(to: SimulatedWorker, message: CoordinatorMessage, afterDraining: boolean, report: Report): void
  /** Redis is about to lose everything. */
  lost?(world: World): Promise<void>
  /** It was rebuilt, and opens at this moment. */
  recovered?(world: World, report: Report): Promise<void>
  /** Now and then, between two events. */
  swept?(world: World, report: Report): Promise<void>
  /** When everything has settled, or should have. */
  ended?(world: World, report: Report): Promise<void>
}
