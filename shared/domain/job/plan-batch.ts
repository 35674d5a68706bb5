import { finishTaskId, type TaskId } from '../../protocol/ids.ts'
import { type JobRecord, needsFinish } from '../../protocol/job.ts'
import type { FrameRecord, TaskRecord } from '../../protocol/task.ts'
import type { Change } from '../decision.ts'
import type { Effect } from '../effect.ts'
import { actOnFrame, frameStateBy, stepOfFrame } from '../lifecycle/frame.ts'
import { actOnJob } from '../lifecycle/job.ts'
import { isOver } from '../lifecycle/task.ts'
import { queueing } from '../scheduling/task-fit.ts'
import { taskNumbers } from '../splitting/asked-frames.ts'
import { auditIds } from '../task/attempts.ts'
import { cancelTask } from '../task/fail-attempt.ts'
import { reopenTask } from '../task/reopen.ts'

/** The next tasks to be written down or gone over, as they are when new, and what belongs to them. */
export interface PlanBatch {
  readonly tasks: readonly TaskRecord[]
  readonly frames: readonly FrameRecord[]
  /** Numbers of the frames that the job shall have. */
  readonly wanted: ReadonlySet<number>
}

/** The records of a batch as far as they exist. */
export interface KnownOfBatch {
  task(id: TaskId): TaskRecord | undefined
  readonly frames: readonly FrameRecord[]
}

/** The ids that a batch is decided on: its tasks, and the finishes of its frames. */
export function idsOfBatch({ plan }: Pick<JobRecord, 'plan'>, { tasks, frames }: PlanBatch): TaskId[] {
  const finishes = needsFinish(plan) ? frames.map(({ position }) => finishTaskId(position)) : []
  return [...tasks.map(({ id }) => id), ...finishes]
}

/** Audits that are canceled with a task whose frames were all taken out of the job. */
export function auditsToCancel(task: TaskRecord, { wanted }: Pick<PlanBatch, 'wanted'>): TaskId[] {
  return task.state === 'verifying' && !isWanted(task, wanted) ? auditIds(task) : []
}

/** Whether all tasks of the batch are to be done. */
export function isAllWanted({ tasks, wanted }: PlanBatch): boolean {
  return tasks.every((task) => task.frames.every((frame) => wanted.has(frame)))
}

/**
 * What brings one batch in line with the plan: new tasks are written down, those that failed or were canceled are taken
 * up again, and those of frames that were taken out are canceled. `job`: as it is after the batch, and once that was
 * the last one it runs. Nothing when audits came since the records were read; all is read once more then.
 */
export function planBatch(job: JobRecord, known: KnownOfBatch, batch: PlanBatch, now: number): Change {
  const records = idsOfBatch(job, batch).flatMap((id) => known.task(id) ?? [])
  const fresh = batch.tasks.filter((task) => known.task(task.id) === undefined && isWanted(task, batch.wanted))
  const changes: Pick<Change, 'tasks' | 'effects'>[] = []
  for (const task of records) {
    if (isWanted(task, batch.wanted)) changes.push(reopenTask(task))
    else if (!isOver(task.state)) {
      const audits = auditsToCancel(task, batch)
      if (audits.some((id) => known.task(id) === undefined)) return { ok: true }
      const dropped = [task, ...audits.flatMap((id) => known.task(id) ?? [])]
      changes.push(...dropped.map((each) => cancelTask(each, now, 'its frame was taken out of the job')))
    }
  }
  const frames = batch.frames.map((frame) => planFrame(job, frame, known, batch.wanted.has(frame.number)))
  const isLast = job.tasksPlanned === taskNumbers(job.plan)
  const activates = isLast && job.state === 'planning'
  return {
    ok: true,
    job: activates ? actOnJob(job, 'activate', { startedAt: now }) : job,
    tasks: [...fresh, ...changes.flatMap((each) => each.tasks ?? [])],
    frames: frames.flatMap(({ frame }) => frame ?? []),
    effects: [
      ...queueing(fresh),
      ...changes.flatMap((each) => each.effects ?? []),
      ...frames.flatMap(({ effects }) => effects),
      ...(isLast ? [{ type: 'announce_work' } as const] : []),
    ],
    events: activates ? [{ type: 'job_started', message: 'all tasks are planned' }] : [],
  }
}

function isWanted(task: TaskRecord, wanted: ReadonlySet<number>): boolean {
  return task.frames.some((frame) => wanted.has(frame))
}

interface PlannedFrame {
  readonly frame?: FrameRecord
  readonly effects: readonly Effect[]
}

/** A frame as the plan wants it, where that is not how it is, and the step that it waits for. */
function planFrame(job: JobRecord, planned: FrameRecord, records: KnownOfBatch, wanted: boolean): PlannedFrame {
  const known = records.frames.find(({ number }) => number === planned.number)
  if (known === undefined) return wanted ? { frame: planned, effects: [] } : { effects: [] }
  if (!wanted) return known.state === 'canceled' ? { effects: [] } : { frame: actOnFrame(known, 'cancel'), effects: [] }
  const frame = known.state === 'canceled' ? resumed(job, known, records.task(finishTaskId(known.position))) : known
  // Its step was dropped when the job ended, or failed for good; one that waits already is not added twice.
  const step = stepOfFrame(job.id, frame)
  return { ...(frame === known ? {} : { frame }), effects: step === null ? [] : [{ type: 'run_step', step }] }
}

/** A frame that was taken out and is asked for again. */
function resumed(job: JobRecord, frame: FrameRecord, finish: TaskRecord | undefined): FrameRecord {
  const state = frameStateBy({
    isDelivered: frame.files !== undefined,
    tasksLeft: frame.tasksLeft,
    needsFinish: needsFinish(job.plan),
    isStitched: finish !== undefined,
    isFinished: finish?.state === 'completed',
  })
  return actOnFrame(frame, `resume_${state}`)
}
