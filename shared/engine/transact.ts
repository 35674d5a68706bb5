import type { Change, Decision } from '../domain/decision.ts'
import { type Refusal, refuse } from '../protocol/errors.ts'
import type { JobId, TaskId } from '../protocol/ids.ts'
import type { JobRecord } from '../protocol/job.ts'
import type { FrameRecord, TaskRecord } from '../protocol/task.ts'
import { commitOf, type Slice } from './commit.ts'
import type { Engine } from './context.ts'
import { runEffects } from './effects.ts'

/** Tries of one event against others that write the same records; each lost race is another's progress. */
const RACES_MAX = 50

/** Which records an event is decided on. `framesOf`: also the frames of these tasks. */
export interface Reading {
  readonly tasks?: readonly TaskId[]
  readonly frames?: readonly number[]
  readonly framesOf?: boolean
}

/** The records of a slice without their versions, for a decision. */
export interface Facts {
  readonly job: JobRecord
  task(id: TaskId): TaskRecord | undefined
  readonly frames: readonly FrameRecord[]
}

export type Transacted = { readonly ok: true; readonly change: Change; readonly counters: Readonly<Record<string, number>> | null } | Refusal

/**
 * One event of one job: load, decide, commit, then its effects. A lost race loads and decides again. The effects of a committed
 * change are run before this returns; if that fails they wait in the outbox and the sweeper runs them.
 */
export async function transact(engine: Engine, jobId: JobId, reading: Reading, decide: (facts: Facts, now: number) => Decision): Promise<Transacted> {
  for (let race = 0; race < RACES_MAX; race++) {
    const slice = await load(engine, jobId, reading)
    if (slice === null) return refuse('not_found', `there is no job ${jobId}`)
    const now = engine.clock.now()
    const decision = decide(factsOf(slice, reading), now)
    if (!decision.ok) return decision
    if (isEmpty(decision)) return { ok: true, change: decision, counters: null }
    const committed = await engine.store.commit(jobId, commitOf(slice, decision, now, engine.times.leaseMs), now)
    if (!committed.ok) continue
    await runEffects(engine, jobId, decision.effects ?? [], committed.effectIds)
    return { ok: true, change: decision, counters: committed.counters }
  }
  throw new Error(`job ${jobId}: lost ${RACES_MAX} races for ${JSON.stringify(reading)}`)
}

async function load(engine: Engine, jobId: JobId, reading: Reading): Promise<Slice | null> {
  const [job, tasks] = await Promise.all([engine.store.job(jobId), engine.store.tasks(jobId, reading.tasks ?? [])])
  if (job === null) return null
  const found = tasks.filter((task) => task !== null)
  const numbers = [...new Set([...(reading.frames ?? []), ...(reading.framesOf === true ? found.flatMap((task) => task.value.frames) : [])])]
  const frames = numbers.length === 0 ? [] : await engine.store.frames(jobId, numbers)
  return {
    job,
    tasks: new Map(found.map((task) => [task.value.id, task])),
    frames: new Map(frames.filter((frame) => frame !== null).map((frame) => [frame.value.number, frame])),
  }
}

function factsOf(slice: Slice, reading: Reading): Facts {
  return {
    job: slice.job.value,
    task: (id) => slice.tasks.get(id)?.value,
    frames: [...slice.frames.values()].map((frame) => frame.value).filter((frame) => reading.framesOf === true || (reading.frames ?? []).includes(frame.number)),
  }
}

function isEmpty(change: Change): boolean {
  return change.job === undefined && (change.tasks ?? []).length === 0 && (change.frames ?? []).length === 0 && (change.effects ?? []).length === 0 && (change.events ?? []).length === 0
}
