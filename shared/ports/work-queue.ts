import type { BackgroundStep } from '../domain/effect.ts'
import type { JobId, TaskId } from '../protocol/ids.ts'

/**
 * A render task in somebody's hand: lease it and then `done`, or `giveBack`. Whoever dies with it in hand gives it back
 * by and by.
 */
export interface TakenTask {
  readonly jobId: JobId
  readonly taskId: TaskId
  readonly epoch: number
  done(): Promise<void>
  giveBack(): Promise<void>
}

/**
 * Carries work; never the truth. Delivers at least once and in the order added. `epoch` is the task's epoch at the time
 * it was queued: an entry whose epoch is not the task's any more is stale and dropped by whoever takes it.
 */
export interface WorkQueue {
  /** Adding the same (task, epoch) again while it waits is a no-op. */
  addTasks(jobId: JobId, tasks: readonly { taskId: TaskId; epoch: number }[]): Promise<void>
  takeTask(jobId: JobId): Promise<TakenTask | null>
  waitingTasks(jobId: JobId): Promise<number>
  /** Frees what is held for a job that has nothing waiting. */
  letGoOfJob(jobId: JobId): Promise<void>
  /** Drops all that waits for a job. */
  dropJob(jobId: JobId): Promise<void>
  addStep(step: BackgroundStep): Promise<void>
  close(): Promise<void>
}

export interface StepContext {
  /** 1 for the first try. */
  readonly tryNumber: number
  /** If this one throws, the step is not tried again by itself. */
  readonly isLastTry: boolean
  /** Aborted when the process is to end, or the step was taken from it. */
  readonly signal: AbortSignal
}

export type StepHandler = (step: BackgroundStep, context: StepContext) => Promise<void>

/** Runs background steps, each at least once; a step that throws is tried again with backoff. */
export interface StepConsumer {
  start(): Promise<void>
  stop(): Promise<void>
}

/** Tells the other processes of the farm that something may be done now; losing a message costs time, never work. */
export interface Bulletin {
  publish(notice: Notice): Promise<void>
  subscribe(listener: (notice: Notice) => void): Promise<() => Promise<void>>
}

export type Notice =
  | { readonly type: 'work_waiting'; readonly jobId: JobId }
  | { readonly type: 'job_changed'; readonly jobId: JobId }
  | {
      readonly type: 'lease_canceled'
      readonly jobId: JobId
      readonly taskId: TaskId
      readonly epoch: number
      readonly workerId: string
      readonly reason: string
    }
