/*
 * What nobody else removes, looked for rarely and in pieces, by one process of the farm at a time. Nothing is removed
 * because the farm state does not know it: a state that was emptied throws, and one that was put back from a backup
 * knows less than the object store.
 */
import { jobIsOver, keepsFiles } from '../../domain/lifecycle/job.ts'
import { JobId } from '../../protocol/ids.ts'
import {
  attemptsPrefix,
  behindJob,
  farmPrefix,
  journalKey,
  JOBS_PREFIX,
  jobPrefix,
  parseFarmKey,
  parseJobOfKey,
  workPrefix,
} from '../../protocol/object-keys.ts'
import { FarmStoreUnavailable } from '../../ports/farm-store.ts'
import { StoreUnavailable } from '../../ports/object-store.ts'
import type { Engine } from '../context.ts'
import { removeUnusedFiles, UNUSED_FILES_EVERY_MS } from '../jobs/unused-files.ts'

/** How often a process of the farm sweeps, in ms: what it looks for is hours old at least. */
export const SWEEP_EVERY_MS = 10 * 60_000
/** Looked at in one sweep, of each kind. */
const PIECE = 500
/**
 * A submission that was not finished in this time never will be, in ms: the process that wrote its first line is gone.
 */
const SUBMISSION_MS_MAX = 24 * 3600_000
/**
 * Workers unseen for so long are forgotten, in ms; those that were convicted, or are in quarantine, must not come back
 * as strangers so soon.
 */
const WORKER_UNSEEN_MS_MAX = 30 * 24 * 3600_000
const CONVICTED_UNSEEN_MS_MAX = 365 * 24 * 3600_000

/** Sweeps, if nobody else has lately. */
export async function sweepFarm(engine: Engine): Promise<void> {
  if (!(await engine.store.takeTurn('sweep', SWEEP_EVERY_MS))) return
  const sweeps = [eraseLateAttempts, eraseLostSubmissions, forgetWorkers, eraseUnusedFiles, () => engine.objects.tidy()]
  for (const sweep of sweeps) {
    try {
      await sweep(engine)
    } catch (error) {
      if (!(error instanceof FarmStoreUnavailable) && !(error instanceof StoreUnavailable)) throw error
      engine.log.warn({ error }, 'a part of the sweep met an outage, the next sweep tries again')
    }
  }
}

/**
 * Removes what workers sent of jobs that had ended already, once nothing more can arrive. A job that runs again by then
 * is left alone.
 */
export async function eraseLateAttempts({
  store,
  objects,
  clock,
  times,
}: Pick<Engine, 'store' | 'objects' | 'clock' | 'times'>): Promise<void> {
  const { keys } = await objects.list(farmPrefix('ended'), { limit: PIECE })
  for (const { key } of keys) {
    const jobId = JobId.safeParse(parseFarmKey('ended', key))
    const endedAt = (await objects.head(key))?.modifiedAtMs
    if (!jobId.success || endedAt === undefined || clock.now() - endedAt < 2 * times.urlTtlMs) continue
    const job = await store.job(jobId.data)
    if (job === null || (jobIsOver(job.value.state) && !keepsFiles(job.value.state))) {
      await objects.deletePrefix(attemptsPrefix(jobId.data))
      await objects.deletePrefix(workPrefix(jobId.data))
    }
    await objects.delete(key)
  }
}

/** Where the last look over all jobs of the object store stopped, in this process. */
const places = new WeakMap<object, string | null>()

/**
 * Removes what is left of submissions whose process died between the journal and the farm state: jobs nobody knows of,
 * of which there is a first line and nothing else. Whatever has more than that may be all that is left of a job, and
 * stays.
 */
export async function eraseLostSubmissions({
  store,
  objects,
  clock,
}: Pick<Engine, 'store' | 'objects' | 'clock'>): Promise<void> {
  let place = places.get(objects) ?? ''
  for (let looked = 0; looked < PIECE; looked++) {
    const { keys } = await objects.list(JOBS_PREFIX, { limit: 2, startAfter: place })
    const [first, second] = keys
    const jobId = JobId.safeParse(first === undefined ? undefined : parseJobOfKey(first.key)?.jobId)
    if (first === undefined) {
      place = ''
      break
    }
    place = jobId.success ? behindJob(jobId.data) : first.key
    if (
      !jobId.success ||
      first.key !== journalKey(jobId.data, 'job.json') ||
      second?.key.startsWith(jobPrefix(jobId.data)) === true
    )
      continue
    const writtenAt = (await objects.head(first.key))?.modifiedAtMs
    if (
      writtenAt === undefined ||
      clock.now() - writtenAt < SUBMISSION_MS_MAX ||
      (await store.job(jobId.data)) !== null
    )
      continue
    await objects.delete(first.key)
  }
  places.set(objects, place)
}

async function eraseUnusedFiles(engine: Engine): Promise<void> {
  if (await engine.store.takeTurn('unused-files', UNUSED_FILES_EVERY_MS)) await removeUnusedFiles(engine)
}

export async function forgetWorkers({ store, clock }: Pick<Engine, 'store' | 'clock'>): Promise<void> {
  const now = clock.now()
  let kept = 0
  for (;;) {
    const ids = await store.workersUnseen(now - WORKER_UNSEEN_MS_MAX, PIECE, kept)
    for (const worker of await store.workers(ids)) {
      const before =
        now - (worker.tasksRefuted > 0 || worker.quarantined ? CONVICTED_UNSEEN_MS_MAX : WORKER_UNSEEN_MS_MAX)
      if (worker.lastSeenAt >= before || !(await store.forgetWorker(worker.id, before))) kept += 1
    }
    if (ids.length < PIECE) return
  }
}
