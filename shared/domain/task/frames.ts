import { finishTaskId } from '../../protocol/ids.ts'
import { type JobRecord, needsFinish } from '../../protocol/job.ts'
import type { FinalFile, FrameRecord, TaskRecord } from '../../protocol/task.ts'
import type { Decision } from '../decision.ts'
import { actOnFrame, mayFrame } from '../lifecycle/frame.ts'
import { blankTask } from '../splitting/job-tasks.ts'

/** A frame of a task whose result counts from here on: one task nearer, or on to what follows its last one. */
export function frameNearer(job: JobRecord, task: TaskRecord, frame: FrameRecord): FrameRecord {
  const tasksLeft = task.kind === 'finish' ? frame.tasksLeft : frame.tasksLeft - 1
  // Taken out of the job while this was under way; it is there if the frame is asked for again.
  if (frame.state === 'canceled') return { ...frame, tasksLeft }
  if (task.kind === 'finish') return actOnFrame(frame, 'deliver')
  if (tasksLeft > 0) return actOnFrame(frame, 'come_nearer', { tasksLeft })
  return actOnFrame(frame, needsFinish(job.plan) ? 'stitch' : 'deliver', { tasksLeft })
}

/** A frame of a completed task whose result is rejected. */
export function frameTakenBack(task: TaskRecord, frame: FrameRecord): FrameRecord {
  if (task.kind === 'finish') return actOnFrame(frame, 'finish_again')
  return actOnFrame(frame, 'render_again', { tasksLeft: frame.tasksLeft + 1 })
}

/** Whether what a completed task gave is still being looked at: what is stitched or delivered was read whole. */
export function mayTakeBack(job: JobRecord, task: TaskRecord, frames: readonly FrameRecord[]): boolean {
  if (task.kind === 'render' && needsFinish(job.plan)) {
    return frames.every((frame) => frame.state === 'rendering' || frame.state === 'stitching')
  }
  return frames.some((frame) => frame.state === 'delivering')
}

type Stitched = NonNullable<FrameRecord['stitched']>

/** The stitched image of a frame is there: the compositor may run on it. Nothing when the frame has moved on. */
export function frameStitched(job: JobRecord, frame: FrameRecord, stitched: Stitched): Decision {
  if (job.state !== 'active' || !mayFrame(frame.state, 'finish')) return { ok: true }
  const finish = blankTask(finishTaskId(frame.position), 'finish', [frame.number])
  return {
    ok: true,
    frames: [actOnFrame(frame, 'finish', { stitched })],
    tasks: [finish],
    effects: [{ type: 'announce_work' }],
  }
}

/** What lies in `final/` of a frame, the result it was made of, and the result that counts now. */
export interface Delivered {
  readonly files: readonly FinalFile[]
  readonly source: TaskRecord['canonical']
  readonly now: TaskRecord['canonical']
}

/**
 * The files of a frame lie in `final/`. Nothing when the frame has moved on, or when the result that counts is not the
 * one that they were made of any more: what was rendered anew meanwhile is delivered by a step of its own.
 */
export function frameDelivered(job: JobRecord, frame: FrameRecord, { files, source, now }: Delivered): Decision {
  if (job.state !== 'active' || !mayFrame(frame.state, 'delivered')) return { ok: true }
  if (now?.taskId !== source?.taskId || now?.epoch !== source?.epoch) return { ok: true }
  return { ok: true, frames: [actOnFrame(frame, 'delivered', { files: [...files] })] }
}
