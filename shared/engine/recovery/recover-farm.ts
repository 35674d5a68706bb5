import { jobIsOver, keepsFiles } from '../../domain/lifecycle/job.ts'
import { parseFrames } from '../../domain/splitting/frames.ts'
import { rebuildJob } from '../../domain/recovery/rebuild-job.ts'
import { refuse, type Refusal } from '../../protocol/errors.ts'
import type { JobId, Sha256 } from '../../protocol/ids.ts'
import { SceneEntry, TokenEntry, WorkersEntry } from '../../protocol/journal.ts'
import {
  attemptsPrefix,
  blobKey,
  FARM_WORKERS_KEY,
  type FarmFolder,
  farmPrefix,
  jobPrefix,
  parseFarmKey,
  workPrefix,
} from '../../protocol/object-keys.ts'
import type { Clock } from '../../ports/core.ts'
import type { FarmStore } from '../../ports/farm-store.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import { lastTerm, journalTerm } from './farm-term.ts'
import { eachAtOnce } from '../each-at-once.ts'
import { readManifest } from '../jobs/unused-files.ts'
import { everyObject, json, readText } from '../read-objects.ts'
import { filesOfJob, jobsInStore } from './job-files.ts'
import { readJournal } from './read-journal.ts'
import { isWritten, writeJob } from './write-job.ts'
import type { z } from 'zod'

/** What became of one job. */
interface RecoveredJob {
  readonly jobId: JobId
  readonly name: string
  readonly state: string
  /** Tasks whose results count. */
  readonly kept: number
  /**
   * Tasks that are rendered again, or for the first time: they were in flight, or the journal had not heard of them.
   */
  readonly open: number
  /** Of these, tasks that had a result of which files are missing in the store. */
  readonly filesMissing: number
}

export interface Recovery {
  readonly ok: true
  readonly term: number
  readonly tokens: number
  readonly scenes: number
  readonly workers: number
  readonly jobs: readonly RecoveredJob[]
  /** Recovered by an earlier run that was cut off. */
  readonly before: number
  /** Deleted jobs of which something was still there; it is removed now. */
  readonly deleted: number
  /** What could not be read, or was not as it should be; each was left out. */
  readonly damage: readonly string[]
}

/** What the recovery is at. */
export type Progress = { readonly at: 'farm' } | { readonly at: 'job'; readonly jobId: JobId; readonly done: number }

/**
 * Rebuilds the state of a farm in an empty farm store from the object store alone. Refused with `conflict` where the
 * farm store holds a farm, with `not_found` where the object store holds none. May be cut off at any moment and run
 * again: the farm is open only when all is there, and jobs that are, are left as they are.
 */
export async function recoverFarm(
  { store, objects, clock }: { store: FarmStore; objects: ObjectStore; clock: Clock },
  options: { signal?: AbortSignal; onProgress?: (progress: Progress) => void } = {},
): Promise<Recovery | Refusal> {
  const farmTerm = await store.farmTerm()
  if (farmTerm?.open === true || (farmTerm === null && (await store.holdsJobs()))) {
    return refuse(
      'conflict',
      'this Redis holds a farm, and a recovery only fills an empty one; let REDIS_URL name an empty ' +
        'Redis or an unused database of this one, or empty this one first (FLUSHDB) if what it holds may be lost',
    )
  }
  if (farmTerm === null && (await lastTerm(objects)) === 0 && (await jobsInStore(objects).next()).done === true) {
    return refuse('not_found', 'there is no farm in this object store; check that it is the right bucket or folder')
  }
  // What was lost was the first term at least, whether or not the journal has it.
  const term = farmTerm?.term ?? Math.max(1, await lastTerm(objects)) + 1
  // The store hears of the term first: whatever becomes of this Redis, no later term is the same.
  await journalTerm(objects, term, clock.now())
  const closed = { term, open: false }
  if (farmTerm === null && !(await store.changeFarmTerm(null, closed)))
    return refuse('conflict', 'another process is starting a farm in this Redis; wait, or use an empty Redis')

  const damage: string[] = []
  const damaged = (what: string) => void damage.push(what)
  options.onProgress?.({ at: 'farm' })
  const tokens = await readEntries(objects, 'tokens', TokenEntry, damaged)
  for (const { sha256, name, scopes } of tokens) await store.putToken(sha256, { name, scopes })
  const scenes = await recoverScenes(store, objects, damaged)
  const workers = await recoverWorkers(store, objects, damaged)

  const deleted = new Set<string>()
  for await (const { key } of everyObject(objects, farmPrefix('deleted')))
    deleted.add(parseFarmKey('deleted', key) ?? '')
  const jobs: RecoveredJob[] = []
  let [before, leftOut] = [0, 0]
  for await (const jobId of jobsInStore(objects)) {
    options.signal?.throwIfAborted()
    options.onProgress?.({ at: 'job', jobId, done: jobs.length + before })
    if (deleted.has(jobId)) {
      leftOut += 1
      await objects.deletePrefix(jobPrefix(jobId))
    } else if (await isWritten(store, jobId)) before += 1
    else jobs.push(...(await recoverJob({ store, objects, clock }, jobId, term, damaged)))
  }
  options.signal?.throwIfAborted()
  if (!(await store.changeFarmTerm(closed, { term, open: true })))
    return refuse(
      'conflict',
      'another process changed this Redis during the recovery; stop it and run the recovery again',
    )
  return { ok: true, term, tokens: tokens.length, scenes, workers, jobs, before, deleted: leftOut, damage }
}

async function recoverJob(
  { store, objects, clock }: { store: FarmStore; objects: ObjectStore; clock: Clock },
  jobId: JobId,
  term: number,
  damaged: (what: string) => void,
): Promise<RecoveredJob[]> {
  const { bytes, segments } = await filesOfJob(objects, jobId)
  const journaled = await readJournal(objects, jobId, segments, damaged)
  if (journaled === null || journaled.job.state === 'deleting') {
    if (journaled === null)
      damaged(
        `there are ${bytes.size + segments.length} file(s) of ${jobId}, and ` +
          'no journal to rebuild it from; it is left out',
      )
    return []
  }
  for (const text of [journaled.job.plan.frames, ...(journaled.job.plan.asked ?? [])]) {
    const frames = parseFrames(text)
    if (frames.ok) continue
    damaged(`${jobId}: the frames of its plan cannot be understood: ${frames.detail}; it is left out`)
    return []
  }
  const now = clock.now()
  const rebuilt = rebuildJob(journaled, { bytesOf: (key) => bytes.get(key), term, now })
  const open = rebuilt.tasks.filter((task) => task.state === 'queued').length
  const { job, kept, filesMissing } = rebuilt
  // What an ended job has no use for was to be removed yet: whoever settles ended jobs does it.
  const unsettled =
    jobIsOver(job.state) &&
    !keepsFiles(job.state) &&
    [...bytes.keys()].some((key) => key.startsWith(attemptsPrefix(jobId)) || key.startsWith(workPrefix(jobId)))
  await writeJob(
    store,
    rebuilt,
    now,
    unsettled ? [{ type: 'drop_queue' }] : [],
    `rebuilt from its journal: ${kept} task(s) are done, ${open} to be ` +
      `done${filesMissing.length === 0 ? '' : `; files of ${filesMissing.length} result(s) are missing`}`,
  )
  return [{ jobId, name: job.name, state: job.state, kept, open, filesMissing: filesMissing.length }]
}

/** A scene counts if its bytes are there. */
async function recoverScenes(store: FarmStore, objects: ObjectStore, damaged: (what: string) => void): Promise<number> {
  let count = 0
  const entries = await readEntries(objects, 'scenes', SceneEntry, damaged)
  await eachAtOnce(entries, async ({ scene }) => {
    const bytes = (await objects.head(blobKey(scene.sha256)))?.bytes
    const expected = scene.project?.manifestBytes ?? scene.bytes
    if (bytes !== expected)
      return damaged(
        `the scene ${scene.name} (${scene.sha256}) has ${bytes ?? 'no'} bytes ` +
          `in the store instead of ${expected}; it is left out`,
      )
    const lacking = scene.kind === 'project' ? await filesLacking(objects, scene.sha256) : []
    if (lacking === null || lacking.length > 0)
      return damaged(
        `the project ${scene.name} (${scene.sha256}) ` +
          (lacking === null
            ? 'has a list of files that cannot be read; it is left out'
            : `lacks ${lacking.length} file(s) in the store, first ${lacking[0]}; it is left out, hand it in again`),
      )
    await store.putScene(scene)
    count += 1
  })
  return count
}

/** Paths of a project whose bytes are not in the store; null when its list of files cannot be read. */
async function filesLacking(objects: ObjectStore, sha256: Sha256): Promise<string[] | null> {
  const manifest = await readManifest(objects, sha256)
  if (manifest === null) return null
  const lacking: string[] = []
  await eachAtOnce(manifest.files, async (file) => {
    if ((await objects.head(blobKey(file.sha256)))?.bytes !== file.bytes) lacking.push(file.path)
  })
  return lacking
}

async function recoverWorkers(
  store: FarmStore,
  objects: ObjectStore,
  damaged: (what: string) => void,
): Promise<number> {
  const told = await readText(objects, FARM_WORKERS_KEY)
  const entry = told === null ? null : WorkersEntry.safeParse(json(told))
  if (entry?.success === false) damaged(`${FARM_WORKERS_KEY} cannot be read; what was counted for workers begins anew`)
  const workers = entry?.data?.workers ?? []
  for (const worker of workers) await store.restoreWorker({ ...worker, state: 'offline', leases: 0 })
  return workers.length
}

async function readEntries<T extends z.ZodType>(
  objects: ObjectStore,
  folder: FarmFolder,
  schema: T,
  damaged: (what: string) => void,
): Promise<z.output<T>[]> {
  const keys: Parameters<ObjectStore['head']>[0][] = []
  for await (const { key } of everyObject(objects, farmPrefix(folder))) keys.push(key)
  const entries: z.output<T>[] = []
  await eachAtOnce(keys, async (key) => {
    const entry = schema.safeParse(json((await readText(objects, key)) ?? ''))
    if (entry.success) entries.push(entry.data)
    else damaged(`${key} cannot be read; it is left out`)
  })
  return entries
}
