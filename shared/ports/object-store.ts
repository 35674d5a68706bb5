/*
 * Where the bulk bytes lie: scenes, tiles, frames, video, journal.
 *
 * Three twins keep this contract: S3, a local directory, and memory. One conformance suite holds
 * them to it. What it promises:
 *  - an object is there whole or not at all; a writer that dies leaves nothing that can be read,
 *  - of two writers of one key the later one wins, and no reader sees a mixture,
 *  - a key is found as soon as its put has returned,
 *  - nothing needs a conditional write, which many servers do not have.
 * What it asks: no key is the folder of another (`a` and `a/b`). object-keys.ts makes none such, and
 * servers that keep objects as files cannot hold both.
 * Content that is not what was expected comes back as a value. A store that cannot be reached, or
 * fails, throws StoreUnavailable after bounded retries. An aborted signal throws its reason.
 */
import type { Readable } from 'node:stream'
import type { ObjectKey, ObjectPrefix } from '../protocol/object-keys.ts'

export interface ObjectStore {
  /** What is stored under the key, or null when nothing is. */
  head(key: ObjectKey): Promise<ObjectInfo | null>

  /**
   * Stores the whole source and makes it visible at once, over whatever was there. `bytes` and
   * `sha256`, when given, are compared with what was read from the source; on a difference nothing
   * is stored, what was there before stays, and the refusal says what differed.
   */
  put(key: ObjectKey, source: ObjectSource, options: PutOptions): Promise<PutResult>

  /**
   * Stores a local file and takes it away from where it lies. Nothing is compared: for a file that its owner has read
   * and that nobody else can change. Where the store is on the same disk no byte is copied.
   */
  takeFile(key: ObjectKey, filePath: string, options: { contentType: string }): Promise<void>

  /** The object, or the part of it from `start`, as a stream. Throws ObjectMissing. */
  read(key: ObjectKey, range?: ReadOptions): Promise<Readable>

  /**
   * Copies the object into a local file, checking as it goes: never more than `bytesMax` bytes
   * are written, and the file is at `filePath` only when everything was as expected. Otherwise
   * nothing is left there, and the refusal says what differed (`missing` when there is no object).
   */
  download(key: ObjectKey, filePath: string, options: DownloadOptions): Promise<DownloadResult>

  /**
   * Up to `limit` (1 to LIST_LIMIT_MAX) objects under the prefix, in the byte order of their keys.
   * `next` is what to pass as `startAfter` for the following page, null when this was the last.
   * A page may hold fewer than `limit` keys and still have a next one.
   */
  list(prefix: ObjectPrefix, options: ListOptions): Promise<ObjectPage>

  /** Makes `to` a copy of `from`, visible at once. Throws ObjectMissing when `from` is not there. */
  copy(from: ObjectKey, to: ObjectKey): Promise<void>

  /** Removes the object. One that is not there is fine. */
  delete(key: ObjectKey): Promise<void>

  /** Removes every object under the prefix and tells how many there were. */
  deletePrefix(prefix: ObjectPrefix): Promise<{ deleted: number }>

  /**
   * A URL with which anybody can read this one object until it expires, with Range requests.
   * With `filename` a browser saves it under that name.
   */
  signedGet(key: ObjectKey, options: SignedGetOptions): Promise<string>

  /**
   * A request with which anybody can store exactly this content under this one key until it
   * expires. All `headers` must be sent as they are. Length and hash are enforced by the server
   * where it can; a reader must still check them (`download` does).
   */
  signedPut(key: ObjectKey, options: SignedPutOptions): Promise<SignedPut>

  /** Resolves when the store can be written, read and cleaned; otherwise throws StoreUnavailable. */
  check(): Promise<void>

  /**
   * Removes what writers that died left behind and no list shows: half-written files, parts of uploads that were never
   * completed. Only what is a day old.
   */
  tidy(): Promise<void>

  /** Lets go of connections. The store is not used after this. Legal twice. */
  close(): Promise<void>
}

/** Most keys one `list` gives: what S3 servers cap a page at. */
export const LIST_LIMIT_MAX = 1000
/** Longest life of a signed URL in seconds: seven days, the most that S3 signatures allow. */
export const SIGNED_TTL_SECONDS_MAX = 7 * 24 * 3600
/** Largest object in bytes: what S3 servers take at most, 5 TiB. */
export const OBJECT_BYTES_MAX = 5 * 1024 ** 4

export type ObjectInfo = {
  bytes: number
  /** As given to put; a directory tells it by the key's ending, so ours go by the ending too. */
  contentType?: string
  /** Milliseconds since 1970 by the store's clock, whole seconds on some servers. */
  modifiedAtMs?: number
}

/** A buffer, a stream, or `{ filePath }` of a local file. */
export type ObjectSource = Uint8Array | Readable | { filePath: string }

export type PutOptions = {
  contentType: string
  bytes?: number
  /** Lower-case hex. */
  sha256?: string
  signal?: AbortSignal
}

export type ReadOptions = {
  /** First byte, from 0. At or beyond the end the stream is empty. */
  start?: number
  /** The byte after the last one, as in Buffer.subarray; beyond the end means the end. */
  end?: number
  signal?: AbortSignal
}

export type DownloadOptions = {
  bytesMax: number
  bytes?: number
  /** Lower-case hex. */
  sha256?: string
  signal?: AbortSignal
}

export type ListOptions = { startAfter?: string; limit: number }
export type ObjectPage = { keys: { key: ObjectKey; bytes: number }[]; next: string | null }

export type SignedGetOptions = { ttlSeconds: number; filename?: string }
export type SignedPutOptions = { bytes: number; sha256: string; contentType: string; ttlSeconds: number }
export type SignedPut = { url: string; method: 'PUT'; headers: Record<string, string> }

export type Stored = { ok: true; bytes: number; sha256: string }
export type ContentRefusal = {
  ok: false
  code: 'missing' | 'too_big' | 'wrong_bytes' | 'wrong_sha256'
  /** For a person: what was expected and what was found. */
  message: string
}
export type PutResult = Stored | ContentRefusal
export type DownloadResult = Stored | ContentRefusal

/** Thrown by reading calls when there is no object under the key. */
export class ObjectMissing extends Error {
  override readonly name = 'ObjectMissing'
  readonly code = 'object_missing'
  readonly key: string
  constructor(key: string) {
    super(`there is no object ${key} in the store`)
    this.key = key
  }
}

/**
 * Thrown when the store did not do its work: away, failing, full, or refusing the credentials.
 * `retryable` is false where only the operator can mend it (wrong secret, no such bucket).
 */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
  readonly code = 'store_unavailable'
  readonly retryable: boolean
  constructor(message: string, options: { cause: unknown; retryable: boolean }) {
    super(message, { cause: options.cause })
    this.retryable = options.retryable
  }
}
