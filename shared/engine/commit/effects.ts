import { assertNever } from '../../domain/decision.ts'
import type { Effect } from '../../domain/effect.ts'
import { jobIsOver } from '../../domain/lifecycle/job.ts'
import type { JobId } from '../../protocol/ids.ts'
import type { Engine } from '../context.ts'

/** Runs the effects of a commit and acknowledges them. What fails stays in the outbox for the sweeper. */
export async function runEffects(
  engine: Engine,
  jobId: JobId,
  effects: readonly Effect[],
  ids: readonly string[],
): Promise<void> {
  if (effects.length === 0) return
  const done: string[] = []
  await Promise.all(
    effects.map(async (effect, index) => {
      const id = ids[index]
      try {
        await runEffect(engine, jobId, effect)
        if (id !== undefined) done.push(id)
      } catch (error) {
        engine.log.warn({ jobId, effect: effect.type, error }, 'effect failed, it stays in the outbox')
      }
    }),
  )
  try {
    await engine.store.acknowledge(jobId, done)
  } catch (error) {
    engine.log.warn({ jobId, error }, 'effects not acknowledged, they will run again')
  }
}

/** Each may run again after a crash and does no harm then. */
async function runEffect(engine: Engine, jobId: JobId, effect: Effect): Promise<void> {
  switch (effect.type) {
    case 'queue_tasks':
      await engine.queue.addTasks(jobId, effect.tasks)
      return dropIfOver(engine, jobId)
    case 'announce_work':
      return engine.bulletin.publish({ type: 'work_waiting', jobId })
    case 'run_step':
      return engine.queue.addStep(effect.step)
    case 'cancel_lease':
      return engine.bulletin.publish({
        type: 'lease_canceled',
        jobId,
        taskId: effect.taskId,
        epoch: effect.epoch,
        workerId: effect.workerId,
        reason: effect.reason,
      })
    case 'drop_queue':
      return dropIfOver(engine, jobId)
    default:
      return assertNever(effect)
  }
}

/** An effect that runs late may come after its job has ended, or is erased: nobody would drop that queue again. */
async function dropIfOver(engine: Engine, jobId: JobId): Promise<void> {
  const job = await engine.store.job(jobId)
  if (job === null || jobIsOver(job.value.state)) await engine.queue.dropJob(jobId)
}
