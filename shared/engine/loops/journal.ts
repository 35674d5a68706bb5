import type { Engine } from '../context.ts'
import { eraseLate, journalWorkers } from '../journal/farm-journal.ts'
import { journalJob } from '../journal/job-journal.ts'

/**
 * How often what changed is written down, in ms: what was accepted in the last few seconds is rendered again after a
 * recovery.
 */
export const JOURNAL_EVERY_MS = 5_000
/** Counts of workers change all the time and are written as a whole, so less often. */
const WORKERS_EVERY_MS = 30_000
const ERASE_LATE_EVERY_MS = 10 * 60_000

/**
 * Writes down what changed in the farm, if it is this process's turn. A worker's counts are read before its results are
 * written and written after them, so that nothing is counted of which the journal does not know.
 */
export async function journalFarm(engine: Engine): Promise<void> {
  if (!(await engine.store.takeTurn('journal', JOURNAL_EVERY_MS))) return
  const workers = (await engine.store.takeTurn('journal workers', WORKERS_EVERY_MS))
    ? await engine.store.listWorkers()
    : null
  let failed: unknown
  for (const jobId of await engine.store.openJobs())
    await journalJob(engine, jobId).catch((error: unknown) => (failed = error))
  if (failed !== undefined) throw failed
  if (workers !== null) await journalWorkers(engine.objects, workers, engine.clock.now())
  if (await engine.store.takeTurn('erase late', ERASE_LATE_EVERY_MS)) await eraseLate(engine)
}
