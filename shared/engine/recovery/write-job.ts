import type { RebuiltJob } from '../../domain/recovery/rebuild-job.ts'
import type { Change } from '../../domain/decision.ts'
import type { Effect } from '../../domain/effect.ts'
import type { JobId } from '../../protocol/ids.ts'
import type { FarmStore } from '../../ports/farm-store.ts'
import { commitOf, type Slice } from '../commit/commit.ts'

/** Records in one commit, as planning writes them. */
const BATCH = 500

/**
 * Writes a rebuilt job into a farm that is being recovered. The event comes last and tells that all of it is there: a
 * job of which a recovery that was cut off wrote a part only is taken away first.
 */
export async function writeJob(
  store: FarmStore,
  rebuilt: RebuiltJob,
  now: number,
  effects: readonly Effect[],
  message: string,
): Promise<void> {
  const { job, tasks, frames } = rebuilt
  await store.eraseJob(job.id)
  for (let from = 0; from === 0 || from < Math.max(tasks.length, frames.length); from += BATCH) {
    await write(
      store,
      job.id,
      {
        ok: true,
        ...(from === 0 ? { job } : {}),
        tasks: tasks.slice(from, from + BATCH),
        frames: frames.slice(from, from + BATCH),
      },
      rebuilt,
      now,
    )
  }
  await write(store, job.id, { ok: true, effects, events: [{ type: 'job_recovered', message }] }, rebuilt, now)
}

export async function isWritten(store: FarmStore, jobId: JobId): Promise<boolean> {
  return (await store.events(jobId, { limit: 1 })).items.length > 0
}

async function write(store: FarmStore, jobId: JobId, change: Change, { job }: RebuiltJob, now: number): Promise<void> {
  const nothing: Slice = { job: { version: 0, value: job }, tasks: new Map(), frames: new Map() }
  // Nobody holds anything, so there are no leases. What the journal has it need not be told again.
  const { jobVersion: _, journal: __, ...commit } = commitOf(nothing, change, now, 0)
  const committed = await store.commit(jobId, { ...commit, recovered: true }, now)
  if (!committed.ok)
    throw new Error(
      `job ${jobId}: somebody else writes into the farm that is being recovered (${JSON.stringify(committed)})`,
    )
}
