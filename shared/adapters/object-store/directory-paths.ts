/*
 * How a key is spelled as a path below the folder of a directory store, and back.
 *
 * Keys tell `A` from `a`, and may have both `x` and `x/y`; a file system may do neither. So capitals
 * are escaped (%41), a folder's dots are escaped (%2e), and a file without a dot gets a `%` at its
 * end: no file can then have the name of a folder. Usual names (`final/frames/0001.png`) stay as
 * they are, and a person can find them.
 */
import { ObjectKey } from '../../protocol/object-keys.ts'

/** The relative path of a key, with "/" between its parts. */
export function pathOfKey(key: ObjectKey): string {
  const parts = key.split('/')
  const file = parts.pop() ?? ''
  return [...parts.map(folderNameOf), fileNameOf(file)].join('/')
}

/** The name of the folder for one part of a key. */
export function folderNameOf(part: string): string {
  return escapeCapitals(part).replaceAll('.', '%2e')
}

/** The part of a key that a folder stands for, or null for a folder that is not the store's. */
export function partOfFolderName(name: string): string | null {
  const part = unescape(name)
  return part !== null && folderNameOf(part) === name ? part : null
}

/** The last part of a key that a file stands for, or null for a file that is not the store's. */
export function partOfFileName(name: string): string | null {
  const part = unescape(name.endsWith('%') ? name.slice(0, -1) : name)
  return part !== null && fileNameOf(part) === name && ObjectKey.safeParse(part).success ? part : null
}

function fileNameOf(part: string): string {
  const name = escapeCapitals(part)
  return name.includes('.') ? name : `${name}%`
}

function escapeCapitals(part: string): string {
  return part.replace(/[A-Z]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`)
}

function unescape(name: string): string | null {
  if (/%(?!4[1-9a-f]|5[0-9a]|2e)/.test(name)) return null
  return name.replace(/%([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
