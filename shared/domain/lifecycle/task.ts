import type { TaskRecord, TaskState } from '../../protocol/task.ts'

/** What can happen to a task, by the name of the act. */
export const TASK_TRANSITIONS = {
  lease: { from: ['queued'], to: 'leased' },
  /** A straggler: somebody idle tries as well, and the first to hand in wins. */
  lease_second: { from: ['leased'], to: 'leased' },
  /** An inspection is its own result: no files follow. */
  inspected: { from: ['leased'], to: 'completed' },
  commit_result: { from: ['leased'], to: 'delivering' },
  verify: { from: ['delivering'], to: 'verifying' },
  complete: { from: ['delivering', 'verifying'], to: 'completed' },
  /** Failed, expired, given back or rejected: another worker shall try. */
  requeue: { from: ['leased', 'delivering', 'verifying', 'completed'], to: 'queued' },
  fail: { from: ['queued', 'leased', 'delivering', 'verifying', 'completed'], to: 'failed' },
  /** Reopened with its job: rendered anew, or only checked anew where its result is there. */
  reopen: { from: ['failed', 'canceled'], to: 'queued' },
  check_again: { from: ['failed', 'canceled'], to: 'verifying' },
  cancel: { from: ['queued', 'leased', 'delivering', 'verifying'], to: 'canceled' },
} as const satisfies Record<string, { from: readonly TaskState[]; to: TaskState }>

export type TaskAct = keyof typeof TASK_TRANSITIONS

export function mayAct(state: TaskState, act: TaskAct): boolean {
  const allowed: readonly TaskState[] = TASK_TRANSITIONS[act].from
  return allowed.includes(state)
}

/** The task after the act; an act that the table does not allow is a bug of ours and throws. */
export function act(task: TaskRecord, name: TaskAct, change: Partial<TaskRecord> = {}): TaskRecord {
  if (!mayAct(task.state, name)) throw new Error(`task ${task.id} is ${task.state}: it cannot ${name}`)
  return { ...task, ...change, state: TASK_TRANSITIONS[name].to }
}

export function isOver(state: TaskState): boolean {
  return state === 'completed' || state === 'failed' || state === 'canceled'
}

/** A worker holds the right to it: leased, or its result is on the way. */
export function isHeld(state: TaskState): boolean {
  return state === 'leased' || state === 'delivering'
}
