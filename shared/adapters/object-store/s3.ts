/** The object store of a farm of many machines: one bucket of any S3-compatible server. */
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3'
import type { S3Client } from '@aws-sdk/client-s3'
import { rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import {
  BLOBS_PREFIX,
  checkKey,
  CHECKS_PREFIX,
  JOBS_PREFIX,
  ObjectKey,
  ObjectPrefix,
  UPLOADS_PREFIX,
} from '../../protocol/object-keys.ts'
import { LIST_LIMIT_MAX, ObjectMissing, StoreUnavailable } from '../../ports/object-store.ts'
import type {
  DownloadOptions,
  DownloadResult,
  ListOptions,
  ObjectInfo,
  ObjectPage,
  ObjectSource,
  ObjectStore,
  PutOptions,
  PutResult,
  ReadOptions,
  SignedGetOptions,
  SignedPut,
  SignedPutOptions,
} from '../../ports/object-store.ts'
import { SourceFailure } from './content-check.ts'
import { checkListLimit } from './list-limit.ts'
import { createS3Client, isMissing, outage, statusOf } from './s3-client.ts'
import type { S3StoreOptions } from './s3-client.ts'
import { abortUploads, deleteEverything } from './s3-delete.ts'
import { presignGet, presignPut } from './s3-signing.ts'
import { uploadChecked, uploadUnchecked } from './s3-upload.ts'
import type { S3Target } from './s3-upload.ts'
import { clampRange, downloadTo, translated } from './store-streams.ts'

/** Largest object in bytes that one CopyObject takes, by the S3 protocol. */
const COPY_BYTES_MAX = 5 * 1024 ** 3
/** Age in milliseconds after which what a writer left has no writer any more: one day. */
const LEFTOVER_AGE_MIN_MS = 24 * 3600 * 1000
/** Milliseconds before each further try of a download that broke off in the middle. */
const DOWNLOAD_WAITS_MS = [200, 1_000, 3_000]

export class S3ObjectStore implements ObjectStore {
  readonly #options: S3StoreOptions
  readonly #client: S3Client
  readonly #publicClient: S3Client
  #checks = 0

  constructor(options: S3StoreOptions) {
    this.#options = options
    this.#client = createS3Client(options, options.endpoint)
    this.#publicClient = createS3Client(options, options.publicEndpoint ?? options.endpoint)
  }

  async head(key: ObjectKey): Promise<ObjectInfo | null> {
    return this.#orOutage(`look up ${key}`, undefined, async () => {
      try {
        const found = await this.#client.send(new HeadObjectCommand(this.#at(key)))
        return {
          bytes: found.ContentLength ?? 0,
          ...(found.ContentType === undefined ? {} : { contentType: found.ContentType }),
          ...(found.LastModified === undefined ? {} : { modifiedAtMs: found.LastModified.getTime() }),
        }
      } catch (error) {
        if (isMissing(error)) return null
        throw error
      }
    })
  }

  async put(key: ObjectKey, source: ObjectSource, options: PutOptions): Promise<PutResult> {
    const { signal } = options
    signal?.throwIfAborted()
    try {
      return await this.#orOutage(`write ${key}`, signal, () =>
        uploadChecked(this.#client, this.#at(key), source, options),
      )
    } catch (error) {
      throw error instanceof SourceFailure ? error.cause : error
    }
  }

  async takeFile(key: ObjectKey, filePath: string, { contentType }: { contentType: string }): Promise<void> {
    try {
      await this.#orOutage(`write ${key}`, undefined, () =>
        uploadUnchecked(this.#client, this.#at(key), filePath, contentType),
      )
    } catch (error) {
      throw error instanceof SourceFailure ? error.cause : error
    }
    await rm(filePath)
  }

  async read(key: ObjectKey, range: ReadOptions = {}): Promise<Readable> {
    return (await this.#open(key, range)).stream
  }

  async #open(key: ObjectKey, range: ReadOptions): Promise<{ bytes: number; stream: Readable }> {
    const { signal } = range
    signal?.throwIfAborted()
    const { start, end } = clampRange(range, Number.MAX_SAFE_INTEGER)
    const whole = range.start === undefined && range.end === undefined
    if (start === end) return this.#nothingOf(key)
    return this.#orOutage(`read ${key}`, signal, async () => {
      const command = new GetObjectCommand({
        ...this.#at(key),
        ...(whole ? {} : { Range: `bytes=${start}-${end - 1}` }),
      })
      try {
        const { Body, ContentLength } = await this.#client.send(
          command,
          signal === undefined ? {} : { abortSignal: signal },
        )
        if (!(Body instanceof Readable)) throw new TypeError('the S3 client gave no stream')
        return { bytes: ContentLength ?? 0, stream: translated(Body, signal, (error) => new StreamBroken(key, error)) }
      } catch (error) {
        if (isMissing(error)) throw new ObjectMissing(key)
        // The start lies at or beyond the end of the object.
        if (statusOf(error) === 416) return this.#nothingOf(key)
        throw error
      }
    })
  }

  async #nothingOf(key: ObjectKey): Promise<{ bytes: number; stream: Readable }> {
    if ((await this.head(key)) === null) throw new ObjectMissing(key)
    return { bytes: 0, stream: Readable.from([]) }
  }

  async download(key: ObjectKey, filePath: string, options: DownloadOptions): Promise<DownloadResult> {
    const { signal } = options
    for (let failed = 0; ; failed++) {
      try {
        return await downloadTo(filePath, () => this.#open(key, signal === undefined ? {} : { signal }), options)
      } catch (error) {
        const waitMs = DOWNLOAD_WAITS_MS[failed]
        if (waitMs === undefined || !(error instanceof StreamBroken)) throw error
        await this.#options.sleep(waitMs, signal)
      }
    }
  }

  async list(prefix: ObjectPrefix, options: ListOptions): Promise<ObjectPage> {
    checkListLimit(options.limit)
    return this.#orOutage(`list ${prefix}`, undefined, async () => {
      const page = await this.#client.send(
        new ListObjectsV2Command({
          Bucket: this.#options.bucket,
          Prefix: ObjectPrefix.parse(prefix),
          MaxKeys: options.limit,
          ...(options.startAfter === undefined ? {} : { StartAfter: options.startAfter }),
        }),
      )
      const found = page.Contents ?? []
      const keys = found.flatMap(({ Key, Size }) => {
        // What somebody else put into the bucket under a name that is no key of ours is not ours.
        const key = ObjectKey.safeParse(Key)
        return key.success ? [{ key: key.data, bytes: Size ?? 0 }] : []
      })
      return { keys, next: page.IsTruncated === true ? (found.at(-1)?.Key ?? null) : null }
    })
  }

  async copy(from: ObjectKey, to: ObjectKey): Promise<void> {
    const info = await this.head(from)
    if (info === null) throw new ObjectMissing(from)
    if (from === to) return
    if (info.bytes > COPY_BYTES_MAX) return this.#copyThroughHere(from, to, info)
    await this.#orOutage(`copy ${from}`, undefined, async () => {
      try {
        await this.#client.send(
          new CopyObjectCommand({ ...this.#at(to), CopySource: `${this.#options.bucket}/${from}` }),
        )
      } catch (error) {
        throw isMissing(error) ? new ObjectMissing(from) : error
      }
    })
  }

  async #copyThroughHere(from: ObjectKey, to: ObjectKey, info: ObjectInfo): Promise<void> {
    const contentType = info.contentType ?? 'application/octet-stream'
    const result = await this.put(to, await this.read(from), { contentType, bytes: info.bytes })
    if (!result.ok)
      throw new StoreUnavailable(`${from} changed while it was copied`, { cause: result, retryable: true })
  }

  async delete(key: ObjectKey): Promise<void> {
    await this.#orOutage(`delete ${key}`, undefined, async () => {
      try {
        await this.#client.send(new DeleteObjectCommand(this.#at(key)))
      } catch (error) {
        if (!isMissing(error)) throw error
      }
    })
  }

  async deletePrefix(prefix: ObjectPrefix): Promise<{ deleted: number }> {
    return this.#orOutage(`delete ${prefix}`, undefined, () =>
      deleteEverything(this.#client, this.#options.bucket, ObjectPrefix.parse(prefix)),
    )
  }

  async signedGet(key: ObjectKey, options: SignedGetOptions): Promise<string> {
    return this.#orOutage(`sign for ${key}`, undefined, () =>
      presignGet(this.#publicClient, this.#at(key), options, this.#options.nowMs()),
    )
  }

  async signedPut(key: ObjectKey, options: SignedPutOptions): Promise<SignedPut> {
    return this.#orOutage(`sign for ${key}`, undefined, () =>
      presignPut(this.#publicClient, this.#at(key), options, this.#options.nowMs()),
    )
  }

  async check(): Promise<void> {
    // A name of its own for each check, so that two processes do not delete under each other.
    const key = checkKey(`${this.#options.nowMs()}-${process.pid}-${this.#checks++}`)
    const content = Buffer.from('written by a check; may be deleted')
    await this.put(key, content, { contentType: 'text/plain' })
    for await (const chunk of await this.read(key)) void chunk
    await this.delete(key)
  }

  async tidy(): Promise<void> {
    const before = this.#options.nowMs() - LEFTOVER_AGE_MIN_MS
    await this.#orOutage('tidy the bucket', undefined, async () => {
      // Other programs may use the bucket, too.
      for (const prefix of [JOBS_PREFIX, BLOBS_PREFIX, UPLOADS_PREFIX])
        await abortUploads(this.#client, this.#options.bucket, prefix, before)
      const { keys } = await this.list(CHECKS_PREFIX, { limit: LIST_LIMIT_MAX })
      for (const { key } of keys)
        if (((await this.head(key))?.modifiedAtMs ?? Infinity) < before) await this.delete(key)
    })
  }

  async close(): Promise<void> {
    this.#client.destroy()
    this.#publicClient.destroy()
  }

  #at(key: ObjectKey): S3Target {
    return { Bucket: this.#options.bucket, Key: ObjectKey.parse(key) }
  }

  async #orOutage<T>(what: string, signal: AbortSignal | undefined, act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (error) {
      signal?.throwIfAborted()
      throw outage(what, error)
    }
  }
}

/** A body that ended before its end: worth another try, unlike what the SDK gave up on already. */
class StreamBroken extends StoreUnavailable {
  constructor(key: ObjectKey, cause: unknown) {
    super(`the S3 server broke off in the middle of ${key}`, { cause, retryable: true })
  }
}
