/*
 * Files that arrive under their hashes. Each is stored as soon as it is whole and found to be what its hash says; so
 * whatever is cut, what came before stays. Several small ones come in one request, one after the other:
 *
 *   <sha256 in hex> <bytes>\n<the bytes><sha256 in hex> <bytes>\n<the bytes>…
 */
import { Readable } from 'node:stream'
import { readCondemned } from '../../../shared/engine/jobs/unused-files.ts'
import type { ObjectStore } from '../../../shared/ports/object-store.ts'
import { RefusalError } from '../../../shared/protocol/errors.ts'
import { Sha256 } from '../../../shared/protocol/ids.ts'
import { LIMITS } from '../../../shared/protocol/limits.ts'
import { blobKey } from '../../../shared/protocol/object-keys.ts'

/** Files up to this length are held in memory until they are stored, so that several can be stored at once. */
const SMALL_BYTES_MAX = 1024 * 1024
const SMALL_AT_ONCE = 8
/** A hash, a blank, a length of 12 digits, a line end. */
const HEAD_BYTES_MAX = 64 + 1 + 12 + 1
const CONTENT_TYPE = 'application/octet-stream'

/** What was stored; `known` counts those of them that the farm had already. */
export interface StoredFiles {
  readonly files: number
  readonly known: number
  readonly bytes: number
}

/** Stores one file. Refused with upload_hash_mismatch (also when it is cut) and too_large. */
export async function storeFile(
  objects: ObjectStore,
  sha256: Sha256,
  bytes: number,
  source: Uint8Array | Readable,
): Promise<void> {
  const put = await objects.put(blobKey(sha256), source, { contentType: CONTENT_TYPE, bytes, sha256 })
  if (!put.ok)
    throw new RefusalError(
      'upload_hash_mismatch',
      `what came as ${sha256} is another file: ${put.message}; send it again`,
    )
}

/**
 * Takes a body of several files apart. Throws RefusalError: bad_request, too_large, upload_cut, upload_hash_mismatch.
 */
export async function receiveFiles(objects: ObjectStore, body: AsyncIterable<Buffer>): Promise<StoredFiles> {
  const condemned = await readCondemned(objects)
  const bytes = new ByteReader(body)
  const small = new Set<Promise<void>>()
  let failure: unknown
  const sum = { files: 0, known: 0, bytes: 0 }
  const isHere = async (head: Head) => {
    const blob = await objects.head(blobKey(head.sha256))
    return blob?.bytes === head.bytes && !condemned.has(head.sha256, blob.modifiedAtMs)
  }
  const keep = async (head: Head, content: Buffer) => {
    if (await isHere(head)) sum.known += 1
    else await storeFile(objects, head.sha256, head.bytes, content)
  }
  try {
    for (let head = await readHead(bytes); head !== null && failure === undefined; head = await readHead(bytes)) {
      sum.files += 1
      sum.bytes += head.bytes
      if (head.bytes > SMALL_BYTES_MAX) {
        await storeFile(
          objects,
          head.sha256,
          head.bytes,
          Readable.from(bytes.stream(head.bytes), { objectMode: false }),
        )
        continue
      }
      const storing: Promise<void> = keep(head, await bytes.read(head.bytes))
        .catch((error: unknown) => void (failure ??= error))
        .finally(() => small.delete(storing))
      small.add(storing)
      if (small.size >= SMALL_AT_ONCE) await Promise.race(small)
    }
  } finally {
    await Promise.all(small)
  }
  if (failure !== undefined) throw failure
  return sum
}

interface Head {
  readonly sha256: Sha256
  readonly bytes: number
}

async function readHead(bytes: ByteReader): Promise<Head | null> {
  const line = await bytes.line(HEAD_BYTES_MAX)
  if (line === null) return null
  const [, hash, length] = /^([0-9a-f]{64}) (\d{1,12})$/.exec(line) ?? []
  if (hash === undefined)
    throw new RefusalError(
      'bad_request',
      `body: before each file there must be a line with its SHA-256 and its length; ` +
        `${JSON.stringify(line.slice(0, 100))} is none`,
    )
  if (Number(length) > LIMITS.sceneBytesMax)
    throw new RefusalError('too_large', `body: a file may have at most ${LIMITS.sceneBytesMax} bytes`)
  return { sha256: Sha256.parse(hash), bytes: Number(length) }
}

/** Gives a stream of chunks out by lines and lengths. Throws upload_cut where it ends too early. */
class ByteReader {
  private readonly source: AsyncIterator<Buffer>
  private held: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Buffer>) {
    this.source = source[Symbol.asyncIterator]()
  }

  /** Without its end; null at the end of the stream. */
  async line(bytesMax: number): Promise<string | null> {
    let end = this.held.indexOf(0x0a)
    while (end < 0 && this.held.length <= bytesMax) {
      if (!(await this.more())) {
        if (this.held.length > 0) throw cut()
        return null
      }
      end = this.held.indexOf(0x0a)
    }
    const length = end < 0 || end > bytesMax ? bytesMax : end
    const line = this.held.subarray(0, length).toString('latin1')
    this.held = this.held.subarray(length + 1)
    return line
  }

  async read(length: number): Promise<Buffer> {
    const parts: Buffer[] = []
    for await (const part of this.stream(length)) parts.push(part)
    return Buffer.concat(parts)
  }

  async *stream(length: number): AsyncGenerator<Buffer> {
    for (let left = length; left > 0;) {
      if (this.held.length === 0 && !(await this.more())) throw cut()
      const part = this.held.subarray(0, left)
      this.held = this.held.subarray(part.length)
      left -= part.length
      yield part
    }
  }

  private async more(): Promise<boolean> {
    const { done, value } = await this.source.next()
    if (done === true) return false
    this.held = this.held.length === 0 ? value : Buffer.concat([this.held, value])
    return true
  }
}

function cut(): RefusalError {
  return new RefusalError('upload_cut', 'the body ended within a file; what came before it is stored, send the rest')
}
