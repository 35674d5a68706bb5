/*
 * Records as they lie in Redis: `<version>\n<json>`.
 */
import type { z } from 'zod'
import type { Versioned } from '../../ports/farm-store.ts'
import { compiled } from '../../protocol/compiled.ts'

/**
 * The record in `text`, null for null. Throws if it is not of the schema: somebody else wrote to this Redis, or another
 * version of Tilework did.
 */
export function versioned<T>(schema: z.ZodType<T>, text: string | null | undefined, key: string): Versioned<T> | null {
  if (text === null || text === undefined) return null
  const end = text.indexOf('\n')
  const version = Number(text.slice(0, end))
  if (end < 1 || !Number.isSafeInteger(version))
    throw new Error(`${key} in Redis is not a record of Tilework: it does not begin with a version number`)
  return { version, value: parsed(schema, text.slice(end + 1), key) }
}

/** The document in `text`. Throws as `versioned` does. */
export function parsed<T>(schema: z.ZodType<T>, text: string, key: string): T {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (error) {
    throw new Error(`${key} in Redis is not JSON: ${String(error)}`, { cause: error })
  }
  const result = compiled(schema).safeParse(document)
  if (!result.success)
    throw new Error(`${key} in Redis cannot be read by this version of Tilework: ${result.error.message}`)
  return result.data
}
