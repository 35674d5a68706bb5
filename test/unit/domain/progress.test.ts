import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countsOf, progressOf, secondsLeft } from '../../../shared/domain/progress.ts'
import { JobCounts } from '../../../shared/protocol/job.ts'
import { NOW, aJob, aPlan } from './records.ts'

test("counters are sorted into their groups; the farm's own and those at zero stay out", () => {
  const counts = countsOf({
    'render.queued': 3,
    'render.leased': 0,
    'frames.delivered': 1,
    'verdicts.agreed': 2,
    'waiting.open': 3,
    'running.all': 1,
  })
  expect(JobCounts.parse(counts)).toEqual({
    render: { queued: 3 },
    finish: {},
    audit: {},
    frames: { delivered: 1 },
    verdicts: { agreed: 2 },
  })
})

test('inspections are counted only where there are any', () => {
  expect(JobCounts.parse(countsOf({ 'inspect.completed': 1, 'inspect.leased': 0 })).inspect).toEqual({ completed: 1 })
  expect(countsOf({ 'inspect.queued': 0, 'render.queued': 1 }).inspect).toBeUndefined()
})

test('progress grows with every task and frame, and is whole only when the job is completed', () => {
  const job = aJob({ plan: aPlan({ renderTaskCount: 10, frameCount: 5 }) })
  fc.assert(
    fc.property(fc.nat(10), fc.nat(5), (rendered, delivered) => {
      const at = (tasks: number, frames: number) =>
        progressOf(job, countsOf({ 'render.completed': tasks, 'frames.delivered': frames }))
      expect(at(rendered, delivered)).toBeGreaterThanOrEqual(0)
      expect(at(rendered, delivered)).toBeLessThan(1)
      if (rendered < 10) expect(at(rendered + 1, delivered)).toBeGreaterThan(at(rendered, delivered))
    }),
  )
  expect(progressOf({ ...job, state: 'completed' }, countsOf({}))).toBe(1)
})

test('time left is told once there is a pace, and not when nothing runs any more', () => {
  const job = aJob({ startedAt: NOW })
  expect(secondsLeft(job, 0.25, NOW + 30_000)).toBe(90)
  expect(secondsLeft(job, 0, NOW + 30_000)).toBeNull()
  const { startedAt: _never, ...planned } = job
  expect(secondsLeft(planned, 0.5, NOW)).toBeNull()
  expect(secondsLeft({ ...job, endedAt: NOW }, 0.5, NOW)).toBeNull()
})
