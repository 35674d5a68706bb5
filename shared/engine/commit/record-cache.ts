import type { Versioned } from '../../ports/farm-store.ts'
import type { JobId, TaskId } from '../../protocol/ids.ts'
import type { JobRecord } from '../../protocol/job.ts'
import type { TaskRecord } from '../../protocol/task.ts'

/**
 * What is kept of tasks, in pieces of some 200 bytes (a task, an attempt, a file): those that workers of this
 * coordinator hold, with room to spare. About 60 MiB.
 */
const PIECES_MAX = 300_000
const JOBS_MAX = 4_000

/**
 * Records as this process last read or wrote them. They may be old: what is decided on them counts only when a commit,
 * which names their versions, succeeds. Anything else (a refusal, nothing to do) must be decided again on fresh
 * records.
 */
export class RecordCache {
  readonly #jobs = new Map<JobId, Versioned<JobRecord>>()
  readonly #tasks = new Map<string, Versioned<TaskRecord>>()
  readonly #piecesMax: number
  #pieces = 0

  constructor(piecesMax = PIECES_MAX) {
    this.#piecesMax = piecesMax
  }

  job(id: JobId): Versioned<JobRecord> | undefined {
    return this.#jobs.get(id)
  }

  task(jobId: JobId, id: TaskId): Versioned<TaskRecord> | undefined {
    return this.#tasks.get(`${jobId} ${id}`)
  }

  keepJob(job: Versioned<JobRecord>): void {
    this.#jobs.delete(job.value.id)
    this.#jobs.set(job.value.id, job)
    const oldest = this.#jobs.keys().next()
    if (this.#jobs.size > JOBS_MAX && !oldest.done) this.#jobs.delete(oldest.value)
  }

  /** Tasks kept longest make room. */
  keepTask(jobId: JobId, task: Versioned<TaskRecord>): void {
    const key = `${jobId} ${task.value.id}`
    this.#drop(key)
    this.#tasks.set(key, task)
    this.#pieces += piecesOf(task.value)
    for (const oldest of this.#tasks.keys()) {
      if (this.#pieces <= this.#piecesMax) return
      this.#drop(oldest)
    }
  }

  forgetTask(jobId: JobId, id: TaskId): void {
    this.#drop(`${jobId} ${id}`)
  }

  #drop(key: string): void {
    const task = this.#tasks.get(key)
    if (task === undefined) return
    this.#tasks.delete(key)
    this.#pieces -= piecesOf(task.value)
  }
}

function piecesOf({ attempts }: TaskRecord): number {
  return 3 + attempts.reduce((sum, { files = [] }) => sum + 1 + files.length, 0)
}
