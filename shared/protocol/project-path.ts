// Decides whether a name that somebody sent may become a path on disk, here or on any worker's system.

/** Longest path in bytes of UTF-8: what Blender can store of a path. */
const PATH_BYTES_MAX = 1_023
/** Longest single name in bytes: the limit of common file systems. */
const NAME_BYTES_MAX = 255
/** Deepest nesting of folders; real projects stay under ten. */
const DEPTH_MAX = 64

const encoder = new TextEncoder()

/**
 * What is wrong with a path relative to the project folder, as the end of a sentence ("has a backslash"); undefined
 * when it may be used. One slash at the end, as folders have in archives, is fine.
 */
export function problemWithPath(name: string): string | undefined {
  if (name === '' || name === '/') return 'is empty'
  if (/\p{Cc}/u.test(name)) return 'has control characters'
  if (name.includes('\ufffd') || /\p{Cs}/u.test(name)) return 'is not valid text'
  if (name.includes('\\')) return 'has a backslash'
  if (name.startsWith('/')) return 'is absolute'
  if (name.includes(':')) return 'has a colon (a drive, or a stream on Windows)'
  if (bytesOf(name) > PATH_BYTES_MAX) return `is longer than ${PATH_BYTES_MAX} bytes`
  const steps = name.replace(/\/$/, '').split('/')
  if (steps.length > DEPTH_MAX) return `is nested more than ${DEPTH_MAX} folders deep`
  for (const step of steps) {
    if (step === '') return 'has an empty folder name'
    if (step === '.' || step === '..') return `has a "${step}" step`
    if (bytesOf(step) > NAME_BYTES_MAX) return `has a part longer than ${NAME_BYTES_MAX} bytes`
  }
  return undefined
}

/** The form in which two names are the same file on some system: case and accents folded. */
export function collisionKey(name: string): string {
  return name.replace(/\/$/, '').normalize('NFC').toLowerCase()
}

/**
 * Claims names one after the other, each with all folders above it, so that no two would be the same file on some
 * system and no file stands where a folder must.
 */
export class ClaimedPaths {
  private readonly kindByKey = new Map<string, { path: string; kind: 'file' | 'folder' }>()

  /** The earlier path that this one collides with, or undefined; a path that ends with a slash is a folder. */
  claim(path: string): string | undefined {
    const steps = path.replace(/\/$/, '').split('/')
    for (let depth = 1; depth <= steps.length; depth++) {
      const claimed = steps.slice(0, depth).join('/')
      const kind = depth < steps.length || path.endsWith('/') ? 'folder' : 'file'
      const key = collisionKey(claimed)
      const earlier = this.kindByKey.get(key)
      if (earlier === undefined) this.kindByKey.set(key, { path: claimed, kind })
      else if (earlier.path !== claimed || earlier.kind !== kind || kind === 'file') return earlier.path
    }
    return undefined
  }
}

function bytesOf(text: string): number {
  return encoder.encode(text).length
}
