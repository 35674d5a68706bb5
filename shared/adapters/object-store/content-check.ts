/*
 * Counts and hashes content while it passes, and says as early as possible that it is not what was
 * expected. All stores use it, so that a wrong length or hash means the same everywhere.
 */
import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { addAbortSignal, Readable } from 'node:stream'
import type { ContentRefusal, ObjectSource, Stored } from '../../ports/object-store.ts'

export type Expected = {
  bytes?: number | undefined
  bytesMax?: number | undefined
  /** Lower-case hex. */
  sha256?: string | undefined
}

export type WrongContent = ContentRefusal & { code: 'too_big' | 'wrong_bytes' | 'wrong_sha256' }

export class ContentCheck {
  readonly #hash: Hash | null
  readonly #expected: Expected
  #bytes = 0

  /** `hashes`: false where nobody asks for the hash; it is told as an empty text then. */
  constructor(expected: Expected, hashes = true) {
    this.#expected = expected
    this.#hash = hashes ? createHash('sha256') : null
  }

  /** Takes in one chunk; a refusal as soon as there is more than there may be. */
  add(chunk: Uint8Array): WrongContent | null {
    this.#hash?.update(chunk)
    this.#bytes += chunk.byteLength
    return refuseLength(this.#bytes, this.#expected)
  }

  /** The verdict on the whole content. */
  end(): Stored | WrongContent {
    const { bytes, sha256 } = this.#expected
    if (bytes !== undefined && this.#bytes !== bytes) {
      return wrong('wrong_bytes', `expected ${bytes} bytes, found ${this.#bytes}`)
    }
    const found = this.#hash?.digest('hex') ?? ''
    if (sha256 !== undefined && found !== sha256) {
      return wrong('wrong_sha256', `expected SHA-256 ${sha256}, found ${found}`)
    }
    return { ok: true, bytes: this.#bytes, sha256: found }
  }
}

/** A refusal when content of this many bytes, or of at least this many, cannot be right. */
export function refuseLength(bytes: number, expected: Expected): WrongContent | null {
  if (expected.bytesMax !== undefined && bytes > expected.bytesMax) {
    return wrong('too_big', `at most ${expected.bytesMax} bytes are allowed, found ${bytes} or more`)
  }
  if (expected.bytes !== undefined && bytes > expected.bytes) {
    return wrong('wrong_bytes', `expected ${expected.bytes} bytes, found ${bytes} or more`)
  }
  return null
}

/**
 * Passes a stream into `write`, chunk by chunk, and gives the verdict. Nothing beyond the expected
 * length is written. Errors of the stream and of `write` pass through; the stream is destroyed in
 * every case. An aborted signal throws its reason.
 */
export async function copyChecked(
  source: Readable,
  write: (chunk: Uint8Array) => Promise<void>,
  expected: Expected,
  signal: AbortSignal | undefined,
): Promise<Stored | WrongContent> {
  const check = new ContentCheck(expected)
  for await (const chunk of chunksOf(source, signal)) {
    const refusal = check.add(chunk)
    if (refusal !== null) return refusal
    await write(chunk)
  }
  return check.end()
}

/** The chunks of a stream as bytes. Throws the reason of the signal once that is aborted. */
export async function* chunksOf(source: Readable, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  try {
    signal?.throwIfAborted()
    if (signal !== undefined) addAbortSignal(signal, source)
    for await (const chunk of source) {
      signal?.throwIfAborted()
      yield bytesOf(chunk)
    }
    signal?.throwIfAborted()
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    source.destroy()
  }
}

/** The source as a stream. A local file that cannot be read fails with its own error, when it is read. */
export function openSource(source: ObjectSource): Readable {
  const stream = streamOf(source)
  // A failure before the first read is told of by that read, and must not end the process till then.
  stream.on('error', () => undefined)
  return stream
}

function streamOf(source: ObjectSource): Readable {
  if (source instanceof Readable) return source
  if (source instanceof Uint8Array) return Readable.from([source], { objectMode: false })
  return createReadStream(source.filePath)
}

/** Why a source could not be read: its own error, which goes to whoever handed the source in. */
export class SourceFailure extends Error {
  constructor(cause: unknown) {
    super('the source of an object could not be read', { cause })
  }
}

function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk
  if (typeof chunk === 'string') return Buffer.from(chunk)
  throw new TypeError(`an object's stream must give bytes, not ${typeof chunk}`)
}

function wrong<Code extends WrongContent['code']>(code: Code, message: string): WrongContent {
  return { ok: false, code, message }
}
