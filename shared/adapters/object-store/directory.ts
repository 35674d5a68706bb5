/*
 * The object store of a farm on one machine: files below one folder.
 *
 *   <root>/objects/…   the objects, each at the path that directory-paths.ts gives its key
 *   <root>/partial/…   what is being written; the leftovers of a killed process are swept by tidy()
 *
 * Any number of processes may share the folder, on a file system where rename is atomic.
 */
import { mkdir, open, readdir, rm, stat, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { ObjectKey, ObjectPrefix } from '../../protocol/object-keys.ts'
import { ObjectMissing, StoreUnavailable } from '../../ports/object-store.ts'
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
import { copyChecked, openSource, SourceFailure } from './content-check.ts'
import { contentTypeOfKey } from '../../protocol/content-types.ts'
import { copyWhole, moveWhole, orNull, outage, removeEmptyFolders, writeWhole } from './directory-files.ts'
import { folderNameOf, pathOfKey } from './directory-paths.ts'
import { removeObjects, walkObjects } from './directory-walk.ts'
import { checkListLimit } from './list-limit.ts'
import { makeSignedGet, makeSignedPut } from './signed-urls.ts'
import { clampRange, downloadTo, translated } from './store-streams.ts'

/** Age in milliseconds after which a half-written file has no writer any more: one day. */
const PARTIAL_AGE_MAX_MS = 24 * 3600 * 1000

export type DirectoryStoreOptions = {
  root: string
  /** At least SIGNING_SECRET_BYTES_MIN bytes, the same in every process that signs or serves. */
  signingSecret: Uint8Array
  /** Where the coordinator is reached from outside; asked for each URL, as a port may come late. */
  publicUrl: () => string
  /** Milliseconds since 1970. */
  nowMs: () => number
}

/** An object held open: its facts and its bytes belong together even when it is replaced. */
export type OpenObject = {
  bytes: number
  contentType: string
  modifiedAtMs: number
  /** Streams `start` to `end` (exclusive) and closes; call this or `close`. */
  stream(start: number, end: number, signal?: AbortSignal): Readable
  close(): Promise<void>
}

export class DirectoryObjectStore implements ObjectStore {
  readonly #options: DirectoryStoreOptions
  readonly #objects: string
  readonly #partial: string

  constructor(options: DirectoryStoreOptions) {
    this.#options = options
    this.#objects = join(options.root, 'objects')
    this.#partial = join(options.root, 'partial')
  }

  async head(key: ObjectKey): Promise<ObjectInfo | null> {
    return this.#orOutage('look up', key, async () => {
      const facts = await orNull(stat(this.#pathOf(key)))
      if (facts === null || !facts.isFile()) return null
      return { bytes: facts.size, contentType: contentTypeOfKey(key), modifiedAtMs: Math.floor(facts.mtimeMs) }
    })
  }

  async put(key: ObjectKey, source: ObjectSource, options: PutOptions): Promise<PutResult> {
    options.signal?.throwIfAborted()
    const stream = openSource(source)
    try {
      const { result } = await this.#orOutage('write', key, () =>
        writeWhole(this.#partial, this.#objects, this.#pathOf(key), async (file) => {
          const result = await this.#fill(file, key, stream, options)
          return { keep: result.ok, result }
        }),
      )
      return result
    } catch (error) {
      throw error instanceof SourceFailure ? error.cause : error
    } finally {
      stream.destroy()
    }
  }

  async #fill(file: FileHandle, key: ObjectKey, stream: Readable, options: PutOptions): Promise<PutResult> {
    const write = (chunk: Uint8Array) => this.#orOutage('write', key, () => file.writeFile(chunk))
    const { bytes, sha256 } = options
    return copyChecked(stream, write, { bytes, sha256 }, options.signal).catch((error: unknown) => {
      throw error instanceof StoreUnavailable ? error : new SourceFailure(error)
    })
  }

  async takeFile(key: ObjectKey, filePath: string): Promise<void> {
    await this.#orOutage('write', key, () => moveWhole(this.#partial, this.#objects, filePath, this.#pathOf(key)))
  }

  async read(key: ObjectKey, range: ReadOptions = {}): Promise<Readable> {
    range.signal?.throwIfAborted()
    const { start, end } = clampRange(range, Number.MAX_SAFE_INTEGER)
    const object = await this.open(key)
    return object.stream(Math.min(start, object.bytes), Math.min(end, object.bytes), range.signal)
  }

  /** The object held open, for serving it. Throws ObjectMissing. */
  async open(key: ObjectKey): Promise<OpenObject> {
    return this.#orOutage('read', key, async () => {
      const file = await orNull(open(this.#pathOf(key), 'r'))
      if (file === null) throw new ObjectMissing(key)
      const facts = await file.stat()
      if (!facts.isFile()) {
        await file.close()
        throw new ObjectMissing(key)
      }
      return {
        bytes: facts.size,
        contentType: contentTypeOfKey(key),
        modifiedAtMs: Math.floor(facts.mtimeMs),
        stream: (start, end, signal) => this.#stream(file, key, start, end, signal),
        close: () => file.close(),
      }
    })
  }

  #stream(file: FileHandle, key: ObjectKey, start: number, end: number, signal: AbortSignal | undefined): Readable {
    // createReadStream counts its end inclusively, and so cannot give nothing at all.
    const source = end > start ? file.createReadStream({ start, end: end - 1 }) : nothingFrom(file)
    return translated(source, signal, (error) => outage(`read ${key}`, error))
  }

  async download(key: ObjectKey, filePath: string, options: DownloadOptions): Promise<DownloadResult> {
    return downloadTo(
      filePath,
      async () => {
        const object = await this.open(key)
        return { bytes: object.bytes, stream: object.stream(0, object.bytes, options.signal) }
      },
      options,
    )
  }

  async list(prefix: ObjectPrefix, options: ListOptions): Promise<ObjectPage> {
    checkListLimit(options.limit)
    return this.#orOutage('list', prefix, async () => {
      const keys: ObjectPage['keys'] = []
      for await (const { key, path } of walkObjects(this.#folderOf(prefix), prefix, options.startAfter ?? '')) {
        if (keys.length === options.limit) return { keys, next: keys.at(-1)?.key ?? null }
        const facts = await orNull(stat(path))
        if (facts !== null) keys.push({ key, bytes: facts.size })
      }
      return { keys, next: null }
    })
  }

  async copy(from: ObjectKey, to: ObjectKey): Promise<void> {
    await this.#orOutage('copy', from, async () => {
      // Looked up first: without it a missing folder of the target and a missing source look alike.
      if ((await this.head(from)) === null) throw new ObjectMissing(from)
      if (from !== to) await copyWhole(this.#partial, this.#objects, this.#pathOf(from), this.#pathOf(to))
    })
  }

  async delete(key: ObjectKey): Promise<void> {
    await this.#orOutage('delete', key, async () => {
      const path = this.#pathOf(key)
      await orNull(unlink(path))
      await removeEmptyFolders(dirname(path), this.#objects)
    })
  }

  async deletePrefix(prefix: ObjectPrefix): Promise<{ deleted: number }> {
    return this.#orOutage('delete', prefix, async () => {
      const folder = this.#folderOf(prefix)
      const deleted = await removeObjects(folder)
      await removeEmptyFolders(dirname(folder), this.#objects)
      return { deleted }
    })
  }

  async signedGet(key: ObjectKey, options: SignedGetOptions): Promise<string> {
    return makeSignedGet(this.#signer(), key, options)
  }

  async signedPut(key: ObjectKey, options: SignedPutOptions): Promise<SignedPut> {
    return makeSignedPut(this.#signer(), key, options)
  }

  async check(): Promise<void> {
    await this.#orOutage('check', this.#options.root, async () => {
      await mkdir(this.#objects, { recursive: true })
      const nowhere = join(this.#partial, 'check')
      await writeWhole(this.#partial, this.#objects, nowhere, async (file) => {
        await file.writeFile('written by a check; may be deleted')
        await file.sync()
        return { keep: false }
      })
    })
    await this.tidy()
  }

  async tidy(): Promise<void> {
    await this.#orOutage('tidy', this.#options.root, () => this.#sweepPartial())
  }

  async close(): Promise<void> {}

  async #sweepPartial(): Promise<void> {
    for (const name of (await orNull(readdir(this.#partial))) ?? []) {
      const path = join(this.#partial, name)
      const facts = await orNull(stat(path))
      if (facts !== null && this.#options.nowMs() - facts.mtimeMs > PARTIAL_AGE_MAX_MS) {
        await rm(path, { recursive: true, force: true })
      }
    }
  }

  #signer() {
    const { signingSecret, publicUrl, nowMs } = this.#options
    return { secret: signingSecret, publicUrl: publicUrl(), nowMs: nowMs() }
  }

  // Parsed once more, although the type says it: this line is what keeps a path inside the folder.
  #pathOf(key: ObjectKey): string {
    return join(this.#objects, pathOfKey(ObjectKey.parse(key)))
  }

  #folderOf(prefix: ObjectPrefix): string {
    const parts = ObjectPrefix.parse(prefix).slice(0, -1).split('/')
    return join(this.#objects, ...parts.map(folderNameOf))
  }

  async #orOutage<T>(what: string, name: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (error) {
      throw outage(`${what} ${name}`, error)
    }
  }
}

function nothingFrom(file: FileHandle): Readable {
  return new Readable({
    read() {
      this.push(null)
    },
    // Runs at the end as well as when a reader leaves, so the file is closed in every case.
    destroy(error, done) {
      file.close().then(() => done(error), done)
    },
  })
}
