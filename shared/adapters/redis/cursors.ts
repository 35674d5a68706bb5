/*
 * Cursors: the place of the last thing on a page, so that a page stays right while things come and go around it.
 */
import { RefusalError } from '../../protocol/errors.ts'

const CURSORS = {
  jobs: /^\d{15}:job_[0-9a-z]{26}$/,
  scenes: /^\d{15}:[0-9a-f]{64}$/,
  tasks: /^[irsab]\d{7}(x\d{1,3})?$/,
  frames: /^-?\d{1,7}$/,
  events: /^\d{1,16}-\d{1,16}$/,
} as const satisfies Record<string, RegExp>

export type Listed = keyof typeof CURSORS

/** Throws a RefusalError (bad_request) for a cursor that no page of this list gave. */
export function checkCursor(list: Listed, cursor: string): string {
  if (!CURSORS[list].test(cursor))
    throw new RefusalError(
      'bad_request',
      `the cursor "${cursor}" is not one that a page of ${list} gave: leave it out to begin at the first page`,
    )
  return cursor
}

/** Where Redis begins to read: just behind the cursor, or at `first` without one. Throws as checkCursor does. */
export function placeAfter(list: Listed, cursor: string | undefined, first: string): string {
  return cursor === undefined ? first : `(${checkCursor(list, cursor)}`
}

/** Of `limit` + 1 places read, those of the page, and the cursor of the next page if there is one. */
export function cut(found: readonly string[], limit: number): { places: string[]; next: string | null } {
  const places = found.slice(0, limit)
  return { places, next: found.length > limit ? (places.at(-1) ?? null) : null }
}
