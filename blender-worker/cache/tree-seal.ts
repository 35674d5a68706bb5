import { createHash } from 'node:crypto'
import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../failure.ts'

/** Looked at in one go; more would only wait for the few threads that Node has for files. */
const AT_ONCE = 64

/**
 * A digest of what lies in a folder, to be compared with one taken earlier: equal means that nothing in it was
 * changed, added or removed. Contents are not read; a walk with one `lstat` each is enough, because of all that is
 * compared:
 *
 * - the path and kind of every entry: what was added, removed or renamed;
 * - size and modification time of files: what was written in the usual way;
 * - the change time: the system moves it on with every write, also one that keeps the size, and with every change of
 *   mode, owner or times, so also when somebody puts the modification time back. No call sets it; only a clock that
 *   is turned back could repeat it, to the nanosecond;
 * - the inode: another file moved into the place of this one, with all its times;
 * - the mode: whether it can be read, though the change time would tell that too.
 *
 * Symbolic links count by themselves, not by what they lead to. Times of folders are left out: a file that came and
 * went leaves nothing to see. Rejects when the folder is gone.
 */
export async function sealOfTree(folder: string): Promise<string> {
  const lines = await linesOf(folder, '')
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex')
}

/** For `catch`: what counts as the seal of a folder that is gone, or of which something went while it was looked at. */
export function goneIfMissing(error: unknown): string {
  if (errorCode(error) !== 'ENOENT') throw error
  return 'gone'
}

/** The same of one file. */
export async function sealOfFile(path: string): Promise<string> {
  return createHash('sha256')
    .update(await lineOf(path, ''))
    .digest('base64url')
}

async function linesOf(folder: string, inside: string): Promise<string[]> {
  const lines: string[] = []
  const folders: string[] = []
  let batch: string[] = []
  const look = async (): Promise<void> => {
    const found = await Promise.all(batch.map(async (name) => lineOf(join(folder, name), inside + name)))
    lines.push(...found)
    batch = []
  }
  for await (const entry of await opendir(folder)) {
    batch.push(entry.name)
    if (entry.isDirectory()) folders.push(entry.name)
    if (batch.length === AT_ONCE) await look()
  }
  await look()
  for (const name of folders) lines.push(...(await linesOf(join(folder, name), `${inside}${name}/`)))
  return lines
}

/** JSON, so that no name can look like another line. */
async function lineOf(path: string, inside: string): Promise<string> {
  const { mode, size, ino, mtimeNs, ctimeNs } = await lstat(path, { bigint: true })
  const isFolder = (mode & 0o170000n) === 0o040000n
  const compared = isFolder ? [mode] : [mode, size, ino, mtimeNs, ctimeNs]
  return JSON.stringify([inside, ...compared.map(String)])
}
