/**
 * A copy of a record as a store in memory keeps it: cloned once, when it is written, and frozen. Everybody who reads it
 * may then be given the same object, and whoever would change it is told by a TypeError. Buffers and the like are not
 * for this.
 */
export function kept<T>(record: T): T {
  return frozen(structuredClone(record))
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const part of Object.values(value)) frozen(part)
    Object.freeze(value)
  }
  return value
}
