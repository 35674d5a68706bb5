import type { Change } from '../../domain/decision.ts'
import type { Effect } from '../../domain/effect.ts'
import { paceOf } from '../../domain/task/stragglers.ts'
import { isPicky } from '../../domain/scheduling/task-fit.ts'
import { liveAttempts } from '../../domain/task/attempts.ts'
import { isHeld } from '../../domain/lifecycle/task.ts'
import type { JobPlan, JobRecord } from '../../protocol/job.ts'
import type { FrameRecord, TaskRecord } from '../../protocol/task.ts'
import type { TaskId } from '../../protocol/ids.ts'
import { LIMITS } from '../../protocol/limits.ts'
import type { Commit, Versioned } from '../../ports/farm-store.ts'

/** The counter of tasks that are with workers. */
export const RUNNING = 'running.all'

/** The records an event is decided on, with their versions. Tasks and frames that do not exist are absent. */
export interface Slice {
  readonly job: Versioned<JobRecord>
  readonly tasks: ReadonlyMap<TaskId, Versioned<TaskRecord>>
  readonly frames: ReadonlyMap<number, Versioned<FrameRecord>>
}

/**
 * A change as one commit. Counters, leases, the picky list and what the journal must hear of are worked out from the
 * difference between the records before and after, here and nowhere else, so they always equal what a recount of the
 * records gives.
 */
export function commitOf(slice: Slice, change: Change, now: number, leaseMs: number): Commit {
  const { plan } = slice.job.value
  const counters: Record<string, number> = {}
  const leases: { taskId: TaskId; epoch: number; expiresAt: number | null }[] = []
  const picky: { taskId: TaskId; listed: boolean }[] = []
  const count = (amounts: Readonly<Record<string, number>>, times: 1 | -1) => {
    for (const [name, amount] of Object.entries(amounts)) counters[name] = (counters[name] ?? 0) + amount * times
  }

  const tasks = (change.tasks ?? []).map((after) => {
    const before = slice.tasks.get(after.id)
    if (before !== undefined) count(taskCounters(plan, before.value), -1)
    count(taskCounters(plan, after), 1)
    const [held, holds] = [before === undefined ? [] : heldEpochs(before.value), heldEpochs(after)]
    for (const epoch of held) if (!holds.includes(epoch)) leases.push({ taskId: after.id, epoch, expiresAt: null })
    for (const epoch of holds)
      if (!held.includes(epoch)) leases.push({ taskId: after.id, epoch, expiresAt: now + leaseMs })
    const listed = before !== undefined && isListed(before.value)
    if (listed !== isListed(after)) picky.push({ taskId: after.id, listed: !listed })
    return { id: after.id, expected: before?.version ?? 0, value: after }
  })
  const frames = (change.frames ?? []).map((after) => {
    const before = slice.frames.get(after.number)
    if (before !== undefined) count(frameCounters(before.value), -1)
    count(frameCounters(after), 1)
    return { id: after.number, expected: before?.version ?? 0, value: after }
  })
  const job = change.job ?? slice.job.value
  return {
    ...(change.job === undefined
      ? { jobVersion: slice.job.version }
      : { job: { id: slice.job.value.id, expected: slice.job.version, value: change.job } }),
    tasks,
    frames,
    // A lease is a commit of its own, so the cap of a job is kept to the task, whoever hands out.
    ...(job.cap === undefined || (counters[RUNNING] ?? 0) <= 0 ? {} : { room: { counter: RUNNING, below: job.cap } }),
    counters: Object.fromEntries(Object.entries(counters).filter(([, by]) => by !== 0)),
    leases,
    picky,
    effects: effectsOf(change),
    credits: (change.effects ?? []).filter((effect) => effect.type === 'credit_worker'),
    // What workers and Blender say goes into these; cut here, so that no event can outgrow what is read back.
    events: (change.events ?? []).map((event) => ({
      ...event,
      message: event.message.slice(0, LIMITS.messageLengthMax),
      at: now,
    })),
    journal: {
      job: change.job !== undefined,
      tasks: (change.tasks ?? [])
        .filter((after) => !isHeld(after.state) && (slice.tasks.has(after.id) || !isAsPlanned(after)))
        .map((after) => after.id),
      frames: (change.frames ?? [])
        .filter(
          (after) =>
            after.state !== 'rendering' || (slice.frames.get(after.number)?.value.state ?? 'rendering') !== 'rendering',
        )
        .map((after) => after.number),
    },
  }
}

/** The counters of a job as its records give them: what the farm store keeps must always equal this. */
export function recount(
  plan: JobPlan,
  tasks: readonly TaskRecord[],
  frames: readonly FrameRecord[],
): Record<string, number> {
  const counters: Record<string, number> = {}
  for (const amounts of [...tasks.map((task) => taskCounters(plan, task)), ...frames.map(frameCounters)]) {
    for (const [name, amount] of Object.entries(amounts)) counters[name] = (counters[name] ?? 0) + amount
  }
  return counters
}

/** What is run after the commit; credits are part of it. */
export function effectsOf(change: Change): Effect[] {
  return (change.effects ?? []).filter((effect) => effect.type !== 'credit_worker')
}

/** What a task record adds to the counters of its job. */
export function taskCounters(plan: JobPlan, task: TaskRecord): Record<string, number> {
  const names = [`${task.kind}.${task.state}`]
  if (task.state === 'queued') names.push(isPicky(task) ? 'waiting.picky' : 'waiting.open')
  if (isHeld(task.state)) names.push(RUNNING)
  if (task.kind === 'audit' && task.verdict !== 'unverified') names.push(`verdicts.${task.verdict}`)
  if (task.kind !== 'audit' && task.state === 'verifying' && task.note !== undefined) names.push('waiting.disputed')
  return { ...Object.fromEntries(names.map((name) => [name, 1])), ...paceOf(plan, task) }
}

function frameCounters(frame: FrameRecord): Record<string, number> {
  return { [`frames.${frame.state}`]: 1 }
}

/** Epochs whose leases are to be renewed. */
function heldEpochs(task: TaskRecord): number[] {
  return isHeld(task.state) ? liveAttempts(task).map(({ epoch }) => epoch) : []
}

/**
 * Before anything happened to it: the plan tells as much. What is held is lost in a recovery, so that leases cost the
 * journal nothing.
 */
function isAsPlanned(task: TaskRecord): boolean {
  return task.kind === 'render' && task.state === 'queued' && task.attempts.length === 0
}

function isListed(task: TaskRecord): boolean {
  return task.state === 'queued' && isPicky(task)
}
