import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { FarmConfig } from './config.ts'

/**
 * An empty folder of this process alone, below the data folder, for what is between two steps. What processes left
 * there that were killed is removed. Services of one machine may share a data folder; those of two containers may not,
 * as they cannot see each other's processes.
 */
export async function scratchFolder(config: Pick<FarmConfig, 'TILEWORK_DATA_DIR'>, service: string): Promise<string> {
  const all = join(resolve(config.TILEWORK_DATA_DIR), service)
  await mkdir(all, { recursive: true })
  for (const name of await readdir(all))
    if (!(await isRunning(name))) await rm(join(all, name), { recursive: true, force: true })
  const own = join(all, await nameOf(process.pid))
  // Of an earlier service of this very process.
  await rm(own, { recursive: true, force: true })
  await mkdir(own)
  return own
}

/** A process id comes again by and by, and in containers at once; together with the moment of its start it does not. */
async function nameOf(pid: number): Promise<string> {
  return `${pid}-${await startOf(pid)}`
}

async function isRunning(name: string): Promise<boolean> {
  const pid = Number(/^(\d+)-/.exec(name)?.[1])
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false
  }
  return (await nameOf(pid)) === name
}

/** In ticks since the machine started; empty where there is no /proc. */
async function startOf(pid: number): Promise<string> {
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The name in parentheses may hold blanks; the 20th field after it is the start.
  return line.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}
