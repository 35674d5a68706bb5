import { type TaskId, renderTaskId } from '../../protocol/ids.ts'
import type { JobPlan } from '../../protocol/job.ts'
import type { FrameRecord, TaskRecord } from '../../protocol/task.ts'

/** Tiles of one frame; 1 when frames are not cut. */
export function tilesPerFrame(plan: JobPlan): number {
  return plan.tiles === undefined ? 1 : plan.tiles.columns * plan.tiles.rows
}

/** The `index`-th render task of a plan (from 0), as it is before anything happened to it. */
export function newRenderTask(plan: JobPlan, frames: readonly number[], index: number): TaskRecord {
  const tiles = tilesPerFrame(plan)
  const own = plan.tiles === undefined ? frames.slice(index * plan.chunk, (index + 1) * plan.chunk) : frames.slice(Math.floor(index / tiles), Math.floor(index / tiles) + 1)
  return {
    ...blankTask(renderTaskId(index), 'render', own),
    ...(plan.tiles === undefined ? {} : { tile: index % tiles }),
  }
}

export function blankTask(id: TaskId, kind: TaskRecord['kind'], frames: readonly number[]): TaskRecord {
  return { id, kind, state: 'queued', frames: [...frames], epoch: 0, attempts: [], verdict: 'unverified', avoid: [] }
}

export function newFrame(plan: JobPlan, number: number, position: number): FrameRecord {
  return { number, position, state: 'rendering', tasksLeft: tilesPerFrame(plan) }
}

/** The render tasks `from` to `to` (exclusive) of a plan, and the frames that they begin. */
export function plannedPart(plan: JobPlan, frames: readonly number[], from: number, to: number): { tasks: TaskRecord[]; frames: FrameRecord[] } {
  const tiles = tilesPerFrame(plan)
  const tasks = Array.from({ length: to - from }, (_, offset) => newRenderTask(plan, frames, from + offset))
  const begun = tasks.flatMap((task, offset) => (task.tile === undefined || task.tile === 0 ? task.frames.map((number, place) => newFrame(plan, number, plan.tiles === undefined ? (from + offset) * plan.chunk + place : (from + offset) / tiles)) : []))
  return { tasks, frames: begun }
}

/** Render tasks whose pixels make up the frame at `position` of the frame list. */
export function renderTasksOfFrame(plan: JobPlan, position: number): TaskId[] {
  const tiles = tilesPerFrame(plan)
  if (plan.tiles === undefined) return [renderTaskId(Math.floor(position / plan.chunk))]
  return Array.from({ length: tiles }, (_, tile) => renderTaskId(position * tiles + tile))
}
