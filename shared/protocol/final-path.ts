/*
 * Paths of delivered files, as people see them: folders and names in any alphabet, `/` between them. The object store
 * knows them under keys of its own small alphabet (object-keys.ts), which this file makes.
 */
import { z } from 'zod'
import { LIMITS } from './limits.ts'
import { FINAL_FOLDERS, finalKey, finalManifestKey, KEY_PART_CHARS_MAX, type ObjectKey } from './object-keys.ts'

/** Bytes in one folder's or file's name that every usual file system takes. */
const NAME_BYTES_MAX = 255
/** Folders one in the other; a key of the store gets no longer than they allow. */
const FOLDERS_MAX = 30
/** Characters that a name may not have anywhere: those that part a path, and those that nobody can see. */
const NEVER = /[\\\p{Cc}\p{Cs}]/u

/** A path below a folder of the delivery: never absolute, never leading out. */
export const PlacePath = z
  .string()
  .min(1)
  .max(LIMITS.placeLengthMax)
  .refine((path) => path.split('/').every(isName) && path.split('/').length <= FOLDERS_MAX + 1, {
    error: 'a path of a delivered file is names with / between them, and none of them is empty, . or ..',
  })

/** The name of a file, without folders. */
export const FileName = z.string().max(NAME_BYTES_MAX).refine(isName, { error: 'this is no name of a file' })

function isName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !NEVER.test(name) && bytesOf(name) <= NAME_BYTES_MAX
}

/** The nearest thing to a name that may be part of a path: what a file name cannot hold becomes `_`. */
export function nameForFile(text: string, bytesMax: number = NAME_BYTES_MAX): string {
  const plain = [...text.replace(/[/\\\p{Cc}\p{Cs}]/gu, '_')]
  while (bytesOf(plain.join('')) > bytesMax) plain.pop()
  const name = plain.join('')
  return name === '' || name === '.' || name === '..' ? '_' : name
}

/**
 * Where a delivered file lies in the object store; null for a path that no delivery has. A path in the alphabet of keys
 * is its own key. Of any other the key has what letters it can, and a number made of the whole path, so that two of
 * them never share one.
 */
export function finalPathKey(jobId: string, path: string): ObjectKey | null {
  if (path === 'manifest.json') return finalManifestKey(jobId)
  const folder = FINAL_FOLDERS.find((name) => path.startsWith(`${name}/`))
  const below = path.slice((folder?.length ?? 0) + 1)
  if (folder === undefined || !PlacePath.safeParse(below).success) return null
  return finalKey(jobId, folder, isPlain(below) ? below : spelled(below))
}

/** Whether a key can hold the path as it is. */
function isPlain(path: string): boolean {
  return (
    path.length <= PLAIN_CHARS_MAX &&
    !path.startsWith(SPELLED) &&
    path
      .split('/')
      .every(
        (name) => name.length <= KEY_PART_CHARS_MAX && /^[A-Za-z0-9_-](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?$/.test(name),
      )
  )
}

/** Characters of a path that fit a key behind the job's name. */
const PLAIN_CHARS_MAX = 400
/** The folder of those that are spelled otherwise. */
const SPELLED = '_other-letters/'

function spelled(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1)
  const [, stem = '', ending = ''] = /^(.*?)((?:\.[A-Za-z0-9]{1,8})?)$/su.exec(name) ?? []
  const letters = stem
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .slice(0, 40)
  return `${SPELLED}${numberOf(path)}-${letters}${ending}`
}

/** 64 bits of a text, as 16 hexadecimal digits (FNV-1a over its UTF-8). */
function numberOf(text: string): string {
  let number = 0xcbf29ce484222325n
  for (const byte of new TextEncoder().encode(text))
    number = ((number ^ BigInt(byte)) * 0x100000001b3n) & (2n ** 64n - 1n)
  return number.toString(16).padStart(16, '0')
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length
}
