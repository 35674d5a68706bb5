import { expect, test } from 'vitest'
import { filteredPage } from '../../../../../services/coordinator/routes/filtered-page.ts'
import type { Page } from '../../../../../shared/ports/farm-store.ts'

/** A list of numbers from 0 whose cursor is the last number given. */
function listOf(count: number): {
  read: (query: { cursor?: string; limit: number }) => Promise<Page<number>>
  asked: number[]
} {
  const asked: number[] = []
  return {
    asked,
    read: async ({ cursor, limit }) => {
      asked.push(limit)
      const start = cursor === undefined ? 0 : Number(cursor) + 1
      const items = Array.from({ length: Math.max(0, Math.min(limit, count - start)) }, (_, index) => start + index)
      return { items, next: start + limit < count ? String(start + limit - 1) : null }
    },
  }
}

test.each([1, 2, 3, 7, 100])('page by page of %i, a filtered list has everything once and in order', async (limit) => {
  const { read } = listOf(50)
  // Sparse first and dense then, so that a page may come to its end in the middle of a read.
  const keep = (each: number): boolean => each % 3 === 0 || each > 19
  const seen: number[] = []
  for (let cursor: string | undefined, rounds = 0; rounds < 100; rounds++) {
    const { items, next }: { items: number[]; next: string | null } = await filteredPage(read, { limit, cursor }, keep)
    expect(items.length).toBeLessThanOrEqual(limit)
    seen.push(...items)
    if (next === null) break
    cursor = next
  }
  expect(seen).toEqual(Array.from({ length: 50 }, (_, index) => index).filter(keep))
})

test('a filter that matches nothing ends an answer early, with a cursor to go on from', async () => {
  const { read, asked } = listOf(1_000_000)
  const { items, next } = await filteredPage(read, { limit: 10 }, () => false)
  expect([items, asked.length, next]).toEqual([[], 40, '399'])
})
