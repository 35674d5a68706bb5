import { describe, expect, test } from 'vitest'
import { addPace, estimateOf, NO_PACE } from '../../../shared/domain/estimate.ts'
import type { TaskRecord } from '../../../shared/protocol/task.ts'
import { aFinish, aPlan, aTask, anAttempt, sceneSettings, worker } from './records.ts'

const facts = sceneSettings({ cycles: { samples: 10 } })
const done = (seconds: number, change: Partial<TaskRecord> = {}) =>
  aTask({
    state: 'completed',
    epoch: 1,
    attempts: [anAttempt(1, worker('ann'), { outcome: 'rendered', renderSeconds: seconds })],
    ...change,
  })

describe('an estimate', () => {
  test('is none before anything was rendered', () => {
    expect(estimateOf(aPlan(), facts, { audits: 0, pace: NO_PACE, fromJobs: 0, slots: 4 })).toBeNull()
    expect(
      estimateOf(aPlan(), facts, {
        audits: 0,
        pace: addPace(NO_PACE, aPlan(), facts, [aTask({ state: 'failed' })]),
        fromJobs: 0,
        slots: 4,
      }),
    ).toBeNull()
  })

  test('is what earlier frames took, shared among the workers that are there', () => {
    const pace = addPace(NO_PACE, aPlan(), facts, [done(2), done(4)])
    expect(
      estimateOf(aPlan({ frameCount: 10, renderTaskCount: 10 }), facts, { audits: 0, pace, fromJobs: 1, slots: 4 }),
    ).toEqual({ workerSeconds: 30, seconds: 7.5, fromTasks: 2, fromJobs: 1 })
    expect(
      estimateOf(aPlan({ frameCount: 1, renderTaskCount: 1 }), facts, { audits: 0, pace, fromJobs: 1, slots: 4 }),
    ).toMatchObject({ workerSeconds: 3, seconds: 3 })
    expect(estimateOf(aPlan(), facts, { audits: 0, pace, fromJobs: 1, slots: 0 })?.seconds).toBeNull()
  })

  test('grows with pixels, samples and audits', () => {
    const pace = addPace(NO_PACE, aPlan({ settings: { samples: 5 } }), facts, [done(1)])
    const seconds = (change: Parameters<typeof aPlan>[0], audits = 0) =>
      estimateOf(aPlan({ frameCount: 1, renderTaskCount: 1, ...change }), facts, {
        audits,
        pace,
        fromJobs: 1,
        slots: 1,
      })?.workerSeconds
    expect(seconds({})).toBe(2) // the scene's own ten samples
    expect(seconds({ settings: { samples: 5 } })).toBe(1)
    expect(seconds({ settings: { samples: 5 }, width: 128 })).toBe(2)
    expect(seconds({ settings: { samples: 5 } }, 1)).toBe(2)
  })

  test('of tiles counts their overscan and the finish of each frame', () => {
    const plan = aPlan({ frameCount: 1, renderTaskCount: 2, tiles: { columns: 2, rows: 1, overscanPx: 0 } })
    const pace = addPace(NO_PACE, plan, facts, [
      done(3, { tile: 0 }),
      done(3, { tile: 1 }),
      { ...aFinish(), ...done(1), id: aFinish().id, kind: 'finish' },
    ])
    expect(estimateOf(plan, facts, { audits: 0, pace, fromJobs: 1, slots: 1 })?.workerSeconds).toBe(7)
    expect(
      estimateOf({ ...plan, tiles: { columns: 2, rows: 1, overscanPx: 4 } }, facts, {
        audits: 0,
        pace,
        fromJobs: 1,
        slots: 1,
      })?.workerSeconds,
    ).toBe(7.8) // 72 columns for 64
  })

  test('of ranges of samples counts what each of them has, and all of them once', () => {
    const plan = aPlan({
      frameCount: 1,
      renderTaskCount: 3,
      tiles: { columns: 1, rows: 1, overscanPx: 0 },
      samples: { total: 10, ranges: 3 },
    })
    // Three of the ten samples, a second each.
    const pace = addPace(NO_PACE, plan, facts, [done(3, { tile: 0, sampleRange: 0 })])
    expect(estimateOf(plan, facts, { audits: 0, pace, fromJobs: 1, slots: 3 })).toMatchObject({
      workerSeconds: 10,
      seconds: 3.3,
    })
    expect(
      estimateOf(aPlan({ frameCount: 1, renderTaskCount: 1 }), facts, { audits: 0, pace, fromJobs: 1, slots: 1 })
        ?.workerSeconds,
    ).toBe(10)
  })
})
