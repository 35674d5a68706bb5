/** Goes through the objects below a folder, leaving alone what is not the store's. */
import { readdir, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { ObjectKey } from '../../protocol/object-keys.ts'
import { codeOf, orNull } from './directory-files.ts'
import { partOfFileName, partOfFolderName } from './directory-paths.ts'

type Found = { key: ObjectKey; path: string }

/** The objects below `folder`, whose keys start with `prefix`, in byte order, after `startAfter`. */
export async function* walkObjects(folder: string, prefix: string, startAfter: string): AsyncGenerator<Found> {
  for (const { name, isFolder, text } of await entriesOf(folder, prefix)) {
    const path = join(folder, name)
    if (isFolder) {
      // All keys in there come before the start, so it need not be opened.
      if (text <= startAfter && !startAfter.startsWith(text)) continue
      yield* walkObjects(path, text, startAfter)
      continue
    }
    const key = ObjectKey.safeParse(text)
    if (key.success && text > startAfter) yield { key: key.data, path }
  }
}

/** Removes all objects below `folder`, and the folders that are empty then. Gives their number. */
export async function removeObjects(folder: string): Promise<number> {
  let removed = 0
  for (const { name, isFolder } of await entriesOf(folder, '')) {
    const path = join(folder, name)
    if (isFolder) removed += await removeObjects(path)
    else if ((await orNull(unlink(path).then(() => 'removed'))) !== null) removed++
  }
  try {
    await rmdir(folder)
  } catch (error) {
    // Foreign files, or an object put just now, keep the folder.
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) throw error
  }
  return removed
}

// Sorted as the keys are: a folder counts with its slash, which comes after "-" and "." in keys.
async function entriesOf(folder: string, prefix: string) {
  const entries = (await orNull(readdir(folder, { withFileTypes: true }))) ?? []
  const found: { name: string; isFolder: boolean; text: string }[] = []
  for (const entry of entries) {
    const isFolder = entry.isDirectory()
    const part = isFolder ? partOfFolderName(entry.name) : entry.isFile() ? partOfFileName(entry.name) : null
    if (part !== null) found.push({ name: entry.name, isFolder, text: prefix + part + (isFolder ? '/' : '') })
  }
  return found.sort((a, b) => (a.text < b.text ? -1 : 1))
}
