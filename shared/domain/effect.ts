import type { JobId, TaskId, WorkerId } from '../protocol/ids.ts'

/** Work for the verifier and the assembler. Every step may run twice and must not mind. */
export type BackgroundStep =
  | { readonly step: 'compare'; readonly jobId: JobId; readonly taskId: TaskId; readonly round: number }
  | { readonly step: 'stitch'; readonly jobId: JobId; readonly frame: number }
  | { readonly step: 'deliver'; readonly jobId: JobId; readonly frame: number }
  | { readonly step: 'encode'; readonly jobId: JobId }
  | { readonly step: 'erase'; readonly jobId: JobId }

/** What must happen after a commit, at least once. */
export type Effect =
  | { readonly type: 'queue_tasks'; readonly tasks: readonly { readonly taskId: TaskId; readonly epoch: number }[] }
  | { readonly type: 'announce_work' }
  | { readonly type: 'run_step'; readonly step: BackgroundStep }
  | {
      readonly type: 'cancel_lease'
      readonly workerId: WorkerId
      readonly taskId: TaskId
      readonly epoch: number
      readonly reason: string
    }
  | { readonly type: 'drop_queue' }

/** Adds to what is known of a worker. Part of the commit itself, so that it counts once whatever dies. */
export interface Credit {
  readonly type: 'credit_worker'
  readonly workerId: WorkerId
  readonly completed?: number
  readonly failed?: number
  readonly refuted?: number
}
