/*
 * A farm that `--keep` left running is written down, so that the next quickstart, or `--stop`, finds it and ends these
 * processes and no others: a number alone may have gone to somebody else since, so the command line must be ours, too.
 */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'

const KeptFarm = z.strictObject({ url: z.string(), pids: z.array(z.int().min(2)) })
const FILE = 'kept-farm.json'
const STOP_MS_MAX = 30_000
/** Workers drain at the first signal and leave at the second. */
const SIGNALS = 2
const POLL_PAUSE_MS = 200

/** Writes down what stays; workers first, so that they are stopped before their farm. */
export async function noteKeptFarm(folder: string, kept: z.infer<typeof KeptFarm>): Promise<void> {
  await writeFile(join(folder, FILE), `${JSON.stringify(kept)}\n`)
}

/** Stops what an earlier run left running, and gives its address; null when nothing of it runs any more. */
export async function stopKeptFarm(folder: string): Promise<string | null> {
  const kept = await readKept(join(folder, FILE))
  if (kept === null) return null
  let stopped = false
  for (const pid of kept.pids) stopped = (await stopOurs(pid, folder)) || stopped
  await rm(join(folder, FILE), { force: true })
  return stopped ? kept.url : null
}

async function stopOurs(pid: number, folder: string): Promise<boolean> {
  if (!(await isOurs(pid, folder))) return false
  const giveUpAtMs = performance.now() + STOP_MS_MAX
  process.kill(pid, 'SIGTERM')
  for (let signals = 1; await isOurs(pid, folder);) {
    await pause(POLL_PAUSE_MS)
    if (!(await isOurs(pid, folder))) break
    if (signals < SIGNALS && (await commandLine(pid)).includes('worker')) {
      signals++
      process.kill(pid, 'SIGTERM')
    }
    if (performance.now() > giveUpAtMs) process.kill(pid, 'SIGKILL')
  }
  return true
}

async function isOurs(pid: number, folder: string): Promise<boolean> {
  const words = await commandLine(pid)
  return words.some((word) => word.endsWith('tilework.mjs')) && words.some((word) => word.startsWith(folder))
}

/** The words of a running process's command line; empty when there is none. */
async function commandLine(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return text.split('\0').filter((word) => word !== '')
}

async function readKept(path: string): Promise<z.infer<typeof KeptFarm> | null> {
  try {
    return KeptFarm.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch {
    return null
  }
}
