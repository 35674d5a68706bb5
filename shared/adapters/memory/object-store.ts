/*
 * The object store in memory, for tests and the simulator: the same contract, no files, no timers.
 *
 * Signed URLs are real signatures over `memory:` addresses; `request` answers them as a server would.
 */
import { readFile, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { ObjectKey, ObjectPrefix } from '../../protocol/object-keys.ts'
import { ObjectMissing } from '../../ports/object-store.ts'
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
import { chunksOf, ContentCheck, openSource } from '../object-store/content-check.ts'
import { contentDisposition } from '../object-store/content-disposition.ts'
import { parseRange } from '../object-store/http-range.ts'
import { checkListLimit } from '../object-store/list-limit.ts'
import { makeSignedGet, makeSignedPut, verifySigned } from '../object-store/signed-urls.ts'
import type { SignedGrant } from '../object-store/signed-urls.ts'
import { clampRange, downloadTo, translated } from '../object-store/store-streams.ts'

export type MemoryStoreOptions = {
  /** Milliseconds since 1970. */
  nowMs: () => number
  /**
   * Asked before every call takes effect; a simulator waits in here, or throws StoreUnavailable.
   * A put is asked twice: before its source is read, and (`commit`) before it becomes visible.
   */
  beforeCall?: (call: MemoryStoreCall, name: string) => Promise<void> | void
}

export type MemoryStoreCall = Exclude<keyof ObjectStore, 'close' | 'signedGet' | 'signedPut'> | 'commit'

export type MemoryRequest = {
  method: string
  url: string
  /** With lower-case names. */
  headers?: Record<string, string>
  body?: Uint8Array
}
export type MemoryResponse = { status: number; headers: Record<string, string>; body: Buffer }

type Entry = { content: Buffer; contentType: string; modifiedAtMs: number }

const PUBLIC_URL = 'memory://store'
// Nobody outside this process can send a request here, so the secret guards against mistakes alone.
const SECRET = Buffer.from('the memory twin has no outside to hide from')

export class MemoryObjectStore implements ObjectStore {
  readonly #options: MemoryStoreOptions
  readonly #entries = new Map<string, Entry>()

  constructor(options: MemoryStoreOptions) {
    this.#options = options
  }

  async head(key: ObjectKey): Promise<ObjectInfo | null> {
    await this.#before('head', ObjectKey.parse(key))
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    return { bytes: entry.content.byteLength, contentType: entry.contentType, modifiedAtMs: entry.modifiedAtMs }
  }

  async put(key: ObjectKey, source: ObjectSource, options: PutOptions): Promise<PutResult> {
    const stream = openSource(source)
    try {
      await this.#before('put', ObjectKey.parse(key))
      const check = new ContentCheck(options)
      const chunks: Uint8Array[] = []
      for await (const chunk of chunksOf(stream, options.signal)) {
        const refusal = check.add(chunk)
        if (refusal !== null) return refusal
        chunks.push(chunk)
      }
      const result = check.end()
      if (!result.ok) return result
      await this.#before('commit', key)
      this.#set(key, Buffer.concat(chunks), options.contentType)
      return result
    } finally {
      stream.destroy()
    }
  }

  async takeFile(key: ObjectKey, filePath: string, { contentType }: { contentType: string }): Promise<void> {
    await this.#before('put', ObjectKey.parse(key))
    const content = await readFile(filePath)
    await this.#before('commit', key)
    this.#set(key, content, contentType)
    await rm(filePath)
  }

  async read(key: ObjectKey, range: ReadOptions = {}): Promise<Readable> {
    range.signal?.throwIfAborted()
    clampRange(range, 0)
    await this.#before('read', ObjectKey.parse(key))
    return this.#stream(key, range)
  }

  async download(key: ObjectKey, filePath: string, options: DownloadOptions): Promise<DownloadResult> {
    await this.#before('download', ObjectKey.parse(key))
    const { signal } = options
    return downloadTo(
      filePath,
      async () => {
        const stream = this.#stream(key, signal === undefined ? {} : { signal })
        return { bytes: this.#entry(key).content.byteLength, stream }
      },
      options,
    )
  }

  async list(prefix: ObjectPrefix, options: ListOptions): Promise<ObjectPage> {
    checkListLimit(options.limit)
    await this.#before('list', ObjectPrefix.parse(prefix))
    const { startAfter = '', limit } = options
    const all = this.#keysUnder(prefix)
      .filter((key) => key > startAfter)
      .sort()
    const keys = all.slice(0, limit).map((key) => ({ key, bytes: this.#entry(key).content.byteLength }))
    return { keys, next: all.length > limit ? (keys.at(-1)?.key ?? null) : null }
  }

  async copy(from: ObjectKey, to: ObjectKey): Promise<void> {
    await this.#before('copy', ObjectKey.parse(from))
    const { content, contentType } = this.#entry(from)
    this.#set(ObjectKey.parse(to), content, contentType)
  }

  async delete(key: ObjectKey): Promise<void> {
    await this.#before('delete', ObjectKey.parse(key))
    this.#entries.delete(key)
  }

  async deletePrefix(prefix: ObjectPrefix): Promise<{ deleted: number }> {
    await this.#before('deletePrefix', ObjectPrefix.parse(prefix))
    const keys = this.#keysUnder(prefix)
    for (const key of keys) this.#entries.delete(key)
    return { deleted: keys.length }
  }

  async signedGet(key: ObjectKey, options: SignedGetOptions): Promise<string> {
    return makeSignedGet(this.#signer(), key, options)
  }

  async signedPut(key: ObjectKey, options: SignedPutOptions): Promise<SignedPut> {
    return makeSignedPut(this.#signer(), key, options)
  }

  async check(): Promise<void> {
    await this.#before('check', '')
  }

  async tidy(): Promise<void> {
    await this.#before('tidy', '')
  }

  async close(): Promise<void> {}

  /** Answers a request to a signed URL of this store. Outages of `beforeCall` are thrown. */
  async request(request: MemoryRequest): Promise<MemoryResponse> {
    if (!request.url.startsWith(`${PUBLIC_URL}/`)) throw new RangeError(`${request.url} is not of this store`)
    const { method } = request
    const verdict = verifySigned(SECRET, this.#options.nowMs(), { method, url: request.url.slice(PUBLIC_URL.length) })
    if (!verdict.ok) return answer(403)
    return verdict.grant.method === 'GET' ? this.#give(verdict.grant, request) : this.#take(verdict.grant, request)
  }

  async #give(grant: Extract<SignedGrant, { method: 'GET' }>, request: MemoryRequest): Promise<MemoryResponse> {
    await this.#before('read', grant.key)
    const entry = this.#entries.get(grant.key)
    if (entry === undefined) return answer(404)
    const bytes = entry.content.byteLength
    const range = parseRange(request.headers?.['range'], bytes)
    if (range === 'unsatisfiable') return answer(416)
    const { start, end } = range ?? { start: 0, end: bytes }
    const headers: Record<string, string> = { 'content-type': entry.contentType, 'content-length': String(end - start) }
    if (range !== null) headers['content-range'] = `bytes ${start}-${end - 1}/${bytes}`
    if (grant.filename !== null) headers['content-disposition'] = contentDisposition(grant.filename)
    const body = request.method === 'HEAD' ? Buffer.alloc(0) : entry.content.subarray(start, end)
    return { status: range === null ? 200 : 206, headers, body }
  }

  async #take(grant: Extract<SignedGrant, { method: 'PUT' }>, request: MemoryRequest): Promise<MemoryResponse> {
    const { key, bytes, sha256, contentType } = grant
    if (request.headers?.['content-type'] !== contentType) return answer(403)
    const result = await this.put(key, request.body ?? Buffer.alloc(0), { bytes, sha256, contentType })
    return answer(result.ok ? 200 : 422)
  }

  #stream(key: ObjectKey, range: ReadOptions): Readable {
    const { content } = this.#entry(key)
    const { start, end } = clampRange(range, content.byteLength)
    const source = Readable.from([content.subarray(start, end)], { objectMode: false })
    return translated(source, range.signal, (error) => error)
  }

  // Copied, so that a caller who goes on writing into its buffer changes nothing in here.
  #set(key: ObjectKey, content: Uint8Array, contentType: string): void {
    this.#entries.set(key, { content: Buffer.from(content), contentType, modifiedAtMs: this.#options.nowMs() })
  }

  #entry(key: ObjectKey): Entry {
    const entry = this.#entries.get(key)
    if (entry === undefined) throw new ObjectMissing(key)
    return entry
  }

  #keysUnder(prefix: ObjectPrefix): ObjectKey[] {
    return [...this.#entries.keys()].filter((key) => key.startsWith(prefix)).map((key) => ObjectKey.parse(key))
  }

  #signer() {
    return { secret: SECRET, publicUrl: PUBLIC_URL, nowMs: this.#options.nowMs() }
  }

  async #before(call: MemoryStoreCall, name: string): Promise<void> {
    await this.#options.beforeCall?.(call, name)
  }
}

function answer(status: number): MemoryResponse {
  return { status, headers: {}, body: Buffer.alloc(0) }
}
