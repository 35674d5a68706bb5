/*
 * Records for the suites of stores, where many lie side by side: those of the kit, told apart by a number.
 */
import type { Commit, FarmStore } from '../../shared/ports/farm-store.ts'
import { JobId, Sha256, finishTaskId, renderTaskId } from '../../shared/protocol/ids.ts'
import type { TaskId } from '../../shared/protocol/ids.ts'
import type { JobRecord } from '../../shared/protocol/job.ts'
import type { SceneRecord } from '../../shared/protocol/scene.ts'
import type { FrameRecord, TaskRecord } from '../../shared/protocol/task.ts'
import type { WorkerRecord } from '../../shared/protocol/worker.ts'
import * as kit from '../unit/domain/records.ts'

export const NOW = kit.NOW

export function aJobId(number: number): JobId {
  return JobId.parse(`job_${String(number).padStart(26, '0')}`)
}

export function aHash(number: number): Sha256 {
  return Sha256.parse(number.toString(16).padStart(64, '0'))
}

export function aJob(number: number, change: Partial<JobRecord> = {}): JobRecord {
  const { startedAt: _, ...job } = kit.aJob({
    id: aJobId(number),
    name: `job ${number}`,
    state: 'planning',
    scene: { sha256: aHash(1), bytes: 1_000, kind: 'blend' },
    plan: kit.aPlan({ frames: '1-10', frameCount: 10, renderTaskCount: 10 }),
    createdAt: NOW + number,
    tasksPlanned: 0,
  })
  return { ...job, ...change }
}

export function aTask(id: TaskId, change: Partial<TaskRecord> = {}): TaskRecord {
  return kit.aTask({ id, ...change })
}

export function aFrame(number: number, change: Partial<FrameRecord> = {}): FrameRecord {
  return kit.aFrame({ number, position: Math.abs(number), ...change })
}

export function aWorker(name: string, change: Partial<WorkerRecord> = {}): WorkerRecord {
  return kit.aWorker(name, change)
}

export function aScene(number: number, uploadedAt: number = NOW): SceneRecord {
  return kit.aScene({}, { sha256: aHash(number), bytes: 1_000, name: `scene ${number}.blend`, uploadedAt })
}

/** A commit that changes only what is named. */
export function aCommit(change: Partial<Commit>): Commit {
  return { tasks: [], frames: [], counters: {}, leases: [], picky: [], effects: [], credits: [], events: [], ...change }
}

/** A job with this many queued render tasks and as many frames, committed as the planner would. */
export async function storeJob(store: FarmStore, job: JobRecord, taskCount = 1): Promise<JobId> {
  const tasks = Array.from({ length: taskCount }, (_, at) => ({
    id: renderTaskId(at),
    expected: 0,
    value: aTask(renderTaskId(at)),
  }))
  const frames = Array.from({ length: taskCount }, (_, at) => ({ id: at + 1, expected: 0, value: aFrame(at + 1) }))
  const committed = await store.commit(
    job.id,
    aCommit({ job: { id: job.id, expected: 0, value: job }, tasks, frames, counters: { 'render.queued': taskCount } }),
    NOW,
  )
  if (!committed.ok) throw new Error(`the job was not stored: ${JSON.stringify(committed)}`)
  return job.id
}

export { finishTaskId, renderTaskId }
