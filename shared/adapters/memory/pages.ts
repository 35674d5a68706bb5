import type { Page } from '../../ports/farm-store.ts'
import { checkCursor } from '../redis/cursors.ts'
import type { Listed } from '../redis/cursors.ts'

interface PageRequest<T> {
  readonly cursor: string | undefined
  readonly limit: number
  /** The cursor of which this would be the last thing on its page. */
  readonly place: (thing: T) => string
  readonly isAfter: (thing: T, place: string) => boolean
}

/**
 * A page of things that are in order. Throws a RefusalError for a cursor that is none of this list, as Redis's twin
 * does.
 */
export function pageOf<T>(
  list: Listed,
  things: readonly T[],
  { cursor, limit, place, isAfter }: PageRequest<T>,
): Page<T> {
  const start = cursor === undefined ? null : checkCursor(list, cursor)
  const left = start === null ? things : things.filter((thing) => isAfter(thing, start))
  const items = left.slice(0, limit)
  const last = items.at(-1)
  return { items, next: left.length > limit && last !== undefined ? place(last) : null }
}
