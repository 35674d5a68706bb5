import { createWriteStream } from 'node:fs'
import { mkdir, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { crc32 } from 'node:zlib'
import { getFileNameLowLevel, openPromise, type Entry, type ZipFile } from 'yauzl'
import { listZipEntries, type ZipFileEntry } from '../../shared/protocol/zip-entries.ts'
import { WorkFailure, errorCode, isDiskFull } from '../failure.ts'

/**
 * Bytes that a zip unpacks to, as its directory says, after every name in it was found harmless; extraction holds each
 * file to that length. Throws WorkFailure `blend_unreadable` for what is no zip, and for links, names that lead
 * out of the folder, and encrypted files.
 */
export async function unpackedBytes(zipPath: string): Promise<number> {
  return withFiles(zipPath, async (files) => files.reduce((bytes, { entry }) => bytes + entry.uncompressedSize, 0))
}

/**
 * Unpacks a zip into an empty folder and gives the bytes written. Files are read-only and keep the times that the zip
 * says: Blender reads a texture cache (.tx) only where it has the time of its image. Throws WorkFailure
 * `blend_unreadable` as above, also when more than `bytesMax` come out.
 */
export async function extractZip(
  zipPath: string,
  folder: string,
  bytesMax: number,
  signal: AbortSignal,
): Promise<number> {
  return withFiles(zipPath, async (files, zip) => {
    let written = 0
    for (const { path, entry } of files) {
      signal.throwIfAborted()
      const target = join(folder, path)
      if (written + entry.uncompressedSize > bytesMax) throw unreadable(`it unpacks to more than ${bytesMax} bytes`)
      await mkdir(dirname(target), { recursive: true })
      // The reader fails when an entry holds more or less than its directory says; `wx` never writes twice.
      const file = createWriteStream(target, { flags: 'wx', mode: 0o444 })
      await pipeline(await zip.openReadStreamPromise(entry), checksumOf(path, entry), file, { signal })
      const modified = timeOf(entry)
      await utimes(target, modified, modified)
      written += entry.uncompressedSize
    }
    return written
  })
}

async function withFiles<T>(
  zipPath: string,
  work: (files: readonly ZipFileEntry<Entry>[], zip: ZipFile) => Promise<T>,
): Promise<T> {
  let zip: ZipFile | undefined
  try {
    zip = await openPromise(zipPath, {
      lazyEntries: true,
      autoClose: false,
      decodeStrings: false,
      validateEntrySizes: true,
    })
    const listed = await listZipEntries(zip, nameAsWritten)
    if (!listed.ok) throw unreadable(listed.detail)
    return await work(listed.value, zip)
  } catch (error) {
    if (error instanceof WorkFailure || isDiskFull(error) || errorCode(error) !== undefined) throw error
    if (error instanceof Error && error.name === 'AbortError') throw error
    throw unreadable(error instanceof Error ? error.message : String(error), error)
  } finally {
    zip?.close()
  }
}

/** Passes bytes on, and fails at their end when they do not have the checksum that the zip gives. */
function checksumOf(path: string, entry: Entry): Transform {
  let sum = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sum = crc32(chunk, sum)
      done(null, chunk)
    },
    flush(done) {
      done(sum === entry.crc32 ? null : unreadable(`${JSON.stringify(path)} in it does not have its checksum`))
    },
  })
}

function nameAsWritten(entry: Entry): string {
  return getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true)
}

/** The same on every machine; where the zip has the local time of its maker only, that is taken for UTC. */
function timeOf(entry: Entry): Date {
  const time = entry.getLastModDate({ timezone: 'UTC' })
  return Number.isNaN(time.getTime()) ? new Date(0) : time
}

function unreadable(why: string, cause?: unknown): WorkFailure {
  return new WorkFailure('blend_unreadable', `the scene's zip file cannot be used: ${why}`, { cause })
}
