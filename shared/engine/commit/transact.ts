import type { Change, Decision } from '../../domain/decision.ts'
import { isHeld } from '../../domain/lifecycle/task.ts'
import { type Refusal, refuse } from '../../protocol/errors.ts'
import type { JobId, TaskId } from '../../protocol/ids.ts'
import type { JobRecord } from '../../protocol/job.ts'
import type { FrameRecord, TaskRecord } from '../../protocol/task.ts'
import type { Versioned } from '../../ports/farm-store.ts'
import { commitOf, effectsOf, type Slice } from './commit.ts'
import type { Engine } from '../context.ts'
import { runEffects } from './effects.ts'
import { RecordCache } from './record-cache.ts'

/** Tries of one event against others that write the same records; each lost race is another's progress. */
const RACES_MAX = 50

/** Which records an event is decided on. `framesOf`: also the frames of these tasks. */
export interface Reading {
  readonly tasks?: readonly TaskId[]
  readonly frames?: readonly number[]
  readonly framesOf?: boolean
  /**
   * Never decide on what this process remembers: for a decision that leaves some of the records as they are, which its
   * commit does not prove.
   */
  readonly fresh?: boolean
}

/** The records of a slice without their versions, for a decision. */
export interface Facts {
  readonly job: JobRecord
  task(id: TaskId): TaskRecord | undefined
  readonly frames: readonly FrameRecord[]
}

export type Transacted =
  | { readonly ok: true; readonly change: Change; readonly counters: Readonly<Record<string, number>> | null }
  | Refusal

const caches = new WeakMap<Engine, RecordCache>()

/**
 * One event of one job: load, decide, commit, then its effects. A lost race loads and decides again. The effects of a
 * committed change are run before this returns; if that fails they wait in the outbox and the sweeper runs them.
 *
 * The first try may decide on records that this process remembers. A commit that succeeds proves that they were right;
 * a lost race, a refusal or a decision to do nothing proves nothing, and is taken again on fresh ones.
 */
export async function transact(
  engine: Engine,
  jobId: JobId,
  reading: Reading,
  decide: (facts: Facts, now: number) => Decision,
): Promise<Transacted> {
  for (let race = 0; race < RACES_MAX; race++) {
    const leave = race === 0 ? null : await lineUp(engine, jobId)
    let outcome: (Transacted & { readonly effectIds?: readonly string[] }) | 'again'
    try {
      outcome = await tryOnce(engine, jobId, reading, decide, race === 0 && reading.fresh !== true)
    } finally {
      leave?.()
    }
    if (outcome === 'again') continue
    if (!outcome.ok) return outcome
    await runEffects(engine, jobId, effectsOf(outcome.change), outcome.effectIds ?? [])
    return { ok: true, change: outcome.change, counters: outcome.counters }
  }
  throw new Error(`job ${jobId}: lost ${RACES_MAX} races for ${JSON.stringify(reading)}`)
}

async function tryOnce(
  engine: Engine,
  jobId: JobId,
  reading: Reading,
  decide: (facts: Facts, now: number) => Decision,
  mayRemember: boolean,
): Promise<(Transacted & { readonly effectIds?: readonly string[] }) | 'again'> {
  const cache = cacheOf(engine)
  const loaded = await load(engine, cache, jobId, reading, mayRemember)
  if (loaded === null) return refuse('not_found', `there is no job ${jobId}`)
  const { slice, fresh } = loaded
  const now = engine.clock.now()
  let decision: Decision
  try {
    decision = decide(factsOf(slice, reading), now)
  } catch (error) {
    // A bug; on old records it may only mean that they are old, or that they changed while they were read.
    if (fresh && (await isAsRead(engine, cache, jobId, reading, slice))) throw error
    return 'again'
  }
  const settled = !decision.ok || isEmpty(decision)
  if (settled && !fresh) return 'again'
  if (!decision.ok) return decision
  if (isEmpty(decision)) return { ok: true, change: decision, counters: null }
  const commit = commitOf(slice, decision, now, engine.times.leaseMs)
  const committed = await engine.store.commit(jobId, commit, now)
  if (!committed.ok && committed.why === 'no_room')
    return refuse('conflict', `job ${jobId} already has ${commit.room?.below} task(s) running, the most its cap allows`)
  if (!committed.ok) return 'again'
  remember(cache, jobId, slice, decision)
  return { ok: true, change: decision, counters: committed.counters, effectIds: committed.effectIds }
}

/** The last of each line, by farm and job. */
const lines = new WeakMap<Engine, Map<JobId, Promise<void>>>()

/**
 * Whoever lost a race waits for the others of this process that lost one over the same job: a hundred workers that
 * deliver tiles of one frame at the same moment would otherwise all try again at once, and all but one of them in vain.
 */
async function lineUp(engine: Engine, jobId: JobId): Promise<() => void> {
  const ofJobs = lines.get(engine) ?? new Map<JobId, Promise<void>>()
  lines.set(engine, ofJobs)
  const ahead = ofJobs.get(jobId)
  let leave = (): void => undefined
  const own = new Promise<void>((done) => (leave = done))
  ofJobs.set(jobId, own)
  await ahead
  return () => {
    leave()
    if (ofJobs.get(jobId) === own) ofJobs.delete(jobId)
  }
}

/**
 * A task as this process last knew it if that `will do`, else read anew; good for a look before a transaction, not for
 * a decision.
 */
export async function readTask(
  engine: Engine,
  jobId: JobId,
  id: TaskId,
  willDo: (task: TaskRecord) => boolean,
): Promise<TaskRecord | null> {
  const known = cacheOf(engine).task(jobId, id)
  if (known !== undefined && willDo(known.value)) return known.value
  const [task] = await engine.store.tasks(jobId, [id])
  return task?.value ?? null
}

function cacheOf(engine: Engine): RecordCache {
  const known = caches.get(engine)
  if (known !== undefined) return known
  const cache = new RecordCache()
  caches.set(engine, cache)
  return cache
}

async function load(
  engine: Engine,
  cache: RecordCache,
  jobId: JobId,
  reading: Reading,
  mayRemember: boolean,
): Promise<{ slice: Slice; fresh: boolean } | null> {
  const ids = reading.tasks ?? []
  const knownJob = mayRemember ? cache.job(jobId) : undefined
  const knownTasks = mayRemember ? ids.map((id) => cache.task(jobId, id)) : []
  const allKnown = mayRemember && ids.length > 0 && knownTasks.every((task) => task !== undefined)
  const [job, tasks] = await Promise.all([
    knownJob ?? engine.store.job(jobId),
    allKnown ? knownTasks : engine.store.tasks(jobId, ids),
  ])
  if (job === null) return null
  if (knownJob === undefined) cache.keepJob(job)
  const found = tasks.flatMap((task) => task ?? [])
  const numbers = [
    ...new Set([
      ...(reading.frames ?? []),
      ...(reading.framesOf === true ? found.flatMap((task) => task.value.frames) : []),
    ]),
  ]
  const frames = numbers.length === 0 ? [] : await engine.store.frames(jobId, numbers)
  return {
    fresh: knownJob === undefined && !allKnown,
    slice: {
      job,
      tasks: new Map(found.map((task) => [task.value.id, task])),
      frames: new Map(frames.filter((frame) => frame !== null).map((frame) => [frame.value.number, frame])),
    },
  }
}

/** Whether the records are still those that were read; they are read one after the other, so that some may be newer. */
async function isAsRead(
  engine: Engine,
  cache: RecordCache,
  jobId: JobId,
  reading: Reading,
  before: Slice,
): Promise<boolean> {
  const after = await load(engine, cache, jobId, reading, false)
  return after !== null && versionsOf(after.slice) === versionsOf(before)
}

function versionsOf({ job, tasks, frames }: Slice): string {
  const of = (records: ReadonlyMap<unknown, Versioned<unknown>>) =>
    [...records].map(([key, { version }]) => [key, version])
  return JSON.stringify([job.version, of(tasks), of(frames)])
}

/** A commit raises every version it writes by one. */
function remember(cache: RecordCache, jobId: JobId, slice: Slice, change: Change): void {
  if (change.job !== undefined) cache.keepJob({ version: slice.job.version + 1, value: change.job })
  for (const task of change.tasks ?? []) {
    const after: Versioned<TaskRecord> = { version: (slice.tasks.get(task.id)?.version ?? 0) + 1, value: task }
    if (isHeld(task.state)) cache.keepTask(jobId, after)
    else cache.forgetTask(jobId, task.id)
  }
}

function factsOf(slice: Slice, reading: Reading): Facts {
  return {
    job: slice.job.value,
    task: (id) => slice.tasks.get(id)?.value,
    frames: [...slice.frames.values()]
      .map((frame) => frame.value)
      .filter((frame) => reading.framesOf === true || (reading.frames ?? []).includes(frame.number)),
  }
}

function isEmpty(change: Change): boolean {
  return (
    change.job === undefined &&
    (change.tasks ?? []).length === 0 &&
    (change.frames ?? []).length === 0 &&
    (change.effects ?? []).length === 0 &&
    (change.events ?? []).length === 0
  )
}
