/*
 * What is written down of the farm besides its jobs: scenes, tokens, workers, and which jobs were deleted.
 */
import { JobId, type Sha256 } from '../../protocol/ids.ts'
import {
  type DeletedEntry,
  JOURNAL_VERSION,
  type SceneEntry,
  type TokenEntry,
  type WorkersEntry,
} from '../../protocol/journal.ts'
import {
  FARM_WORKERS_KEY,
  farmKey,
  farmPrefix,
  jobPrefix,
  type ObjectKey,
  parseFarmKey,
} from '../../protocol/object-keys.ts'
import type { SceneRecord } from '../../protocol/scene.ts'
import type { WorkerRecord } from '../../protocol/worker.ts'
import { LIST_LIMIT_MAX, type ObjectStore } from '../../ports/object-store.ts'
import type { Engine } from '../context.ts'
import type { z } from 'zod'

type Entry<T extends z.ZodType> = Omit<z.infer<T>, 'journal'>

async function journal(objects: ObjectStore, key: ObjectKey, what: object): Promise<void> {
  await objects.put(key, Buffer.from(JSON.stringify({ journal: JOURNAL_VERSION, ...what })), {
    contentType: 'application/json',
  })
}

export async function journalScene(objects: ObjectStore, scene: SceneRecord): Promise<void> {
  await journal(objects, farmKey('scenes', scene.sha256), { scene } satisfies Entry<typeof SceneEntry>)
}

export async function forgetJournaledScene(objects: ObjectStore, sha256: Sha256): Promise<void> {
  await objects.delete(farmKey('scenes', sha256))
}

/** A token that is in the journal already is not written again. */
export async function journalToken(objects: ObjectStore, token: Entry<typeof TokenEntry>): Promise<void> {
  const key = farmKey('tokens', token.sha256)
  if ((await objects.head(key)) === null) await journal(objects, key, token)
}

/** What a worker is doing at the moment is nobody's business later. */
export async function journalWorkers(
  objects: ObjectStore,
  workers: readonly WorkerRecord[],
  now: number,
): Promise<void> {
  const kept = workers.map(({ rendering: _now, ...worker }) => worker)
  await journal(objects, FARM_WORKERS_KEY, { writtenAt: now, workers: kept } satisfies Entry<typeof WorkersEntry>)
}

/** From here on no recovery brings the job back, whatever of it lies in the store or arrives there late. */
export async function journalDeleted(
  { objects, clock }: Pick<Engine, 'objects' | 'clock'>,
  jobId: JobId,
): Promise<void> {
  await journal(objects, farmKey('deleted', jobId), { jobId, deletedAt: clock.now() } satisfies Entry<
    typeof DeletedEntry
  >)
}

/**
 * Removes what arrived of deleted jobs after they were erased (an upload whose address was still good, a segment whose
 * writer stood still, a queue filled by whoever died at it), once nothing more can arrive, and forgets them then.
 */
export async function eraseLate({
  objects,
  queue,
  clock,
  times,
}: Pick<Engine, 'objects' | 'queue' | 'clock' | 'times'>): Promise<void> {
  const { keys } = await objects.list(farmPrefix('deleted'), { limit: LIST_LIMIT_MAX })
  for (const { key } of keys) {
    const jobId = JobId.safeParse(parseFarmKey('deleted', key)).data
    const deletedAt = (await objects.head(key))?.modifiedAtMs
    if (jobId === undefined || deletedAt === undefined || clock.now() - deletedAt < 2 * times.urlTtlMs) continue
    await objects.deletePrefix(jobPrefix(jobId))
    await queue.dropJob(jobId)
    await objects.delete(key)
  }
}

/**
 * From here on the sweep knows that attempts of the job may still arrive, though they were removed: addresses to send
 * them to are good for a while.
 */
export async function journalEnded(engine: Pick<Engine, 'objects'>, jobId: JobId): Promise<void> {
  await engine.objects.put(farmKey('ended', jobId), Buffer.from('{}'), { contentType: 'application/json' })
}
