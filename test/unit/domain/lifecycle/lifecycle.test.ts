import { describe, expect, test } from 'vitest'
import {
  TASK_TRANSITIONS,
  type TaskAct,
  act,
  isHeld,
  isOver,
  mayAct,
} from '../../../../shared/domain/lifecycle/task.ts'
import {
  FRAME_TRANSITIONS,
  type FrameAct,
  type LiveFrameState,
  STATES_WITH_STEP,
  actOnFrame,
  frameStateBy,
  mayFrame,
  stepOfFrame,
} from '../../../../shared/domain/lifecycle/frame.ts'
import { JOB_TRANSITIONS, type JobAct, actOnJob, jobIsOver, mayJob } from '../../../../shared/domain/lifecycle/job.ts'
import { JOB_STATES } from '../../../../shared/protocol/job.ts'
import { FRAME_STATES, TASK_STATES } from '../../../../shared/protocol/task.ts'
import { aFrame, aJob, aTask } from '../records.ts'

/** Which acts each state allows, written down a second time on purpose. */
const TASK_ALLOWS: Record<(typeof TASK_STATES)[number], Partial<Record<TaskAct, string>>> = {
  queued: { lease: 'leased', fail: 'failed', cancel: 'canceled' },
  leased: {
    lease_second: 'leased',
    inspected: 'completed',
    commit_result: 'delivering',
    requeue: 'queued',
    fail: 'failed',
    cancel: 'canceled',
  },
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
const FRAME_ALLOWS: Record<(typeof FRAME_STATES)[number], Partial<Record<FrameAct, string>>> = {
  rendering: {
    come_nearer: 'rendering',
    stitch: 'stitching',
    deliver: 'delivering',
    render_again: 'rendering',
    cancel: 'canceled',
  },
  stitching: { finish: 'finishing', render_again: 'rendering', cancel: 'canceled' },
  finishing: { deliver: 'delivering', cancel: 'canceled' },
  delivering: { delivered: 'delivered', render_again: 'rendering', finish_again: 'finishing', cancel: 'canceled' },
  delivered: { render_again: 'rendering', cancel: 'canceled' },
  canceled: {
    resume_rendering: 'rendering',
    resume_stitching: 'stitching',
    resume_finishing: 'finishing',
    resume_delivering: 'delivering',
    resume_delivered: 'delivered',
  },
}
const frameActs = Object.keys(FRAME_TRANSITIONS) as FrameAct[]
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

describe('every state of a frame against every act', () => {
  test.each(FRAME_STATES.flatMap((state) => frameActs.map((name) => [state, name] as const)))(
    '%s: %s',
    (state, name) => {
      const to = FRAME_ALLOWS[state][name]
      expect(mayFrame(state, name)).toBe(to !== undefined)
      if (to === undefined) expect(() => actOnFrame(aFrame({ state }), name)).toThrow(`is ${state}: it cannot ${name}`)
      else
        expect(actOnFrame(aFrame({ state }), name, { tasksLeft: 0 })).toEqual(
          aFrame({ state: to as LiveFrameState, tasksLeft: 0 }),
        )
    },
  )

  test('each state but the first is one that an act leads to, so that none stands in the protocol for nothing', () => {
    const reached = new Set(frameActs.map((name) => FRAME_TRANSITIONS[name].to))
    expect(FRAME_STATES.filter((state) => !reached.has(state))).toEqual([])
  })

  test('a frame waits for its stitching and its delivery only', () => {
    const { id } = aJob()
    expect(STATES_WITH_STEP).toEqual(['stitching', 'delivering'])
    expect(stepOfFrame(id, aFrame({ state: 'stitching' }))).toEqual({ step: 'stitch', jobId: id, frame: 1 })
    expect(stepOfFrame(id, aFrame({ state: 'delivering' }))).toEqual({ step: 'deliver', jobId: id, frame: 1 })
    for (const state of FRAME_STATES.filter((each) => each !== 'stitching' && each !== 'delivering'))
      expect(stepOfFrame(id, aFrame({ state }))).toBeNull()
  })

  test.each([
    ['delivered', { isDelivered: true }],
    ['rendering', { tasksLeft: 1, isStitched: true }],
    ['delivering', { needsFinish: false }],
    ['stitching', {}],
    ['finishing', { isStitched: true }],
    ['delivering', { isStitched: true, isFinished: true }],
  ])('a frame that is reopened is %s by what there is of it: %o', (state, there) => {
    expect(
      frameStateBy({
        isDelivered: false,
        tasksLeft: 0,
        needsFinish: true,
        isStitched: false,
        isFinished: false,
        ...there,
      }),
    ).toBe(state)
  })
})
