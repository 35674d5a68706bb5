import { describe, expect, test } from 'vitest'
import { TASK_TRANSITIONS, type TaskAct, act, isHeld, isOver, mayAct } from '../../../../shared/domain/task/lifecycle.ts'
import { JOB_TRANSITIONS, type JobAct, actOnJob, jobIsOver, mayJob } from '../../../../shared/domain/job-lifecycle.ts'
import { JOB_STATES } from '../../../../shared/protocol/job.ts'
import { TASK_STATES } from '../../../../shared/protocol/task.ts'
import { aJob, aTask } from '../records.ts'

/** Which acts each state allows, written down a second time on purpose. */
const TASK_ALLOWS: Record<(typeof TASK_STATES)[number], Partial<Record<TaskAct, string>>> = {
  queued: { lease: 'leased', fail: 'failed', cancel: 'canceled' },
  leased: { lease_second: 'leased', inspected: 'completed', commit_result: 'delivering', requeue: 'queued', fail: 'failed', cancel: 'canceled' },
  delivering: { verify: 'verifying', complete: 'completed', requeue: 'queued', fail: 'failed', cancel: 'canceled' },
  verifying: { complete: 'completed', requeue: 'queued', fail: 'failed', cancel: 'canceled' },
  completed: { requeue: 'queued', fail: 'failed' },
  failed: { reopen: 'queued', check_again: 'verifying' },
  canceled: { reopen: 'queued', check_again: 'verifying' },
}
const JOB_ALLOWS: Record<(typeof JOB_STATES)[number], Partial<Record<JobAct, string>>> = {
  inspecting: { plan: 'planning', fail: 'failed', cancel: 'canceled' },
  planning: { activate: 'active', fail: 'failed', cancel: 'canceled' },
  active: { encode: 'encoding', fail: 'failed', cancel: 'canceled' },
  encoding: { complete: 'completed', fail: 'failed', cancel: 'canceled' },
  completed: { delete: 'deleting' },
  failed: { inspect_again: 'inspecting', plan_again: 'planning', work_again: 'active', delete: 'deleting' },
  canceled: { inspect_again: 'inspecting', plan_again: 'planning', work_again: 'active', delete: 'deleting' },
  deleting: { delete: 'deleting' },
}
const taskActs = Object.keys(TASK_TRANSITIONS) as TaskAct[]
const jobActs = Object.keys(JOB_TRANSITIONS) as JobAct[]

describe('every state of a task against every act', () => {
  test.each(TASK_STATES.flatMap((state) => taskActs.map((name) => [state, name] as const)))('%s: %s', (state, name) => {
    const to = TASK_ALLOWS[state][name]
    expect(mayAct(state, name)).toBe(to !== undefined)
    if (to === undefined) expect(() => act(aTask({ state }), name)).toThrow(`is ${state}: it cannot ${name}`)
    else expect(act(aTask({ state }), name, { note: 'why' })).toMatchObject({ state: to, note: 'why' })
  })

  test('a task is held, or over, or neither, never both', () => {
    expect(TASK_STATES.filter(isHeld)).toEqual(['leased', 'delivering'])
    expect(TASK_STATES.filter(isOver)).toEqual(['completed', 'failed', 'canceled'])
  })

  test('no change that is handed along can set another state than the act', () => {
    expect(act(aTask(), 'lease', { state: 'completed' }).state).toBe('leased')
  })
})

describe('every state of a job against every act', () => {
  test.each(JOB_STATES.flatMap((state) => jobActs.map((name) => [state, name] as const)))('%s: %s', (state, name) => {
    const to = JOB_ALLOWS[state][name]
    expect(mayJob(state, name)).toBe(to !== undefined)
    if (to === undefined) expect(() => actOnJob(aJob({ state }), name)).toThrow(`is ${state}: it cannot ${name}`)
    else expect(actOnJob(aJob({ state }), name).state).toBe(to)
  })

  test('from every state that is not over an end can be reached, and from every end the deletion', () => {
    for (const state of JOB_STATES) expect(mayJob(state, jobIsOver(state) ? 'delete' : 'cancel')).toBe(true)
  })
})
