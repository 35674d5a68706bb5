import { JOURNAL_VERSION, type TermEntry } from '../../protocol/journal.ts'
import { farmKey, farmPrefix, parseFarmKey } from '../../protocol/object-keys.ts'
import type { Clock } from '../../ports/core.ts'
import { FarmStateLost, type FarmStore } from '../../ports/farm-store.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import { everyObject } from '../read-objects.ts'
import type { z } from 'zod'

/**
 * What a service does when it starts: goes on with the farm that the farm store holds, or begins a new one when the
 * object store knows of none either. Throws FarmStateLost when the object store holds a farm whose state is gone: to
 * serve an empty one then would look like having lost everything, and tell its workers that nobody knows them.
 */
export async function beginFarm({
  store,
  objects,
  clock,
}: {
  store: FarmStore
  objects: ObjectStore
  clock: Clock
}): Promise<void> {
  const farmTerm = await store.farmTerm()
  if (farmTerm?.open === true) return
  // A farm from before there were terms has none, and its jobs.
  if (farmTerm !== null || ((await lastTerm(objects)) > 0 && !(await store.holdsJobs())))
    throw new FarmStateLost(farmTerm)
  await journalTerm(objects, 1, clock.now())
  await store.changeFarmTerm(null, { term: 1, open: true })
}

/** The highest term that was ever begun; 0 if none was. */
export async function lastTerm(objects: ObjectStore): Promise<number> {
  let last = 0
  for await (const { key } of everyObject(objects, farmPrefix('terms')))
    last = Math.max(last, Number(parseFarmKey('terms', key) ?? 0))
  return last
}

/** Known to the store before anything is done in the term, so that no later one can be the same. */
export async function journalTerm(objects: ObjectStore, term: number, now: number): Promise<void> {
  const entry: z.infer<typeof TermEntry> = { journal: JOURNAL_VERSION, term, begunAt: now }
  await objects.put(farmKey('terms', String(term).padStart(7, '0')), Buffer.from(JSON.stringify(entry)), {
    contentType: 'application/json',
  })
}
