/*
 * Loaded before a service (`node --import`): writes the process number into a file, again and again, from the service's
 * own event loop. A file that grows old means that the loop does not turn, which neither a port nor a process table
 * would show.
 */
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const FILE = join(tmpdir(), 'tilework-heartbeat')
const INTERVAL_MS = 5_000

let complained = false
async function beat() {
  try {
    await writeFile(FILE, `${process.pid}\n`)
  } catch (error) {
    // The service is well without it; only the health check is not, and here is why.
    if (!complained)
      process.stderr.write(
        `the heartbeat ${FILE} cannot be written, so health checks will fail: ` +
          `${error instanceof Error ? error.message : String(error)}\n`,
      )
    complained = true
  }
}

await beat()
setInterval(() => void beat(), INTERVAL_MS).unref()
