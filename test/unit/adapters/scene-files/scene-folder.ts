import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { readBlend } from '../../../../shared/adapters/scene-files/read-blend.ts'
import type { SceneFacts } from '../../../../shared/protocol/scene-facts.ts'

/** A temporary folder for one test file, removed at its end, and ways to read bytes by way of it. */
export function sceneFolder() {
  let folder = ''
  let written = 0
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tilework-scene-files-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  const write = async (bytes: Uint8Array): Promise<string> => {
    const path = join(folder, `${written++}`)
    await writeFile(path, bytes)
    return path
  }
  const read = async (
    bytes: Uint8Array,
    ...limits: Parameters<typeof readBlend> extends [string, ...infer Rest] ? Rest : never
  ) => {
    const path = await write(bytes)
    const result = await readBlend(path, ...limits)
    await rm(path)
    return result
  }
  return {
    path: (name: string): string => join(folder, name),
    write,
    read,
    /** The facts of a file that must be readable. */
    facts: async (bytes: Uint8Array): Promise<SceneFacts> => {
      const result = await read(bytes)
      if (!result.ok) throw new Error(`${result.code}: ${result.detail}`)
      return result.value
    },
    /** The code with which a file is refused, or "read" if it is not. */
    refusal: async (...args: Parameters<typeof read>): Promise<string> => {
      const result = await read(...args)
      return result.ok ? 'read' : result.code
    },
  }
}
