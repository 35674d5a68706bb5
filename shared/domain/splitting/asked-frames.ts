import type { JobPlan } from '../../protocol/job.ts'
import { parseFrames } from './frames.ts'
import { tasksPerFrame } from './job-tasks.ts'

/**
 * Frames by their position: those of the plan, in order, and after a change of the frames all that were ever asked for.
 */
export function askedFrames(plan: Pick<JobPlan, 'frames' | 'asked'>): number[] {
  return (plan.asked ?? [plan.frames]).flatMap(numbersOf)
}

/** The frames that shall be rendered, ascending. */
export function wantedFrames({ frames }: Pick<JobPlan, 'frames'>): number[] {
  return numbersOf(frames)
}

/** Numbers that render tasks of the plan can have: more than there are tasks when frames were taken out. */
export function taskNumbers(plan: JobPlan): number {
  return plan.asked === undefined ? plan.renderTaskCount : askedFrames(plan).length * tasksPerFrame(plan)
}

function numbersOf(text: string): number[] {
  const frames = parseFrames(text)
  if (!frames.ok) throw new Error(`stored frames do not parse: ${frames.detail}`)
  return frames.frames
}
