import { randomBytes } from 'node:crypto'
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { WorkerId, sortableId } from '../shared/protocol/ids.ts'
import { ok, refuse, type Result } from '../shared/protocol/errors.ts'
import { errorCode } from './failure.ts'

/** Where an agent keeps what must outlive it. */
export interface DataFolder {
  readonly workerId: WorkerId
  readonly sceneFolder: string
  readonly resultsFolder: string
  readonly scratchFolder: string
  /** Lets another agent use the folder. */
  unlock(): Promise<void>
}

const Holder = z.object({ pid: z.int().min(1), started: z.string() })
type Holder = z.infer<typeof Holder>

/**
 * Takes a data folder for this agent alone: makes it where needed, empties its scratch folder, and gives the id that it
 * keeps for life. Refused with `locked` when a living agent has it.
 */
export async function openDataFolder(path: string): Promise<Result<DataFolder, 'locked'>> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  const locked = await lock(join(path, 'lock'), path)
  if (!locked.ok) return locked
  await removeDrafts(path)
  const scratchFolder = join(path, 'scratch')
  await rm(scratchFolder, { recursive: true, force: true })
  await mkdir(scratchFolder, { mode: 0o700 })
  return ok({
    workerId: await workerId(join(path, 'worker-id')),
    sceneFolder: join(path, 'scenes'),
    resultsFolder: join(path, 'results'),
    scratchFolder,
    unlock: () => rm(join(path, 'lock'), { force: true }),
  })
}

async function workerId(path: string): Promise<WorkerId> {
  try {
    return WorkerId.parse((await readFile(path, 'utf8')).trim())
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' && !(error instanceof z.ZodError)) throw error
    const id = WorkerId.parse(`wrk_${sortableId(Date.now(), randomBytes(16))}`)
    await writeFile(`${path}.new`, `${id}\n`, { mode: 0o600 })
    await rename(`${path}.new`, path)
    return id
  }
}

/** A linked file appears with its content or not at all, so no one can read half a lock. */
async function lock(path: string, folder: string): Promise<Result<undefined, 'locked'>> {
  const own: Holder = { pid: process.pid, started: (await startOf(process.pid)) ?? '' }
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    await writeFile(draft, JSON.stringify(own), { mode: 0o600 })
    // Twice: the second try follows the removal of a dead agent's lock.
    for (let tries = 0; tries < 2; tries++) {
      try {
        await link(draft, path)
        return ok(undefined)
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error
      }
      const holder = await readHolder(path)
      if (holder !== undefined && (await isAlive(holder))) break
      await rm(path, { force: true })
    }
    const holder = await readHolder(path)
    return refuse(
      'locked',
      `another worker (process ${holder?.pid ?? 'unknown'}) uses the data folder ` +
        `${folder}; stop it, or give this one a folder of its own`,
    )
  } finally {
    await rm(draft, { force: true })
  }
}

/** Locks that agents were about to take when they were killed. */
async function removeDrafts(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = Number(/^lock\.(\d+)\.[0-9a-f]+$/.exec(name)?.[1])
    if (pid > 0 && !(await isAlive({ pid, started: '' }))) await rm(join(folder, name), { force: true })
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const parsed = Holder.safeParse(JSON.parse(await readFile(path, 'utf8')))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined // gone or not ours: nobody holds it
  }
}

/**
 * Process numbers come again, in containers above all, so the moment a process started is compared too where it is
 * known.
 */
async function isAlive(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if (errorCode(error) !== 'EPERM') return false
  }
  const started = await startOf(holder.pid)
  return started === undefined || holder.started === '' || started === holder.started
}

/** When a process started, in ticks since the machine did; undefined where there is no /proc. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const line = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold blanks; the 20th field after it is the start time.
    return line.slice(line.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
