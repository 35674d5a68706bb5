// Decides whether a name in an archive may become a path on disk, here or on any worker's system.

import { type Refusal, refuse } from '../../protocol/errors.ts'

/** Longest path of an entry in bytes: what Blender can store of a path. */
const PATH_BYTES_MAX = 1_023
/** Longest single name in bytes: the limit of common file systems. */
const NAME_BYTES_MAX = 255
/** Deepest nesting of folders; real projects stay under ten. */
const DEPTH_MAX = 64

/** Refuses a name that could leave the folder or mean something else on another system. */
export function checkEntryName(name: string): Refusal<'zip_unsafe_path'> | undefined {
  const problem = problemWith(name)
  if (problem === undefined) return undefined
  const shown = JSON.stringify(name.slice(0, 200))
  return refuse(
    'zip_unsafe_path',
    `the archive has an entry ${shown} whose name ${problem}; pack the project folder again with plain relative names`,
  )
}

/** The form in which two names are the same file on some system: case and accents folded. */
export function collisionKey(name: string): string {
  return name.replace(/\/$/, '').normalize('NFC').toLowerCase()
}

function problemWith(name: string): string | undefined {
  if (name === '' || name === '/') return 'is empty'
  if (/\p{Cc}/u.test(name)) return 'has control characters'
  if (name.includes('\ufffd')) return 'is not valid text'
  if (name.includes('\\')) return 'has a backslash'
  if (name.startsWith('/')) return 'is absolute'
  if (name.includes(':')) return 'has a colon (a drive, or a stream on Windows)'
  if (Buffer.byteLength(name) > PATH_BYTES_MAX) return `is longer than ${PATH_BYTES_MAX} bytes`
  const steps = name.replace(/\/$/, '').split('/')
  if (steps.length > DEPTH_MAX) return `is nested more than ${DEPTH_MAX} folders deep`
  for (const step of steps) {
    if (step === '') return 'has an empty folder name'
    if (step === '.' || step === '..') return `has a "${step}" step`
    if (Buffer.byteLength(step) > NAME_BYTES_MAX) return `has a part longer than ${NAME_BYTES_MAX} bytes`
  }
  return undefined
}
