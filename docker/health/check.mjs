/* What the health checks share: how they end, and the look at the heartbeat. */
import { readFile, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Longest age of a heartbeat in ms: it is written every 5 s, and stitching a large frame may keep a process busy for some. */
const HEARTBEAT_AGE_MAX_MS = 60_000

/**
 * Runs a check, prints one line for the log of the container engine, and ends the process: 0 healthy, 1 not.
 * @param {() => Promise<string>} check What is well; throws an Error that says what is not.
 */
export async function endWith(check) {
  try {
    process.stdout.write(`${await check()}\n`)
    process.exit(0)
  } catch (error) {
    process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(1)
  }
}

/**
 * The number of the process whose event loop turned lately; throws when none did.
 * @returns {Promise<number>}
 */
export async function beatingProcess() {
  const file = join(tmpdir(), 'tilework-heartbeat')
  const [{ mtimeMs }, text] = await Promise.all([stat(file), readFile(file, 'utf8')]).catch(() => {
    throw new Error(`there is no heartbeat ${file}: the service has not started`)
  })
  const ageMs = Date.now() - mtimeMs
  if (ageMs > HEARTBEAT_AGE_MAX_MS) throw new Error(`the last heartbeat is ${Math.round(ageMs / 1000)} s old: the process hangs`)
  return Number(text)
}
