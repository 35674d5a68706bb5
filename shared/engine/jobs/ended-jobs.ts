import { cancelTask } from '../../domain/task/fail-attempt.ts'
import { isOver } from '../../domain/lifecycle/task.ts'
import { jobIsOver, keepsFiles } from '../../domain/lifecycle/job.ts'
import type { JobId, TaskId } from '../../protocol/ids.ts'
import { attemptsPrefix, farmKey, jobPrefix, workPrefix } from '../../protocol/object-keys.ts'
import type { Engine } from '../context.ts'
import { journalDeleted, journalEnded } from '../journal/farm-journal.ts'
import { journalJob } from '../journal/job-journal.ts'
import { pages } from '../pages.ts'
import { transact } from '../commit/transact.ts'

/** Tasks canceled in one commit. */
const CANCELED_AT_ONCE = 250
/** Tasks of an ended job looked at in one page. */
const PAGE = 500

/**
 * Takes back what workers still hold of a job that is over, and closes it when nothing is outstanding. One that did not
 * complete keeps its files, so that it can be tried again: were they removed, that could come in the middle of it.
 * Called again and again until it says true.
 */
export async function settleEndedJob(engine: Engine, jobId: JobId): Promise<boolean> {
  const job = await engine.store.job(jobId)
  if (job === null) {
    await engine.store.closeJob(jobId)
    return true
  }
  if (!jobIsOver(job.value.state)) return false
  for await (const tasks of pages((cursor) => engine.store.listTasks(jobId, { limit: PAGE, ...cursor }))) {
    const left = tasks.filter((task) => !isOver(task.state)).map((task) => task.id)
    for (let from = 0; from < left.length; from += CANCELED_AT_ONCE)
      await cancelTasks(engine, jobId, left.slice(from, from + CANCELED_AT_ONCE), `the job is ${job.value.state}`)
  }
  const outstanding = await engine.store.pendingEffects(jobId, Number.MAX_SAFE_INTEGER, 1)
  if (outstanding.length > 0) return false
  if (job.value.state === 'deleting') {
    // Asked for again: its queue may have given up on it while the object store was away.
    await engine.queue.addStep({ step: 'erase', jobId })
    return false
  }
  // First, so that no recovery looks for files that are gone by then.
  if (!(await journalJob(engine, jobId))) return false
  // A retry that comes in between loses entries of its queue, which the reconciler puts back, and no file.
  await engine.queue.dropJob(jobId)
  if (!keepsFiles(job.value.state)) {
    // An address that a worker was given stays good for a while: what comes after this is the sweep's.
    await journalEnded(engine, jobId)
    await engine.objects.deletePrefix(attemptsPrefix(jobId))
    await engine.objects.deletePrefix(workPrefix(jobId))
  }
  await engine.store.closeJob(jobId)
  return true
}

/** Takes back several tasks of a job that is over, in one commit. */
async function cancelTasks(engine: Engine, jobId: JobId, ids: readonly TaskId[], why: string): Promise<void> {
  await transact(engine, jobId, { tasks: ids }, ({ job, task }, now) => {
    if (!jobIsOver(job.state)) return { ok: true } // tried again meanwhile
    const canceled = ids.flatMap((id) => {
      const record = task(id)
      const decision = record === undefined ? undefined : cancelTask(record, now, why)
      return decision?.ok === true ? [decision] : []
    })
    return {
      ok: true,
      tasks: canceled.flatMap((each) => each.tasks ?? []),
      effects: canceled.flatMap((each) => each.effects ?? []),
    }
  })
}

/** Every byte and key of a job that is being deleted. The scene's blob stays: other jobs may use it. */
export async function eraseJob(engine: Engine, jobId: JobId): Promise<void> {
  const job = await engine.store.job(jobId)
  if (job !== null && job.value.state !== 'deleting') return
  await journalDeleted(engine, jobId)
  await engine.objects.deletePrefix(jobPrefix(jobId))
  await engine.objects.delete(farmKey('ended', jobId)) // what comes late is looked for as of a deleted job now
  await engine.store.eraseJob(jobId)
  // Last: an effect of the job may have been running, and whoever runs it finds no job afterwards and drops the queue
  // itself.
  await engine.queue.dropJob(jobId)
}
