import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Another process uses the data folder. */
export class FolderInUse extends Error {
  override readonly name = 'FolderInUse'
}

/**
 * Takes a data folder for this process alone; gives the function that lets it go. A lock whose process is gone is taken
 * over. Throws FolderInUse.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'lock')
  for (let tries = 0; tries < 2; tries++) {
    try {
      const file = await open(path, 'wx')
      await file.writeFile(String(process.pid))
      await file.close()
      return () => rm(path, { force: true })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    const holder = Number(await readFile(path, 'utf8'))
    if (isAlive(holder))
      throw new FolderInUse(
        `${folder} is used by the farm with process id ${holder}; stop that ` +
          'one, or choose another data folder (--data-dir)',
      )
    await rm(path, { force: true })
  }
  throw new FolderInUse(
    `${folder} is just being taken by another farm that starts; try again, or choose another data folder (--data-dir)`,
  )
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
