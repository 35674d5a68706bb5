import type { Credit, Effect } from '../domain/effect.ts'
import type { JobId, TaskId, WorkerId } from '../protocol/ids.ts'
import type { JobRecord } from '../protocol/job.ts'
import type { JobEvent } from '../protocol/rest.ts'
import type { SceneRecord } from '../protocol/scene.ts'
import type { FrameRecord, TaskRecord } from '../protocol/task.ts'
import type { WorkerRecord } from '../protocol/worker.ts'

/** A record with the version a commit must name to replace it; a record that does not exist yet has version 0. */
export interface Versioned<T> {
  readonly version: number
  readonly value: T
}

/** One compare-and-set: the record is replaced if its version is still `expected`, removed if `value` is null. */
export interface Write<Id, T> {
  readonly id: Id
  readonly expected: number
  readonly value: T | null
}

/**
 * All that one event changes in one job, committed whole or not at all. Counters and indexes are worked out from the
 * difference of the records (engine/commit/commit.ts), so that they cannot say anything the records do not.
 */
export interface Commit {
  /**
   * The job record must still be at this version, though it is not written (a job that was canceled grants no lease).
   */
  readonly jobVersion?: number
  readonly job?: Write<JobId, JobRecord>
  readonly tasks: readonly Write<TaskId, TaskRecord>[]
  readonly frames: readonly Write<number, FrameRecord>[]
  /** The counter must be below this before the commit; else nothing is written, and the answer is `no_room`. */
  readonly room?: { readonly counter: string; readonly below: number }
  /** Added to the job's counters: `render.queued` -> -1. */
  readonly counters: Readonly<Record<string, number>>
  /** Leases by `taskId@epoch` that begin or end, with the farm time at which they expire. */
  readonly leases: readonly { readonly taskId: TaskId; readonly epoch: number; readonly expiresAt: number | null }[]
  /** Queued tasks that only some workers may have, to be chosen by looking; true enters the list, false leaves it. */
  readonly picky: readonly { readonly taskId: TaskId; readonly listed: boolean }[]
  readonly effects: readonly Effect[]
  /** Added to the counts of workers. */
  readonly credits: readonly Credit[]
  readonly events: readonly Omit<JobEvent, 'seq'>[]
  /**
   * Which of the records written are to be told to the journal; the store remembers it until `journaled` says that they
   * were.
   */
  readonly journal?: { readonly job: boolean; readonly tasks: readonly TaskId[]; readonly frames: readonly number[] }
  /** Written into a farm that is being recovered; all other commits need one that is open. */
  readonly recovered?: true
}

/** A record that the journal does not have as it is now. */
export interface Unjournaled {
  /** Its name among the marks of the job, and the mark's own number: a record that is written again gets a new one. */
  readonly mark: string
  readonly at: number
  readonly what: 'job' | 'task' | 'frame'
  readonly version: number
  /** The record as JSON text, not looked into: whoever reads the journal checks it. Null when it was removed. */
  readonly record: string | null
}

/**
 * The term that a store is in, and whether its farm is open. The term rises with each recovery: versions of records
 * made in a term are higher than all that were made before, so that nothing that is remembered of a lost state can pass
 * for the present one.
 */
export interface FarmTerm {
  readonly term: number
  /** False while it is being recovered. */
  readonly open: boolean
}

/**
 * What became of a commit. Of one that was not written, `why`: a lost race (`record` is not, or not any more, as it was
 * expected), or a counter that was not below what the commit has room for.
 */
export type Committed =
  | { readonly ok: true; readonly effectIds: readonly string[]; readonly counters: Readonly<Record<string, number>> }
  | { readonly ok: false; readonly why: 'lost_race'; readonly record: string }
  | { readonly ok: false; readonly why: 'no_room'; readonly counter: string }

export interface PendingEffect {
  readonly id: string
  readonly committedAt: number
  readonly effect: Effect
}

/** A request that its sender may send again. */
export interface RememberedRequest {
  /** Tells it from any other under the same key. */
  readonly fingerprint: string
  /** The name of what it makes, chosen before it is made, so that doing it again makes the same thing. */
  readonly makes: string
  /** Null until there is one. */
  readonly answer: string | null
}

export interface Page<T> {
  readonly items: readonly T[]
  readonly next: string | null
}

/**
 * Where the truth about a farm lives. Outages throw `FarmStoreUnavailable`; a lost race is a value. A store that lost
 * its state answers nothing with "there is none": what finds nothing, and every commit, throws `FarmStateLost` then. A
 * record that could not be read back is not written: `commit`, `putScene` and `putWorker` throw `UnstorableRecord`.
 */
export interface FarmStore {
  /** The store's own time, milliseconds since 1970. */
  time(): Promise<number>
  check(): Promise<void>
  /** Null when this store holds no farm: a new one, or one that was emptied. */
  farmTerm(): Promise<FarmTerm | null>
  /** Replaces the farm term if it is still `from`; true if it was. */
  changeFarmTerm(from: FarmTerm | null, to: FarmTerm): Promise<boolean>
  /** Whether there are jobs, whatever the farm term. */
  holdsJobs(): Promise<boolean>
  /**
   * True for one caller in `ttlMs`: what one process of the farm does for all of them. Two may have it when the first
   * one is slow.
   */
  takeTurn(name: string, ttlMs: number): Promise<boolean>

  job(id: JobId): Promise<Versioned<JobRecord> | null>
  tasks(jobId: JobId, ids: readonly TaskId[]): Promise<(Versioned<TaskRecord> | null)[]>
  frames(jobId: JobId, numbers: readonly number[]): Promise<(Versioned<FrameRecord> | null)[]>
  counters(jobId: JobId): Promise<Readonly<Record<string, number>>>
  commit(jobId: JobId, commit: Commit, now: number): Promise<Committed>

  /** Pushes the end of leases to `expiresAt`; gives those of `leases` that are no longer held. */
  renew(
    jobId: JobId,
    leases: readonly { taskId: TaskId; epoch: number }[],
    expiresAt: number,
  ): Promise<{ taskId: TaskId; epoch: number }[]>
  expiredLeases(jobId: JobId, now: number, limit: number): Promise<{ taskId: TaskId; epoch: number }[]>
  /** Queued tasks that not every worker may have, oldest first. */
  picky(jobId: JobId, limit: number): Promise<TaskId[]>

  /** Effects committed before `before` and not yet acknowledged. */
  pendingEffects(jobId: JobId, before: number, limit: number): Promise<PendingEffect[]>
  acknowledge(jobId: JobId, effectIds: readonly string[]): Promise<void>

  /** Records that the journal lacks, in the order in which they were written first since. */
  unjournaled(jobId: JobId, limit: number): Promise<Unjournaled[]>
  /** Takes marks back, but for those of records that were written again meanwhile. */
  journaled(jobId: JobId, marks: readonly Pick<Unjournaled, 'mark' | 'at'>[]): Promise<void>

  /** Jobs by time of creation, newest first; `owner` undefined lists everybody's. */
  listJobs(query: { owner?: string; cursor?: string; limit: number }): Promise<Page<JobRecord>>
  /** Jobs that are not over, or have effects outstanding. */
  openJobs(): Promise<JobId[]>
  /** How many jobs of an owner have not been closed since they were submitted. */
  countOpenJobs(owner: string): Promise<number>
  /** A job leaves the open list when it has ended, nothing of it is outstanding and the journal has all of it. */
  closeJob(jobId: JobId): Promise<void>
  listTasks(jobId: JobId, query: { cursor?: string; limit: number }): Promise<Page<TaskRecord>>
  listFrames(jobId: JobId, query: { cursor?: string; limit: number }): Promise<Page<FrameRecord>>
  events(jobId: JobId, query: { cursor?: string; limit: number }): Promise<Page<JobEvent>>
  /** Removes every key of a job. */
  eraseJob(jobId: JobId): Promise<void>

  scene(sha256: string): Promise<SceneRecord | null>
  putScene(scene: SceneRecord): Promise<void>
  deleteScene(sha256: string): Promise<void>
  listScenes(query: { cursor?: string; limit: number }): Promise<Page<SceneRecord>>
  /** Jobs that use a scene; a blob may go only when there is none. */
  jobsOfScene(sha256: string): Promise<JobId[]>

  worker(id: WorkerId): Promise<WorkerRecord | null>
  /**
   * Stores what a worker told of itself. Its counts and its quarantine are taken from the first record only; later ones
   * may be older than what somebody else said meanwhile.
   */
  putWorker(worker: WorkerRecord): Promise<void>
  /** Puts a worker into quarantine, or lets it out. One that is not known yet comes into it when it connects. */
  setQuarantined(id: WorkerId, quarantined: boolean): Promise<void>
  /** Stores a worker with the counts and the quarantine of the record, whatever was there. */
  restoreWorker(worker: WorkerRecord): Promise<void>
  /** Those of these that are known. */
  workers(ids: readonly WorkerId[]): Promise<WorkerRecord[]>
  listWorkers(): Promise<WorkerRecord[]>
  countWorkers(): Promise<number>
  /** Workers last seen before a time, longest unseen first, but for the first `offset`. */
  workersUnseen(before: number, limit: number, offset?: number): Promise<WorkerId[]>
  /**
   * Forgets all that is known of a worker, unless it was seen since `before` or is connected; true if it is not known
   * any more.
   */
  forgetWorker(id: WorkerId, before: number): Promise<boolean>
  /** Marks a worker as connected through `sessionId` for `ttlMs`; a later session of the same worker replaces it. */
  holdSession(workerId: WorkerId, sessionId: string, ttlMs: number): Promise<void>
  /** True while no newer session of the worker was opened. */
  keepSession(workerId: WorkerId, sessionId: string, ttlMs: number): Promise<boolean>
  endSession(workerId: WorkerId, sessionId: string): Promise<void>
  connectedWorkers(): Promise<Set<WorkerId>>

  /** What an Idempotency-Key was used for, if it was; else null, and the key is now taken by this request. */
  rememberRequest(key: string, request: RememberedRequest, ttlMs: number): Promise<RememberedRequest | null>
  /** Stores the request with its answer. */
  answerRequest(key: string, request: RememberedRequest, ttlMs: number): Promise<void>

  /** Who a token belongs to. Tokens are known by their SHA-256 only. */
  token(sha256: string): Promise<{ name: string; scopes: string[] } | null>
  putToken(sha256: string, owner: { name: string; scopes: string[] }): Promise<void>
}

/** The farm store cannot be reached. What was being done may or may not have been committed. */
export class FarmStoreUnavailable extends Error {
  readonly retryable = true
  constructor(cause: unknown) {
    super(`the farm state cannot be reached: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.name = 'FarmStoreUnavailable'
  }
}

/** The farm store can be reached, and the farm's state is not in it any more, or not yet again. */
export class FarmStateLost extends FarmStoreUnavailable {
  constructor(farmTerm: FarmTerm | null) {
    super(
      new Error(
        farmTerm === null
          ? 'there is no farm in this Redis: it was emptied, or REDIS_URL names another one; restore ' +
              'it, or run "tilework recover" to rebuild the farm from the object store'
          : 'the farm is being rebuilt from the object store; it is open again when "tilework recover" has ended',
      ),
    )
    this.name = 'FarmStateLost'
  }
}
