import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newFrame, newRenderTask, renderTasksOfFrame } from '../../../../shared/domain/splitting/job-tasks.ts'
import { TaskRecord } from '../../../../shared/protocol/task.ts'
import { aPlan } from '../records.ts'

const cuts = fc.oneof(
  fc.record({ chunk: fc.integer({ min: 1, max: 9 }) }),
  fc.record({
    chunk: fc.constant(1),
    tiles: fc.record({
      columns: fc.integer({ min: 1, max: 5 }),
      rows: fc.integer({ min: 1, max: 5 }),
      overscanPx: fc.constant(4),
    }),
    ranges: fc.integer({ min: 1, max: 4 }),
  }),
)
const frameLists = fc
  .uniqueArray(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 20 })
  .map((frames) => frames.sort((a, b) => a - b))

describe('the render tasks of a plan', () => {
  test('hold every part of every frame exactly once', () => {
    fc.assert(
      fc.property(cuts, frameLists, (cut, frames) => {
        const [tiles, ranges] = 'tiles' in cut ? [cut.tiles.columns * cut.tiles.rows, cut.ranges] : [1, 1]
        const perFrame = tiles * ranges
        const count = 'tiles' in cut ? frames.length * perFrame : Math.ceil(frames.length / cut.chunk)
        const plan = aPlan({
          chunk: cut.chunk,
          ...('tiles' in cut ? { tiles: cut.tiles } : {}),
          ...(ranges === 1 ? {} : { samples: { total: 10, ranges } }),
          frameCount: frames.length,
          renderTaskCount: count,
        })
        const tasks = Array.from({ length: count }, (_, index) => TaskRecord.parse(newRenderTask(plan, frames, index)))
        const parts = tasks.flatMap((task) =>
          task.frames.map((frame) => `${frame}/${task.tile ?? 'whole'}/${task.sampleRange ?? 'all'}`),
        )
        expect(new Set(parts).size).toBe(parts.length)
        expect(parts.length).toBe(frames.length * perFrame)

        for (const [position, number] of frames.entries()) {
          const own = tasks.filter((task) => task.frames.includes(number))
          expect(renderTasksOfFrame(plan, position)).toEqual(own.map((task) => task.id))
          expect(newFrame(plan, number, position)).toMatchObject({
            number,
            position,
            state: 'rendering',
            tasksLeft: own.length,
          })
          if ('tiles' in cut)
            expect(own.map((task) => task.tile)).toEqual(
              Array.from({ length: perFrame }, (_, part) => Math.floor(part / ranges)),
            )
          if (ranges > 1)
            expect(own.map((task) => task.sampleRange)).toEqual(
              Array.from({ length: perFrame }, (_, part) => part % ranges),
            )
        }
      }),
    )
  })
})
