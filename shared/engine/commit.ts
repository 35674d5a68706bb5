import type { Change } from '../domain/decision.ts'
import type { Effect } from '../domain/effect.ts'
import { isPicky } from '../domain/scheduling/task-fit.ts'
import { isHeld } from '../domain/task/lifecycle.ts'
import type { JobRecord } from '../protocol/job.ts'
import type { FrameRecord, TaskRecord } from '../protocol/task.ts'
import type { TaskId } from '../protocol/ids.ts'
import { LIMITS } from '../protocol/limits.ts'
import type { Commit, Versioned } from '../ports/farm-store.ts'

/** The records an event is decided on, with their versions. Tasks and frames that do not exist are absent. */
export interface Slice {
  readonly job: Versioned<JobRecord>
  readonly tasks: ReadonlyMap<TaskId, Versioned<TaskRecord>>
  readonly frames: ReadonlyMap<number, Versioned<FrameRecord>>
}

/**
 * A change as one commit. Counters, leases and the picky list are worked out from the difference between the records
 * before and after, here and nowhere else, so they always equal what a recount of the records gives.
 */
export function commitOf(slice: Slice, change: Change, now: number, leaseMs: number): Commit {
  const counters: Record<string, number> = {}
  const leases: { taskId: TaskId; epoch: number; expiresAt: number | null }[] = []
  const picky: { taskId: TaskId; listed: boolean }[] = []
  const count = (names: readonly string[], by: number) => {
    for (const name of names) counters[name] = (counters[name] ?? 0) + by
  }

  const tasks = (change.tasks ?? []).map((after) => {
    const before = slice.tasks.get(after.id)
    count(before === undefined ? [] : taskCounters(before.value), -1)
    count(taskCounters(after), 1)
    const held = before !== undefined && isHeld(before.value.state) ? before.value.epoch : null
    const holds = isHeld(after.state) ? after.epoch : null
    if (held !== null && held !== holds) leases.push({ taskId: after.id, epoch: held, expiresAt: null })
    if (holds !== null && held !== holds) leases.push({ taskId: after.id, epoch: holds, expiresAt: now + leaseMs })
    const listed = before !== undefined && isListed(before.value)
    if (listed !== isListed(after)) picky.push({ taskId: after.id, listed: !listed })
    return { id: after.id, expected: before?.version ?? 0, value: after }
  })
  const frames = (change.frames ?? []).map((after) => {
    const before = slice.frames.get(after.number)
    if (before !== undefined) count([`frames.${before.value.state}`], -1)
    count([`frames.${after.state}`], 1)
    return { id: after.number, expected: before?.version ?? 0, value: after }
  })
  return {
    ...(change.job === undefined ? { jobVersion: slice.job.version } : { job: { id: slice.job.value.id, expected: slice.job.version, value: change.job } }),
    tasks,
    frames,
    counters: Object.fromEntries(Object.entries(counters).filter(([, by]) => by !== 0)),
    leases,
    picky,
    effects: effectsOf(change),
    credits: (change.effects ?? []).filter((effect) => effect.type === 'credit_worker'),
    // What workers and Blender say goes into these; cut here, so that no event can outgrow what is read back.
    events: (change.events ?? []).map((event) => ({ ...event, message: event.message.slice(0, LIMITS.messageLengthMax), at: now })),
  }
}

/** What is run after the commit; credits are part of it. */
export function effectsOf(change: Change): Effect[] {
  return (change.effects ?? []).filter((effect) => effect.type !== 'credit_worker')
}

/** Counters a task record stands in. */
export function taskCounters(task: TaskRecord): string[] {
  const names = [`${task.kind}.${task.state}`]
  if (task.state === 'queued') names.push(isPicky(task) ? 'waiting.picky' : 'waiting.open')
  if (isHeld(task.state)) names.push('running.all')
  if (task.kind === 'audit' && task.verdict !== 'unverified') names.push(`verdicts.${task.verdict}`)
  if (task.kind !== 'audit' && task.state === 'verifying' && task.note !== undefined) names.push('waiting.disputed')
  return names
}

function isListed(task: TaskRecord): boolean {
  return task.state === 'queued' && isPicky(task)
}
