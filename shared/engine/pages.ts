import type { Page } from '../ports/farm-store.ts'

/** Every page of a list of the farm store, one after the other, each read when it is wanted. */
export async function* pages<T>(read: (cursor: { cursor?: string }) => Promise<Page<T>>): AsyncGenerator<readonly T[]> {
  for (let cursor: { cursor?: string } | null = {}; cursor !== null;) {
    const page: Page<T> = await read(cursor)
    yield page.items
    cursor = page.next === null ? null : { cursor: page.next }
  }
}
