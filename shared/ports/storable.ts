import { z } from 'zod'
import { compiled } from '../protocol/compiled.ts'
import { JobRecord } from '../protocol/job.ts'
import { SceneRecord } from '../protocol/scene.ts'
import { FrameRecord, TaskRecord } from '../protocol/task.ts'
import { WorkerRecord } from '../protocol/worker.ts'
import type { Commit } from './farm-store.ts'

/**
 * A record that is not of its schema. Every record is read back through it, so this one would break all that reads it,
 * for good: nothing of it is written. The message says which record, where in it, and what is wrong.
 */
export class UnstorableRecord extends Error {
  constructor(what: string, error: z.ZodError) {
    const [issue] = error.issues
    super(
      `${what} cannot be stored: ` +
        `${issue === undefined ? error.message : `${issue.path.join('.') || 'it'}: ${issue.message}`}`,
    )
    this.name = 'UnstorableRecord'
  }
}

/**
 * The border that every record passes on its way into a farm store, whatever that is made of. Throws UnstorableRecord.
 * A lost race comes first: what was decided on records of different moments may make no sense, and is decided again.
 */
export function checkStorable(commit: Pick<Commit, 'job' | 'tasks' | 'frames'>): void {
  if (commit.job !== undefined && commit.job.value !== null) check(JobRecord, commit.job.value, `job ${commit.job.id}`)
  for (const { id, value } of commit.tasks) if (value !== null) check(TaskRecord, value, `task ${id}`)
  for (const { id, value } of commit.frames) if (value !== null) check(FrameRecord, value, `frame ${id}`)
}

/** The same of a scene. */
export function checkScene(scene: SceneRecord): void {
  check(SceneRecord, scene, `scene ${scene.sha256}`)
}

/** The same of a worker. */
export function checkWorker(worker: WorkerRecord): void {
  check(WorkerRecord, worker, `worker ${worker.id}`)
}

function check<T>(schema: z.ZodType<T>, value: T, what: string): void {
  // Whether it fits is asked of every record; why not, of few.
  if (z.validate(compiled(schema), value)) return
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw new UnstorableRecord(what, parsed.error)
}
