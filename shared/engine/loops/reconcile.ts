import type { TaskId } from '../../protocol/ids.ts'
import type { JobId } from '../../protocol/ids.ts'
import { isPicky } from '../../domain/scheduling/task-fit.ts'
import { STATES_WITH_STEP, stepOfFrame } from '../../domain/lifecycle/frame.ts'
import type { JobRecord } from '../../protocol/job.ts'
import type { Engine } from '../context.ts'
import { runEffects } from '../commit/effects.ts'
import { pages } from '../pages.ts'
import { endRendering } from '../results/step-reports.ts'

const PAGE = 500
/** An effect that was not acknowledged for this long belongs to a process that died. */
const EFFECT_GRACE_MS = 5_000

/** Runs what a process left in the outbox when it died. */
export async function sweepOutbox(engine: Engine, jobId: JobId, graceMs = EFFECT_GRACE_MS): Promise<number> {
  const pending = await engine.store.pendingEffects(jobId, engine.clock.now() - graceMs, PAGE)
  await runEffects(
    engine,
    jobId,
    pending.map((each) => each.effect),
    pending.map((each) => each.id),
  )
  return pending.length
}

/**
 * Puts back into the queues what the records say must be there: queued tasks that nobody can take because their entry
 * is lost, and steps of frames that wait for one. Adding what is there already changes nothing.
 */
export async function reconcileJob(engine: Engine, job: JobRecord): Promise<void> {
  const counters = await engine.store.counters(job.id)
  if ((counters['waiting.open'] ?? 0) > (await engine.queue.waitingTasks(job.id))) await requeueTasks(engine, job.id)
  if ((counters['render.verifying'] ?? 0) + (counters['finish.verifying'] ?? 0) > 0)
    await askForComparisons(engine, job.id)
  if (STATES_WITH_STEP.some((state) => (counters[`frames.${state}`] ?? 0) > 0)) await askForFrames(engine, job.id)
  if (job.state === 'encoding') await engine.queue.addStep({ step: 'encode', jobId: job.id })
  await endRendering(engine, job.id)
}

async function requeueTasks(engine: Engine, jobId: JobId): Promise<void> {
  for await (const tasks of pages((cursor) => engine.store.listTasks(jobId, { limit: PAGE, ...cursor }))) {
    const queued: { taskId: TaskId; epoch: number }[] = tasks
      .filter((task) => task.state === 'queued' && !isPicky(task))
      .map((task) => ({ taskId: task.id, epoch: task.epoch }))
    if (queued.length > 0) await engine.queue.addTasks(jobId, queued)
  }
  await engine.bulletin.publish({ type: 'work_waiting', jobId })
}

async function askForComparisons(engine: Engine, jobId: JobId): Promise<void> {
  for await (const tasks of pages((cursor) => engine.store.listTasks(jobId, { limit: PAGE, ...cursor }))) {
    for (const task of tasks)
      if (task.kind !== 'audit' && task.state === 'verifying')
        await engine.queue.addStep({ step: 'compare', jobId, taskId: task.id, round: task.auditRounds ?? 1 })
  }
}

async function askForFrames(engine: Engine, jobId: JobId): Promise<void> {
  for await (const frames of pages((cursor) => engine.store.listFrames(jobId, { limit: PAGE, ...cursor }))) {
    for (const frame of frames) {
      const step = stepOfFrame(jobId, frame)
      if (step !== null) await engine.queue.addStep(step)
    }
  }
}
