import { LIST_LIMIT_MAX } from '../../ports/object-store.ts'

/** Throws RangeError when a list is asked for with a limit that S3 servers would silently lower. */
export function checkListLimit(limit: number): void {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > LIST_LIMIT_MAX) {
    throw new RangeError(`a list gives 1 to ${LIST_LIMIT_MAX} keys at a time, not ${limit}`)
  }
}
