import { createWriteStream } from 'node:fs'
import { mkdir, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { openPromise, type Entry, type ZipFile } from 'yauzl'
import { LIMITS } from '../../shared/protocol/limits.ts'
import { WorkFailure, errorCode, isDiskFull } from '../failure.ts'

/** A production project has some ten thousand files; each costs an inode, and a zip may name millions in few bytes. */
const FILES_MAX = 100_000
const FILE_TYPE_MASK = 0o170000
const SYMBOLIC_LINK = 0o120000
const REGULAR_FILE = 0o100000
const FOLDER = 0o040000

/**
 * Bytes that a zip unpacks to, as its directory says, after every name in it was found harmless; extraction holds each
 * file to that length. Throws WorkFailure `blend_unreadable` for what is no zip, and for links, names that lead
 * out of the folder, and encrypted files.
 */
export async function unpackedBytes(zipPath: string): Promise<number> {
  let bytes = 0
  let files = 0
  await eachEntry(zipPath, async (entry) => {
    checkEntry(entry)
    bytes += entry.uncompressedSize
    if (++files > FILES_MAX) throw unreadable(`it holds more than ${FILES_MAX} files`)
  })
  return bytes
}

/**
 * Unpacks a zip into an empty folder and gives the bytes written. Files are read-only and keep the times that the zip
 * says: Blender reads a texture cache (.tx) only where it has the time of its image. Throws WorkFailure
 * `blend_unreadable` as above, also when more than `bytesMax` come out or when two entries have one name.
 */
export async function extractZip(
  zipPath: string,
  folder: string,
  bytesMax: number,
  signal: AbortSignal,
): Promise<number> {
  let written = 0
  await eachEntry(zipPath, async (entry, zip) => {
    signal.throwIfAborted()
    checkEntry(entry)
    const target = join(folder, entry.fileName)
    if (entry.fileName.endsWith('/')) {
      await mkdir(target, { recursive: true })
      return
    }
    if (written + entry.uncompressedSize > bytesMax) throw unreadable(`it unpacks to more than ${bytesMax} bytes`)
    await mkdir(dirname(target), { recursive: true })
    // The reader ends with an error when an entry holds more or less than its directory says; `wx` never writes twice.
    const file = createWriteStream(target, { flags: 'wx', mode: 0o444 })
    await pipeline(await zip.openReadStreamPromise(entry), file, { signal })
    const modified = timeOf(entry)
    await utimes(target, modified, modified)
    written += entry.uncompressedSize
  }).catch((error: unknown) => {
    const code = errorCode(error)
    if (code === 'EEXIST' || code === 'ENOTDIR' || code === 'EISDIR')
      throw unreadable('two of its entries have one name')
    throw error
  })
  return written
}

async function eachEntry(zipPath: string, visit: (entry: Entry, zip: ZipFile) => Promise<void>): Promise<void> {
  let zip: ZipFile | undefined
  try {
    zip = await openPromise(zipPath, {
      lazyEntries: true,
      autoClose: false,
      validateEntrySizes: true,
      strictFileNames: true,
    })
    for await (const entry of zip.eachEntry()) await visit(entry, zip)
  } catch (error) {
    if (error instanceof WorkFailure || isDiskFull(error) || errorCode(error) !== undefined) throw error
    if (error instanceof Error && error.name === 'AbortError') throw error
    throw unreadable(error instanceof Error ? error.message : String(error), error)
  } finally {
    zip?.close()
  }
}

function checkEntry(entry: Entry): void {
  const name = entry.fileName
  const parts = name.replace(/\/$/, '').split('/')
  if (name.length > LIMITS.pathLengthMax) throw unreadable('it holds a path that is too long')
  if (
    name.includes('\\') ||
    name.includes('\0') ||
    /^[A-Za-z]:/.test(name) ||
    parts.some((part) => part === '' || part === '.' || part === '..')
  ) {
    throw unreadable(`the path ${JSON.stringify(name)} in it leads out of its folder`)
  }
  const type = (entry.externalFileAttributes >>> 16) & FILE_TYPE_MASK
  if (type === SYMBOLIC_LINK) throw unreadable(`${JSON.stringify(name)} in it is a symbolic link`)
  if (type !== 0 && type !== REGULAR_FILE && type !== FOLDER)
    throw unreadable(`${JSON.stringify(name)} in it is no file`)
  if (entry.isEncrypted()) throw unreadable(`${JSON.stringify(name)} in it is encrypted`)
}

/** The same on every machine; where the zip has the local time of its maker only, that is taken for UTC. */
function timeOf(entry: Entry): Date {
  const time = entry.getLastModDate({ timezone: 'UTC' })
  return Number.isNaN(time.getTime()) ? new Date(0) : time
}

function unreadable(why: string, cause?: unknown): WorkFailure {
  return new WorkFailure('blend_unreadable', `the scene's zip file cannot be used: ${why}`, { cause })
}
