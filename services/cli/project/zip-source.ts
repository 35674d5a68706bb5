/*
 * The files of a project that was packed as a .zip. It is taken apart here, so that what the farm has of it already
 * need not be sent, and what cannot be read is told before a byte is sent.
 */
import { open, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { pipeline, Transform, type Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import { getFileNameLowLevel, openPromise, type Entry, type ZipFile } from 'yauzl'
import { LIMITS } from '../../../shared/protocol/limits.ts'
import { listZipEntries } from '../../../shared/protocol/zip-entries.ts'
import { CommandFailure, EXIT_CODES } from '../exit-codes.ts'
import { noRenderNeeds } from './ignore-rules.ts'
import type { ProjectSource, SourceFile } from './source.ts'

/** The first bytes of an archive: of its first entry, or of the end of an empty one. */
const SIGNATURES = ['504b0304', '504b0506']

/** Whether a file is a .zip, by its first bytes and whatever its name; false for what is not there. */
export async function isZip(path: string): Promise<boolean> {
  if ((await stat(path).catch(() => undefined))?.isFile() !== true) return false
  const file = await open(path, 'r')
  try {
    const start = Buffer.alloc(4)
    const { bytesRead } = await file.read(start, 0, 4, 0)
    return bytesRead === 4 && SIGNATURES.includes(start.toString('hex'))
  } finally {
    await file.close()
  }
}

/** Looks at the directory of an archive. Throws a CommandFailure: what in it cannot be sent, and what to do. */
export async function zipSource(path: string): Promise<ProjectSource> {
  let zip: ZipFile | undefined
  try {
    zip = await openPromise(path, { lazyEntries: true, autoClose: false, decodeStrings: false })
    return await sourceOf(path, zip)
  } catch (error) {
    zip?.close()
    if (error instanceof CommandFailure || (error instanceof Error && 'syscall' in error)) throw error
    throw refused(path, `the archive is damaged (${error instanceof Error ? error.message : String(error)})`)
  }
}

async function sourceOf(path: string, zip: ZipFile): Promise<ProjectSource> {
  const listed = await listZipEntries(zip, nameAsWritten)
  if (!listed.ok) throw refused(path, `${listed.code}: ${listed.detail}`)
  const rules = noRenderNeeds()
  const ignored = { files: 0, bytes: 0 }
  const files: SourceFile[] = []
  for (const { path: name, entry } of listed.value) {
    if (rules.ignores(name, 'file')) {
      ignored.files += 1
      ignored.bytes += entry.uncompressedSize
      continue
    }
    const modifiedMs = entry.getLastModDate({ timezone: 'UTC' }).getTime()
    files.push({
      path: name,
      bytes: entry.uncompressedSize,
      modified: Number.isNaN(modifiedMs) ? 0 : Math.max(0, Math.floor(modifiedMs / 1000)),
      open: (from) => openEntry(path, zip, entry, from),
    })
  }
  return {
    name: basename(path).slice(-LIMITS.nameLengthMax),
    files,
    ignored,
    close: async () => zip.close(),
  }
}

async function openEntry(path: string, zip: ZipFile, entry: Entry, from: number): Promise<Readable> {
  const stream = await zip.openReadStreamPromise(entry)
  return from === 0 ? compose(stream, checksum(path, entry)) : skip(stream, from)
}

/** Fails at the end of what does not have the checksum that the archive gives. */
function checksum(path: string, entry: Entry): Transform {
  let sum = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sum = crc32(chunk, sum)
      done(null, chunk)
    },
    flush(done) {
      done(sum === entry.crc32 ? null : refused(path, 'the archive is damaged (a checksum is wrong); pack it again'))
    },
  })
}

function compose(source: Readable, through: Transform): Readable {
  pipeline(source, through, () => undefined)
  return through
}

/** The same stream, without its first bytes: packed data cannot be entered in the middle. */
async function skip(stream: Readable, bytes: number): Promise<Readable> {
  let left = bytes
  while (left > 0) {
    const chunk = stream.read() as Buffer | null
    if (chunk === null) {
      if (stream.readableEnded || stream.destroyed) throw stream.errored ?? new Error('an entry ended early')
      await new Promise<void>((resolve, reject) => {
        stream.once('readable', resolve)
        stream.once('error', reject)
        stream.once('end', resolve)
      })
      continue
    }
    if (chunk.length > left) stream.unshift(chunk.subarray(left))
    left -= Math.min(left, chunk.length)
  }
  return stream
}

function nameAsWritten(entry: Entry): string {
  return getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true)
}

function refused(path: string, why: string): CommandFailure {
  return new CommandFailure(EXIT_CODES.failed, 'zip_invalid', `${basename(path)}: ${why}`)
}
