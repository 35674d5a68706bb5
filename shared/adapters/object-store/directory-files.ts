/*
 * Files that appear whole or not at all: written aside, forced to disk, then moved into place.
 */
import { copyFile, mkdir, mkdtemp, open, rename, rm, rmdir } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { StoreUnavailable } from '../../ports/object-store.ts'

/** How often to make the folder again when another process removes it as empty just then. */
const FOLDER_RACES_MAX = 100
/** What only the operator can mend; everything else the system reports may pass. */
const LASTING_CODES = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG'])

/**
 * Calls `fill` with a new empty file in `partialFolder`; when it gives `keep: true` the file is moved
 * to `target`, over what was there, and is on disk when this returns. In every other case, errors
 * included, nothing of it is left. `root` is the folder below which folders are made and synced.
 */
export async function writeWhole<T extends { keep: boolean }>(
  partialFolder: string,
  root: string,
  target: string,
  fill: (file: FileHandle) => Promise<T>,
): Promise<T> {
  await mkdir(partialFolder, { recursive: true })
  // A name that nobody else has, on any machine that shares the folder.
  const own = await mkdtemp(join(partialFolder, 'put-'))
  try {
    const partial = join(own, 'content')
    const file = await open(partial, 'wx')
    let result: T
    try {
      result = await fill(file)
      if (result.keep) await file.sync()
    } finally {
      await file.close()
    }
    if (result.keep) await moveInto(partial, root, target)
    return result
  } finally {
    await rm(own, { recursive: true, force: true })
  }
}

/** Copies a file to `target`, over what was there, whole or not at all. ENOENT without `source`. */
export async function copyWhole(partialFolder: string, root: string, source: string, target: string): Promise<void> {
  await mkdir(partialFolder, { recursive: true })
  const own = await mkdtemp(join(partialFolder, 'copy-'))
  try {
    const partial = join(own, 'content')
    await copyFile(source, partial)
    await syncPath(partial)
    await moveInto(partial, root, target)
  } finally {
    await rm(own, { recursive: true, force: true })
  }
}

/** Moves a file to `target`, over what was there, whole or not at all; from another disk it is copied. */
export async function moveWhole(partialFolder: string, root: string, source: string, target: string): Promise<void> {
  await syncPath(source)
  try {
    await moveInto(source, root, target)
  } catch (error) {
    if (codeOf(error) !== 'EXDEV') throw error
    await copyWhole(partialFolder, root, source, target)
    await rm(source)
  }
}

/** Removes the folders from `folder` up to `root` that are empty; others are left as they are. */
export async function removeEmptyFolders(folder: string, root: string): Promise<void> {
  for (let at = folder; isBelow(at, root); at = dirname(at)) {
    try {
      await rmdir(at)
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(codeOf(error) ?? '')) throw error
      if (codeOf(error) !== 'ENOENT') return
    }
  }
}

/** The system's code of an error ("ENOENT"), or null when it has none. */
export function codeOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null
  return typeof error.code === 'string' ? error.code : null
}

/** What a call on a file gives, or null when there is no such file. */
export async function orNull<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

/** The error as the port knows it: what the system reports is an outage, all else stays as it is. */
export function outage(what: string, error: unknown): unknown {
  const code = codeOf(error)
  if (code === null || !(error instanceof Error) || !('syscall' in error)) return error
  return new StoreUnavailable(`the folder of the object store failed to ${what}: ${error.message}`, {
    cause: error,
    retryable: !LASTING_CODES.has(code),
  })
}

async function moveInto(partial: string, root: string, target: string): Promise<void> {
  const folder = dirname(target)
  for (let race = 1; ; race++) {
    try {
      const made = await mkdir(folder, { recursive: true })
      await rename(partial, target)
      // After a race it is not known which folders are new, so all are synced.
      await syncFolders(folder, race > 1 ? root : made === undefined ? folder : dirname(made), root)
      return
    } catch (error) {
      // A cleaner took a folder away as empty between the steps, or (ENOTDIR) within a mkdir, which
      // then saw the folder exist and not be one.
      if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '') || race === FOLDER_RACES_MAX) throw error
    }
  }
}

// A name is only safe once the folder that holds it is on disk, and so on up to the oldest folder.
async function syncFolders(from: string, upTo: string, root: string): Promise<void> {
  for (let at = from; ; at = dirname(at)) {
    try {
      await syncPath(at)
    } catch (error) {
      // Gone again already: somebody deleted the object, which is theirs to make last.
      if (codeOf(error) !== 'ENOENT') throw error
    }
    if (at === upTo || !isBelow(at, root)) return
  }
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function isBelow(path: string, root: string): boolean {
  const inner = relative(root, path)
  return inner !== '' && inner !== '..' && !inner.startsWith(`..${sep}`)
}
