/*
 * What lies behind /v1/uploads, in the object store, so that any coordinator goes on with what another one began:
 *
 *   uploads/<id>/sent/said.json              what its sender said of it
 *   uploads/<id>/sent/part-<from>-<length>   bytes, as they came
 *   uploads/<id>/scene.json                  the hash of the scene it became
 *
 * The last one outlives the bytes: a client whose connection broke at the last moment still learns that all went well.
 * Nobody needs to agree on anything: how far an upload is, is how far its parts reach from the first byte without a
 * gap. Two senders of one upload at the same time (a client that gave up a connection its coordinator still reads)
 * write parts that overlap; both hold bytes of the same file.
 */
import { createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { DataStore, ERRORS, Upload } from '@tus/server'
import { z } from 'zod'
import { ObjectMissing, type ObjectStore } from '../../../shared/ports/object-store.ts'
import { RefusalError } from '../../../shared/protocol/errors.ts'
import { Sha256, timeOfSortable, UploadId } from '../../../shared/protocol/ids.ts'
import { LIMITS } from '../../../shared/protocol/limits.ts'
import {
  parseUploadKey,
  uploadKey,
  UPLOADS_PREFIX,
  uploadPrefix,
  uploadSentPrefix,
} from '../../../shared/protocol/object-keys.ts'
import { diskOutage } from './disk-outage.ts'
import { HashingStream } from './file-hash.ts'
import { withScratch } from './scratch.ts'
import { append, drop, WholeCopies } from './whole-copies.ts'

const Outcome = z.strictObject({ sha256: Sha256, bytes: z.int().min(0), owner: z.string() })
export type Outcome = z.infer<typeof Outcome>

const Said = z.strictObject({
  size: z.int().min(0).nullable(),
  createdAt: z.string(),
  metadata: z.record(z.string(), z.string().nullable()),
})
type Said = z.infer<typeof Said>

/**
 * A coordinator that dies loses as much of what it was sent, in bytes; of a sender's connection nothing that came is
 * lost.
 */
const PART_BYTES = 16 * 1024 * 1024
const SAID = 'sent/said.json'
const SCENE = 'scene.json'
const LIST_LIMIT = 1_000

/** Bytes `from` up to, not including, `to` of an upload. */
interface Part {
  readonly name: string
  readonly from: number
  readonly to: number
}

/** Keeps uploads in the object store. `dataDir` holds the part that is arriving at the moment. */
export class UploadStore extends DataStore {
  override extensions = ['creation', 'creation-with-upload', 'creation-defer-length', 'termination', 'expiration']
  readonly #objects: ObjectStore
  readonly #dataDir: string
  readonly #lifeMs: number
  readonly #writing = new Set<Promise<unknown>>()
  readonly #wholes: WholeCopies

  constructor(objects: ObjectStore, dataDir: string, lifeMs: number) {
    super()
    this.#objects = objects
    this.#dataDir = dataDir
    this.#lifeMs = lifeMs
    this.#wholes = new WholeCopies(dataDir)
  }

  override getExpiration(): number {
    return this.#lifeMs
  }

  override async create(upload: Upload): Promise<Upload> {
    await this.#say(UploadId.parse(upload.id), {
      size: upload.size ?? null,
      createdAt: upload.creation_date ?? new Date().toISOString(),
      metadata: upload.metadata ?? {},
    })
    return upload
  }

  override async declareUploadLength(id: string, size: number): Promise<void> {
    const uploadId = UploadId.parse(id)
    const said = await this.#said(uploadId)
    if (said === null) throw ERRORS.FILE_NOT_FOUND
    await this.#say(uploadId, { ...said, size })
  }

  /** Appends what comes, and gives how far the upload is then. What came before a cut stays. */
  override async write(source: Readable, id: string, offset: number): Promise<number> {
    const uploadId = UploadId.parse(id)
    if ((await this.outcome(uploadId)) !== null) return offset
    const writing = this.#write(source, uploadId, offset)
    this.#writing.add(writing)
    try {
      return await writing
    } finally {
      this.#writing.delete(writing)
    }
  }

  /** Waits until what came before the end of a connection is stored, for a coordinator that stops. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#writing)
    await this.#wholes.close()
  }

  override async getUpload(id: string): Promise<Upload> {
    const uploadId = UploadId.parse(id)
    const outcome = await this.outcome(uploadId)
    if (outcome !== null)
      return new Upload({ id, size: outcome.bytes, offset: outcome.bytes, metadata: { owner: outcome.owner } })
    const said = await this.#said(uploadId)
    if (said === null) throw ERRORS.FILE_NOT_FOUND
    const offset = chainOf(await this.#parts(uploadId)).at(-1)?.to ?? 0
    return new Upload({
      id,
      offset,
      creation_date: said.createdAt,
      metadata: said.metadata,
      ...(said.size === null ? {} : { size: said.size }),
    })
  }

  override async remove(id: string): Promise<void> {
    await this.discard(UploadId.parse(id))
  }

  /** Removes all of an upload. One that is not there is fine. */
  async discard(id: UploadId): Promise<void> {
    await this.#wholes.forget(id)
    await this.#objects.deletePrefix(uploadPrefix(id))
  }

  /** The scene that an upload became, or null. */
  async outcome(id: UploadId): Promise<Outcome | null> {
    return this.#json(id, SCENE, Outcome)
  }

  /** Writes down what an upload became, and lets its bytes go. */
  async conclude(id: UploadId, outcome: Outcome): Promise<void> {
    await this.#put(id, SCENE, Buffer.from(JSON.stringify(outcome)), 'application/json')
    await this.#objects.deletePrefix(uploadSentPrefix(id))
  }

  /** Puts all bytes of an upload into a local file, and tells their length and hash. */
  async collect(id: UploadId, filePath: string): Promise<{ bytes: number; sha256: Sha256 }> {
    const chain = chainOf(await this.#parts(id))
    const bytes = chain.at(-1)?.to ?? 0
    const collected = await this.#wholes.collect(id, bytes, filePath)
    if (collected !== null) return { bytes, sha256: collected }
    const hashing = new HashingStream()
    try {
      await pipeline(this.#bytes(id, chain), hashing, createWriteStream(filePath))
    } catch (error) {
      throw diskOutage(error)
    }
    return { bytes: hashing.bytes, sha256: hashing.sha256() }
  }

  /** Whose each unfinished upload is. */
  async owners(): Promise<string[]> {
    const { unfinished } = await this.#all()
    const said = await Promise.all(unfinished.map((id) => this.#said(id)))
    return said.flatMap((each) => each?.metadata['owner'] ?? [])
  }

  /**
   * Removes uploads that began longer ago than their life, and gives how many; `nowMs` by the clock that names uploads.
   */
  async sweep(nowMs: number): Promise<number> {
    const old = (await this.#all()).ids.filter((id) => nowMs - timeOfSortable(id) > this.#lifeMs)
    for (const id of old) await this.discard(id)
    return old.length
  }

  async *#bytes(id: UploadId, chain: readonly Part[]): AsyncGenerator<Buffer> {
    for (const [index, part] of chain.entries()) {
      // As far as the next one goes on; overlapping parts hold the same bytes.
      const end = (chain[index + 1]?.from ?? part.to) - part.from
      yield* await this.#objects.read(uploadKey(id, part.name), { end })
    }
  }

  async #write(source: Readable, id: UploadId, offset: number): Promise<number> {
    if ((await this.#parts(id)).length >= LIMITS.partsPerUploadMax)
      throw new RefusalError(
        'bad_request',
        `an upload has at most ${LIMITS.partsPerUploadMax} parts; begin a new one and send larger parts`,
      )
    return withScratch(this.#dataDir, async (folder) => {
      const path = join(folder, 'part')
      const whole = await this.#wholes.take(id, (await this.#said(id))?.size ?? null, offset)
      let at = offset
      let file = await open(path, 'w')
      let held = 0
      const store = async () => {
        await file.close()
        if (held > 0)
          await this.#objects.takeFile(uploadKey(id, partName(at, held)), path, {
            contentType: 'application/octet-stream',
          })
        at += held
        held = 0
      }
      try {
        for await (const chunk of source as AsyncIterable<Buffer>) {
          await file.writeFile(chunk)
          if (whole !== null) await append(whole, chunk)
          held += chunk.length
          if (held < PART_BYTES) continue
          await store()
          file = await open(path, 'w')
        }
      } catch (error) {
        await store()
        throw diskOutage(error)
      } finally {
        // As far as it is whole: what was cut goes on where the parts end.
        if (whole !== null && whole.at === at + held) this.#wholes.giveBack(id, whole)
        else if (whole !== null) await drop(whole)
      }
      await store()
      return at
    })
  }

  async #put(
    id: UploadId,
    name: string,
    source: Parameters<ObjectStore['put']>[1],
    contentType: string,
  ): Promise<void> {
    const put = await this.#objects.put(uploadKey(id, name), source, { contentType })
    if (!put.ok) throw new Error(`${name} of upload ${id} was not stored: ${put.message}`)
  }

  async #say(id: UploadId, said: Said): Promise<void> {
    await this.#put(id, SAID, Buffer.from(JSON.stringify(said)), 'application/json')
  }

  async #said(id: UploadId): Promise<Said | null> {
    return this.#json(id, SAID, Said)
  }

  async #json<T>(id: UploadId, name: string, schema: z.ZodType<T>): Promise<T | null> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of await this.#objects.read(uploadKey(id, name))) chunks.push(chunk as Buffer)
    } catch (error) {
      if (error instanceof ObjectMissing) return null
      throw error
    }
    return schema.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')))
  }

  async #parts(id: UploadId): Promise<Part[]> {
    const names = await this.#names(uploadSentPrefix(id))
    return names.flatMap(({ name }) => partOf(name) ?? [])
  }

  async #all(): Promise<{ ids: UploadId[]; unfinished: UploadId[] }> {
    const names = await this.#names(UPLOADS_PREFIX)
    const done = new Set(names.filter(({ name }) => name === SCENE).map(({ id }) => id))
    return {
      ids: [...new Set(names.map(({ id }) => id))],
      unfinished: names.filter(({ id, name }) => name === SAID && !done.has(id)).map(({ id }) => id),
    }
  }

  async #names(prefix: Parameters<ObjectStore['list']>[0]): Promise<{ id: UploadId; name: string }[]> {
    const names: { id: UploadId; name: string }[] = []
    let startAfter: string | null = null
    do {
      const page: Awaited<ReturnType<ObjectStore['list']>> = await this.#objects.list(prefix, {
        limit: LIST_LIMIT,
        ...(startAfter === null ? {} : { startAfter }),
      })
      names.push(...page.keys.flatMap(({ key }) => parseUploadKey(key) ?? []))
      startAfter = page.next
    } while (startAfter !== null)
    return names
  }
}

function partName(from: number, length: number): string {
  return `sent/part-${String(from).padStart(14, '0')}-${length}`
}

function partOf(name: string): Part | null {
  const [, from, length] = /^sent\/part-(\d{14})-(\d{1,14})$/.exec(name) ?? []
  return from === undefined ? null : { name, from: Number(from), to: Number(from) + Number(length) }
}

/**
 * Parts that reach furthest from the first byte without a gap, each beginning within or at the end of the one before.
 */
export function chainOf(parts: readonly Part[]): Part[] {
  const chain: Part[] = []
  const sorted = [...parts].sort((a, b) => a.from - b.from)
  let next = 0
  for (let reach = 0; ;) {
    let best: Part | undefined
    for (; next < sorted.length && (sorted[next]?.from ?? Infinity) <= reach; next++)
      if ((sorted[next]?.to ?? 0) > (best?.to ?? reach)) best = sorted[next]
    if (best === undefined) return chain
    chain.push(best)
    reach = best.to
  }
}
