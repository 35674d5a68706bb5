import type { Change } from '../domain/decision.ts'
import type { Effect } from '../domain/effect.ts'
import { actOnJob, isBeingPlanned } from '../domain/job-lifecycle.ts'
import { askedFrames, taskNumbers, wantedFrames } from '../domain/splitting/asked-frames.ts'
import { plannedPart } from '../domain/splitting/job-tasks.ts'
import { queueing } from '../domain/scheduling/task-fit.ts'
import { auditIds } from '../domain/task/attempts.ts'
import { cancelTask } from '../domain/task/fall-back.ts'
import { isOver } from '../domain/task/lifecycle.ts'
import { reopenTask } from '../domain/task/reopen.ts'
import { finishTaskId, type JobId, type TaskId } from '../protocol/ids.ts'
import type { JobRecord } from '../protocol/job.ts'
import type { FrameRecord, TaskRecord } from '../protocol/task.ts'
import type { Engine } from './context.ts'
import { endRendering } from './step-reports.ts'
import { type Facts, transact } from './transact.ts'

/** Tasks in one commit: large enough to be quick, small enough that Redis never stalls on one script. */
const PLAN_BATCH = 500

/** The next tasks to be written down or gone over, and what belongs to them. */
interface Batch {
  readonly tasks: readonly TaskRecord[]
  readonly frames: readonly FrameRecord[]
  readonly wanted: ReadonlySet<number>
}

/**
 * Writes the tasks of a job down, batch by batch, and lets it run. After a retry it takes up again those that failed or were
 * canceled, after a change of the frames it brings all of them in line with the plan. Goes on where a process that died stopped, and
 * several may do it at once: each batch is one commit.
 */
export async function planTasks(engine: Engine, jobId: JobId): Promise<void> {
  let lists: { readonly revision: number | undefined; readonly asked: readonly number[]; readonly wanted: ReadonlySet<number> } | null = null
  for (;;) {
    const versioned = await engine.store.job(jobId)
    if (versioned === null || !isBeingPlanned(versioned.value)) break
    const { plan, tasksPlanned: from, revision } = versioned.value
    if (lists === null || lists.revision !== revision) lists = { revision, asked: askedFrames(plan), wanted: new Set(wantedFrames(plan)) }
    const to = Math.min(taskNumbers(plan), from + PLAN_BATCH)
    const batch: Batch = { ...plannedPart(plan, lists.asked, from, to), wanted: lists.wanted }
    // The first time there is nothing to read: nobody else writes these records before the batch is committed.
    const reading = revision === undefined ? {} : { fresh: true, tasks: await namesIn(engine, jobId, batch, plan.tiles !== undefined), frames: batch.frames.map(({ number }) => number) }
    await transact(engine, jobId, reading, (facts, now) => {
      const { job } = facts
      if (!isBeingPlanned(job) || job.tasksPlanned !== from || job.revision !== revision) return { ok: true }
      return inLine(facts, { ...job, tasksPlanned: to }, batch, now)
    })
  }
  if (lists !== null) await endRendering(engine, jobId)
}

/** The tasks of a batch, their finishes, and the audits that are open on those of frames that were taken out. */
async function namesIn(engine: Engine, jobId: JobId, { tasks, frames, wanted }: Batch, tiled: boolean): Promise<TaskId[]> {
  const names = [...tasks.map(({ id }) => id), ...(tiled ? frames.map(({ position }) => finishTaskId(position)) : [])]
  if (tasks.every((task) => task.frames.every((frame) => wanted.has(frame)))) return names
  const known = await engine.store.tasks(jobId, names)
  return [...names, ...known.flatMap((task) => (task?.value.state === 'verifying' && !isWanted(task.value, wanted) ? auditIds(task.value) : []))]
}

function isWanted(task: TaskRecord, wanted: ReadonlySet<number>): boolean {
  return task.frames.some((frame) => wanted.has(frame))
}

/** What brings one batch in line with the plan. `job`: as it is after it. */
function inLine(facts: Facts, job: JobRecord, batch: Batch, now: number): Change {
  const finishes = job.plan.tiles === undefined ? [] : batch.frames.flatMap(({ position }) => facts.task(finishTaskId(position)) ?? [])
  const known = [...batch.tasks.flatMap(({ id }) => facts.task(id) ?? []), ...finishes]
  const fresh = batch.tasks.filter((task) => facts.task(task.id) === undefined && isWanted(task, batch.wanted))
  const changes: Pick<Change, 'tasks' | 'effects'>[] = []
  for (const task of known) {
    if (isWanted(task, batch.wanted)) changes.push(reopenTask(task))
    else if (!isOver(task.state)) {
      const audits = task.state === 'verifying' ? auditIds(task) : []
      if (audits.some((id) => facts.task(id) === undefined)) return { ok: true } // they came since; all is read once more
      for (const each of [task, ...audits.flatMap((id) => facts.task(id) ?? [])]) changes.push(cancelTask(each, now, 'its frame was taken out of the job'))
    }
  }
  const frames = batch.frames.map((frame) => frameInLine(job, frame, facts.frames.find(({ number }) => number === frame.number), batch.wanted.has(frame.number), finishes))
  const last = job.tasksPlanned === taskNumbers(job.plan)
  const activates = last && job.state === 'planning'
  return {
    ok: true,
    job: activates ? actOnJob(job, 'activate', { startedAt: now }) : job,
    tasks: [...fresh, ...changes.flatMap((each) => each.tasks ?? [])],
    frames: frames.flatMap(({ frame }) => frame ?? []),
    effects: [
      ...queueing(fresh),
      ...changes.flatMap((each) => each.effects ?? []),
      ...frames.flatMap(({ effects }) => effects),
      ...(last ? [{ type: 'announce_work' } as const] : []),
    ],
    events: activates ? [{ type: 'job_started', message: 'all tasks are planned' }] : [],
  }
}

/** A frame as the plan wants it, where that is not how it is, and the step that it waits for. */
function frameInLine(job: JobRecord, planned: FrameRecord, known: FrameRecord | undefined, wanted: boolean, finishes: readonly TaskRecord[]): { frame?: FrameRecord; effects: Effect[] } {
  if (known === undefined) return wanted ? { frame: planned, effects: [] } : { effects: [] }
  if (!wanted) return known.state === 'canceled' ? { effects: [] } : { frame: { ...known, state: 'canceled' }, effects: [] }
  const state = known.state === 'canceled' ? stateOf(job, known, finishes) : known.state
  // Its step was dropped when the job ended, or failed for good; one that waits already is not added twice.
  const step = state === 'stitching' ? ('stitch' as const) : state === 'delivering' ? ('deliver' as const) : null
  return { ...(state === known.state ? {} : { frame: { ...known, state } }), effects: step === null ? [] : [{ type: 'run_step', step: { step, jobId: job.id, frame: known.number } }] }
}

/** Where a frame is that was taken out and is asked for again. */
function stateOf(job: JobRecord, frame: FrameRecord, finishes: readonly TaskRecord[]): FrameRecord['state'] {
  if (frame.files !== undefined) return 'delivered'
  if (frame.tasksLeft > 0) return 'rendering'
  if (job.plan.tiles === undefined) return 'delivering'
  const finish = finishes.find((task) => task.frames.includes(frame.number))
  return finish === undefined ? 'stitching' : finish.state === 'completed' ? 'delivering' : 'finishing'
}
