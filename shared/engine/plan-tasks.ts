import type { Change } from '../domain/decision.ts'
import { actOnJob, isBeingPlanned } from '../domain/job-lifecycle.ts'
import { parseFrames } from '../domain/splitting/frames.ts'
import { plannedPart } from '../domain/splitting/job-tasks.ts'
import { isPicky } from '../domain/scheduling/task-fit.ts'
import { reopenTask } from '../domain/task/reopen.ts'
import { finishTaskId, type JobId } from '../protocol/ids.ts'
import type { JobRecord } from '../protocol/job.ts'
import type { FrameRecord } from '../protocol/task.ts'
import type { Engine } from './context.ts'
import { endRendering } from './step-reports.ts'
import { type Facts, transact } from './transact.ts'

/** Tasks in one commit: large enough to be quick, small enough that Redis never stalls on one script. */
const PLAN_BATCH = 500

/**
 * Writes the tasks of a job down, batch by batch, and lets it run; after a retry it takes up again those that failed or were
 * canceled. Goes on where a process that died stopped, and several may do it at once: each batch is one commit.
 */
export async function planTasks(engine: Engine, jobId: JobId): Promise<void> {
  let frames: readonly number[] | null = null
  for (;;) {
    const versioned = await engine.store.job(jobId)
    if (versioned === null || !isBeingPlanned(versioned.value)) break
    const { plan, tasksPlanned: from, revision } = versioned.value
    frames ??= framesOf(versioned.value)
    const to = Math.min(plan.renderTaskCount, from + PLAN_BATCH)
    const part = plannedPart(plan, frames, from, to)
    const finishes = plan.tiles === undefined ? [] : part.frames.map(({ position }) => finishTaskId(position))
    // The first time there is nothing to read: nobody else writes these records before the batch is committed.
    const reading = revision === undefined ? {} : { fresh: true, tasks: [...part.tasks.map(({ id }) => id), ...finishes], frames: part.frames.map(({ number }) => number) }
    await transact(engine, jobId, reading, (facts, now) => {
      const { job } = facts
      if (!isBeingPlanned(job) || job.tasksPlanned !== from || job.revision !== revision) return { ok: true }
      return planned(facts, { ...job, tasksPlanned: to }, part, finishes, now)
    })
  }
  if (frames !== null) await endRendering(engine, jobId)
}

/** One batch in line with the plan. `job`: as it is after it. */
function planned(facts: Facts, job: JobRecord, part: ReturnType<typeof plannedPart>, finishes: readonly ReturnType<typeof finishTaskId>[], now: number): Change {
  const known = new Map(facts.frames.map((frame) => [frame.number, frame]))
  const fresh = part.tasks.filter(({ id }) => facts.task(id) === undefined)
  const again = [...part.tasks.map(({ id }) => id), ...finishes].flatMap((id) => {
    const task = facts.task(id)
    return task === undefined ? [] : [reopenTask(task)]
  })
  const last = job.tasksPlanned === job.plan.renderTaskCount
  const activates = last && job.state === 'planning'
  return {
    ok: true,
    job: activates ? actOnJob(job, 'activate', { startedAt: now }) : job,
    tasks: [...fresh, ...again.flatMap((each) => each.tasks ?? [])],
    frames: part.frames.filter(({ number }) => !known.has(number)),
    effects: [
      { type: 'queue_tasks', tasks: fresh.filter((task) => !isPicky(task)).map((task) => ({ taskId: task.id, epoch: task.epoch })) },
      ...again.flatMap((each) => each.effects ?? []),
      ...part.frames.flatMap(({ number }) => stepOf(job.id, known.get(number))),
      ...(last ? [{ type: 'announce_work' } as const] : []),
    ],
    events: activates ? [{ type: 'job_started', message: 'all tasks are planned' }] : [],
  }
}

/** The step that a frame waits for: its own was dropped when the job ended, or failed for good. */
function stepOf(jobId: JobId, frame: FrameRecord | undefined) {
  const step = frame?.state === 'stitching' ? ('stitch' as const) : frame?.state === 'delivering' ? ('deliver' as const) : null
  return frame === undefined || step === null ? [] : [{ type: 'run_step', step: { step, jobId, frame: frame.number } } as const]
}

function framesOf(job: JobRecord): number[] {
  const frames = parseFrames(job.plan.frames)
  if (!frames.ok) throw new Error(`job ${job.id}: stored frames do not parse: ${frames.detail}`)
  return frames.frames
}
