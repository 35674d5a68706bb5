/*
 * The Lua scripts beside this file. Each is sent by its hash; a Redis that does not know it yet (it was restarted) gets
 * the text, and nothing was done in between. The compiler copies no .lua, so a build reads them from the source folder.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Redis } from 'ioredis'

export interface Script {
  readonly sha1: string
  readonly text: string
}

const SOURCE_FOLDER = join('shared', 'adapters', 'redis', 'scripts')

/** Reads `<name>.lua`. Throws if there is no such script. */
export function loadScript(name: string): Script {
  const text = readFileSync(join(scriptFolder(), `${name}.lua`), 'utf8')
  return { text, sha1: createHash('sha1').update(text).digest('hex') }
}

/** Runs a script and gives what it returns; errors are ioredis's. */
export async function runScript(
  redis: Redis,
  script: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  try {
    return await redis.evalsha(script.sha1, keys.length, ...keys, ...args)
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
    return await redis.eval(script.text, keys.length, ...keys, ...args)
  }
}

function scriptFolder(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const candidate = join(folder, SOURCE_FOLDER)
    if (existsSync(join(candidate, 'commit.lua'))) return candidate
    if (folder === dirname(folder))
      throw new Error(`the folder ${SOURCE_FOLDER} with the Lua scripts is missing; it must lie beside the build`)
  }
}
