import type { JobId } from '../../protocol/ids.ts'
import type { FrameRecord, FrameState } from '../../protocol/task.ts'
import type { BackgroundStep } from '../effect.ts'

/** What can happen to a frame, by the name of the act. */
export const FRAME_TRANSITIONS = {
  /** One of its render tasks is completed, and others are not. */
  come_nearer: { from: ['rendering'], to: 'rendering' },
  stitch: { from: ['rendering'], to: 'stitching' },
  finish: { from: ['stitching'], to: 'finishing' },
  /** Straight from the render tasks where frames are not cut into tiles. */
  deliver: { from: ['rendering', 'finishing'], to: 'delivering' },
  delivered: { from: ['delivering'], to: 'delivered' },
  /** A result that it was made of was rejected. One task of several frames takes all back while one is on its way. */
  render_again: { from: ['rendering', 'stitching', 'delivering', 'delivered'], to: 'rendering' },
  finish_again: { from: ['delivering'], to: 'finishing' },
  /** Taken out of its job. */
  cancel: { from: ['rendering', 'stitching', 'finishing', 'delivering', 'delivered'], to: 'canceled' },
  /** Asked for again: it goes on where it was. */
  resume_rendering: { from: ['canceled'], to: 'rendering' },
  resume_stitching: { from: ['canceled'], to: 'stitching' },
  resume_finishing: { from: ['canceled'], to: 'finishing' },
  resume_delivering: { from: ['canceled'], to: 'delivering' },
  resume_delivered: { from: ['canceled'], to: 'delivered' },
} as const satisfies Record<string, { from: readonly FrameState[]; to: FrameState }> & ResumeActs

/** A frame can be asked for again in each state that it can be taken out in. */
type ResumeActs = { [State in LiveFrameState as `resume_${State}`]: { from: readonly ['canceled']; to: State } }

export type FrameAct = keyof typeof FRAME_TRANSITIONS

/** The states of a frame that is wanted. */
export type LiveFrameState = Exclude<FrameState, 'canceled'>

/** Whether the table allows the act in this state. */
export function mayFrame(state: FrameState, act: FrameAct): boolean {
  const allowed: readonly FrameState[] = FRAME_TRANSITIONS[act].from
  return allowed.includes(state)
}

/** The frame after the act; an act that the table does not allow is a bug of ours and throws. */
export function actOnFrame(frame: FrameRecord, name: FrameAct, change: Partial<FrameRecord> = {}): FrameRecord {
  if (!mayFrame(frame.state, name)) throw new Error(`frame ${frame.number} is ${frame.state}: it cannot ${name}`)
  return { ...frame, ...change, state: FRAME_TRANSITIONS[name].to }
}

/** The background step that a frame waits for in each state; null where it waits for tasks, or for nothing. */
const STEPS = {
  rendering: null,
  stitching: 'stitch',
  finishing: null,
  delivering: 'deliver',
  delivered: null,
  canceled: null,
} as const satisfies Record<FrameState, BackgroundStep['step'] | null>

/** States in which a frame waits for a background step. */
export const STATES_WITH_STEP = (Object.keys(STEPS) as FrameState[]).filter((state) => STEPS[state] !== null)

/** The step that a frame waits for now. */
export function stepOfFrame(jobId: JobId, frame: Pick<FrameRecord, 'state' | 'number'>): BackgroundStep | null {
  const step = STEPS[frame.state]
  return step === null ? null : { step, jobId, frame: frame.number }
}

/** What there is of a frame. `needsFinish`: it is stitched and finished before it is delivered. */
export interface FrameProgress {
  readonly isDelivered: boolean
  readonly tasksLeft: number
  readonly needsFinish: boolean
  readonly isStitched: boolean
  readonly isFinished: boolean
}

/** The state of a frame by what there is of it, for one that is reopened. */
export function frameStateBy(progress: FrameProgress): LiveFrameState {
  const { isDelivered, tasksLeft, needsFinish, isStitched, isFinished } = progress
  if (isDelivered) return 'delivered'
  if (tasksLeft > 0) return 'rendering'
  if (!needsFinish) return 'delivering'
  if (!isStitched) return 'stitching'
  return isFinished ? 'delivering' : 'finishing'
}
