/* Reading what lies in the object store, whole texts and whole folders of it. */
import { text } from 'node:stream/consumers'
import type { ObjectKey, ObjectPrefix } from '../protocol/object-keys.ts'
import { LIST_LIMIT_MAX, ObjectMissing, type ObjectPage, type ObjectStore } from '../ports/object-store.ts'

/** All objects below a prefix, in the order of their keys. */
export async function* everyObject(
  objects: ObjectStore,
  prefix: ObjectPrefix,
): AsyncGenerator<{ key: ObjectKey; bytes: number }> {
  for (let begin: { startAfter?: string } | null = {}; begin !== null;) {
    const page: ObjectPage = await objects.list(prefix, { limit: LIST_LIMIT_MAX, ...begin })
    yield* page.keys
    begin = page.next === null ? null : { startAfter: page.next }
  }
}

export async function readText(objects: ObjectStore, key: ObjectKey): Promise<string | null> {
  try {
    return await text(await objects.read(key))
  } catch (error) {
    if (error instanceof ObjectMissing) return null
    throw error
  }
}

/** Undefined for what is no JSON, which no schema takes. */
export function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
