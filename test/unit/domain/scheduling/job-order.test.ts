import fc from 'fast-check'
import { expect, test } from 'vitest'
import { byTurn, type Contender } from '../../../../shared/domain/scheduling/job-order.ts'

const job = (id: string, change: Partial<Contender> = {}): Contender => ({
  id,
  priority: 50,
  running: 0,
  createdAt: 0,
  ...change,
})

test('higher priority goes first, however much of it runs already', () => {
  expect(
    [job('low'), job('high', { priority: 51, running: 900, createdAt: 9 })].sort(byTurn).map((each) => each.id),
  ).toEqual(['high', 'low'])
})

test('among equals the job with the fewest running tasks goes first, then the older one', () => {
  expect(
    [job('c', { running: 2 }), job('b', { running: 1, createdAt: 5 }), job('a', { running: 1, createdAt: 3 })]
      .sort(byTurn)
      .map((each) => each.id),
  ).toEqual(['a', 'b', 'c'])
})

test('jobs of equal priority end up with shares that differ by one task at most', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 6 }), fc.integer({ min: 1, max: 60 }), (jobs, workers) => {
      const running = Array.from({ length: jobs }, () => 0)
      for (let worker = 0; worker < workers; worker++) {
        const first = running
          .map((count, index) => job(String(index), { running: count, createdAt: index }))
          .sort(byTurn)[0]
        running[Number(first?.id)] = (running[Number(first?.id)] ?? 0) + 1
      }
      expect(Math.max(...running) - Math.min(...running)).toBeLessThanOrEqual(1)
    }),
  )
})

test('the order is total: no two jobs are equal', () => {
  const contender = fc.record({
    id: fc.constantFrom('a', 'b', 'c'),
    priority: fc.nat(2),
    running: fc.nat(2),
    createdAt: fc.nat(2),
  })
  fc.assert(
    fc.property(contender, contender, (a, b) => {
      if (a.id !== b.id) expect(Math.sign(byTurn(a, b))).toBe(-Math.sign(byTurn(b, a)))
    }),
  )
})
