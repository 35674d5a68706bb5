import type { Page } from '../../../shared/ports/farm-store.ts'

/** Pages read for one answer; a filter that matches little ends the answer early, with a cursor to go on from. */
const READS_MAX = 40

export interface PageRequest {
  readonly cursor?: string | undefined
  readonly limit: number
}

/**
 * Up to `limit` entries that `keep` lets through. Asks each time only for as many as are still wanted, so that a page
 * is never cut in the middle and the store's own cursor stays good. May give fewer, even none, with a `next`.
 */
export async function filteredPage<T>(
  read: (query: { cursor?: string; limit: number }) => Promise<Page<T>>,
  request: PageRequest,
  keep: (entry: T) => boolean,
): Promise<{ items: T[]; next: string | null }> {
  const items: T[] = []
  let cursor = request.cursor ?? null
  for (let reads = 0; reads < READS_MAX; reads++) {
    const page = await read({ limit: request.limit - items.length, ...(cursor === null ? {} : { cursor }) })
    items.push(...page.items.filter(keep))
    cursor = page.next
    if (cursor === null || items.length >= request.limit) break
  }
  return { items, next: cursor }
}

/** The query as the store takes it: without a cursor that was not given. */
export function storeQuery({ cursor, limit }: PageRequest): { cursor?: string; limit: number } {
  return { limit, ...(cursor === undefined ? {} : { cursor }) }
}
