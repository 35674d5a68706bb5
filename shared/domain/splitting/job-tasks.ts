import { finishTaskId, type TaskId, renderTaskId } from '../../protocol/ids.ts'
import { type JobPlan, needsFinish } from '../../protocol/job.ts'
import type { FrameRecord, TaskRecord } from '../../protocol/task.ts'

/** Tiles of one frame; 1 when frames are not cut. */
export function tilesPerFrame(plan: Pick<JobPlan, 'tiles'>): number {
  return plan.tiles === undefined ? 1 : plan.tiles.columns * plan.tiles.rows
}

/** Render tasks of one frame: its tiles, each in the ranges of its samples. */
export function tasksPerFrame(plan: Pick<JobPlan, 'tiles' | 'samples'>): number {
  return tilesPerFrame(plan) * rangesPerTile(plan)
}

/** Files that one tile is made of: the ranges of its samples; 1 when samples are not split. */
export function rangesPerTile(plan: Pick<JobPlan, 'samples'>): number {
  return plan.samples?.ranges ?? 1
}

/** Finish tasks of a job: one for each of its frames, where they need any. */
export function finishCount(plan: Pick<JobPlan, 'tiles' | 'frameCount'>): number {
  return needsFinish(plan) ? plan.frameCount : 0
}

/** The part of a frame that a task is about, as it stands in its record. */
export function partOf({
  tile,
  sampleRange,
}: Pick<TaskRecord, 'tile' | 'sampleRange'>): Pick<TaskRecord, 'tile' | 'sampleRange'> {
  return { ...(tile === undefined ? {} : { tile }), ...(sampleRange === undefined ? {} : { sampleRange }) }
}

/** The `index`-th render task of a plan (from 0), as it is before anything happened to it. */
export function newRenderTask(plan: JobPlan, frames: readonly number[], index: number): TaskRecord {
  if (plan.tiles === undefined)
    return blankTask(renderTaskId(index), 'render', frames.slice(index * plan.chunk, (index + 1) * plan.chunk))
  const [parts, ranges] = [tasksPerFrame(plan), rangesPerTile(plan)]
  const [position, part] = [Math.floor(index / parts), index % parts]
  return {
    ...blankTask(renderTaskId(index), 'render', frames.slice(position, position + 1)),
    tile: Math.floor(part / ranges),
    ...(plan.samples === undefined ? {} : { sampleRange: part % ranges }),
  }
}

export function blankTask(id: TaskId, kind: TaskRecord['kind'], frames: readonly number[]): TaskRecord {
  return { id, kind, state: 'queued', frames: [...frames], epoch: 0, attempts: [], verdict: 'unverified', avoid: [] }
}

export function newFrame(plan: JobPlan, number: number, position: number): FrameRecord {
  return { number, position, state: 'rendering', tasksLeft: tasksPerFrame(plan) }
}

/** The render tasks `from` to `to` (exclusive) of a plan, and the frames that they begin. */
export function plannedPart(
  plan: JobPlan,
  frames: readonly number[],
  from: number,
  to: number,
): { tasks: TaskRecord[]; frames: FrameRecord[] } {
  const parts = tasksPerFrame(plan)
  const tasks = Array.from({ length: to - from }, (_, offset) => newRenderTask(plan, frames, from + offset))
  const begun = tasks.flatMap((task, offset) =>
    plan.tiles === undefined || (from + offset) % parts === 0
      ? task.frames.map((number, place) =>
          newFrame(
            plan,
            number,
            plan.tiles === undefined ? (from + offset) * plan.chunk + place : (from + offset) / parts,
          ),
        )
      : [],
  )
  return { tasks, frames: begun }
}

/**
 * Render tasks whose pixels make up the frame at `position` of the frame list: tile by tile, the ranges of each in
 * order.
 */
export function renderTasksOfFrame(plan: JobPlan, position: number): TaskId[] {
  if (plan.tiles === undefined) return [renderTaskId(Math.floor(position / plan.chunk))]
  const parts = tasksPerFrame(plan)
  return Array.from({ length: parts }, (_, part) => renderTaskId(position * parts + part))
}

/** The task whose result the frame at `position` is delivered from: its finish, or the one that rendered it whole. */
export function sourceOfFrame(plan: JobPlan, position: number): TaskId {
  return needsFinish(plan) ? finishTaskId(position) : renderTaskId(Math.floor(position / plan.chunk))
}
