import { describe, expect, test } from 'vitest'
import {
  STRAGGLER_AFTER_MS,
  STRAGGLER_FACTOR,
  isStraggler,
  meanMs,
  paceOf,
} from '../../../../shared/domain/task/stragglers.ts'
import { auditTaskId, renderTaskId } from '../../../../shared/protocol/ids.ts'
import { TASK_STATES } from '../../../../shared/protocol/task.ts'
import { NOW, aFinish, aPlan, aTask, anAttempt, leasedTo, worker } from '../records.ts'

const [anna, bert] = [worker('anna'), worker('bert')]
const MEAN = 60_000
const late = NOW + MEAN * STRAGGLER_FACTOR + 1

describe('a straggler', () => {
  test('has run half as long again as tasks of its kind take', () => {
    expect(isStraggler(leasedTo(anna), MEAN, late)).toBe(true)
    expect(isStraggler(leasedTo(anna), MEAN, late - 1)).toBe(false)
  })

  test('is none while nothing is known of its kind, or before a cold worker could have begun', () => {
    expect(isStraggler(leasedTo(anna), null, late)).toBe(false)
    expect(isStraggler(leasedTo(anna), 10, NOW + STRAGGLER_AFTER_MS)).toBe(false)
    expect(isStraggler(leasedTo(anna), 10, NOW + STRAGGLER_AFTER_MS + 1)).toBe(true)
  })

  test('is none when somebody else tries it already, or has handed it in', () => {
    expect(
      isStraggler(leasedTo(anna, { epoch: 2, attempts: [anAttempt(1, anna), anAttempt(2, bert)] }), MEAN, late),
    ).toBe(false)
    for (const state of TASK_STATES.filter((each) => each !== 'leased'))
      expect(isStraggler(leasedTo(anna, { state }), MEAN, late)).toBe(false)
  })

  test('is counted from the lease that is under way, not from one that failed', () => {
    const again = leasedTo(anna, {
      epoch: 2,
      attempts: [anAttempt(1, bert, { outcome: 'failed' }), anAttempt(2, anna, { startedAt: late - 1_000 })],
    })
    expect(isStraggler(again, MEAN, late)).toBe(false)
  })
})

describe('the pace of a job', () => {
  const plan = aPlan()
  const done = (change: Parameters<typeof aTask>[0] = {}, ms = 4_000) =>
    aTask({
      state: 'completed',
      epoch: 1,
      attempts: [anAttempt(1, anna, { outcome: 'rendered', endedAt: NOW + ms })],
      ...change,
    })
  const countersOf = (...tasks: ReturnType<typeof aTask>[]) => {
    const sums: Record<string, number> = {}
    for (const task of tasks)
      for (const [name, amount] of Object.entries(paceOf(plan, task))) sums[name] = (sums[name] ?? 0) + amount
    return sums
  }

  test('is the mean of what its completed tasks took, each kind of work apart', () => {
    const counters = countersOf(
      done({}, 4_000),
      done({ id: renderTaskId(1) }, 8_000),
      done({
        ...aFinish(),
        state: 'completed',
        epoch: 1,
        attempts: [anAttempt(1, anna, { outcome: 'rendered', endedAt: NOW + 100 })],
      }),
    )
    expect(meanMs(plan, counters, aTask())).toBe(6_000)
    expect(meanMs(plan, counters, aFinish())).toBe(100)
    expect(meanMs(plan, counters, aTask({ tile: 0 }))).toBe(null)
  })

  test('of an audit is that of what it checks', () => {
    const counters = countersOf(done())
    const audit = aTask({ id: auditTaskId(renderTaskId(0), 1), kind: 'audit' })
    expect(meanMs(plan, counters, audit)).toBe(4_000)
    expect(meanMs(aPlan({ tiles: { columns: 2, rows: 1, overscanPx: 0 } }), counters, audit)).toBe(null)
  })

  test('leaves out what is not completed, and what another worker was quicker with', () => {
    expect(paceOf(plan, leasedTo(anna))).toEqual({})
    const overtaken = done({
      epoch: 2,
      attempts: [
        anAttempt(1, bert, { outcome: 'overtaken', endedAt: NOW + 9 }),
        anAttempt(2, anna, { outcome: 'rendered', startedAt: NOW + 5, endedAt: NOW + 10 }),
      ],
    })
    expect(paceOf(plan, overtaken)).toEqual({ 'pace.frames.tasks': 1, 'pace.frames.ms': 5 })
  })
})
