import type { Versioned } from '../ports/farm-store.ts'
import type { JobId, TaskId } from '../protocol/ids.ts'
import type { JobRecord } from '../protocol/job.ts'
import type { TaskRecord } from '../protocol/task.ts'

/** Tasks kept: those that workers of this coordinator hold, with room to spare. About 1 KiB each. */
const TASKS_MAX = 50_000
const JOBS_MAX = 4_000

/**
 * Records as this process last read or wrote them. They may be old: what is decided on them counts only when a commit, which
 * names their versions, succeeds. Anything else (a refusal, nothing to do) must be decided again on fresh records.
 */
export class RecordCache {
  readonly #jobs = new Map<JobId, Versioned<JobRecord>>()
  readonly #tasks = new Map<string, Versioned<TaskRecord>>()

  job(id: JobId): Versioned<JobRecord> | undefined {
    return this.#jobs.get(id)
  }

  task(jobId: JobId, id: TaskId): Versioned<TaskRecord> | undefined {
    return this.#tasks.get(`${jobId} ${id}`)
  }

  keepJob(job: Versioned<JobRecord>): void {
    keep(this.#jobs, job.value.id, job, JOBS_MAX)
  }

  keepTask(jobId: JobId, task: Versioned<TaskRecord>): void {
    keep(this.#tasks, `${jobId} ${task.value.id}`, task, TASKS_MAX)
  }

  forgetTask(jobId: JobId, id: TaskId): void {
    this.#tasks.delete(`${jobId} ${id}`)
  }
}

/** Oldest first out. */
function keep<K, V>(map: Map<K, V>, key: K, value: V, max: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= max) return
  const oldest = map.keys().next()
  if (!oldest.done) map.delete(oldest.value)
}
