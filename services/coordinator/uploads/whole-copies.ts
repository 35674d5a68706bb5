/*
 * Large uploads as they arrive at this process, each whole in one local file and hashed on its way, so that nothing has
 * to be read again when the last part is here. Only a help: the parts in the object store are the upload, and whoever
 * lacks a copy, or the beginning of one, puts it together from them.
 */
import { createHash, type Hash } from 'node:crypto'
import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { Sha256, type UploadId } from '../../../shared/protocol/ids.ts'
import { scratchFolder } from './scratch.ts'

/** Smaller uploads are put together in no time. */
const LARGE_BYTES = 64 * 1024 * 1024
/** Copies kept at once; of an upload more than these the parts do. */
const COPIES_MAX = 16

interface Copy {
  readonly path: string
  readonly file: FileHandle
  readonly hash: Hash
  at: number
}

export class WholeCopies {
  readonly #dataDir: string
  readonly #copies = new Map<UploadId, Copy>()

  constructor(dataDir: string) {
    this.#dataDir = dataDir
  }

  /**
   * The copy of an upload that goes on at `offset`, for one writer: it is nobody else's until it is given back. Null
   * where there is none that ends there.
   */
  async take(id: UploadId, size: number | null, offset: number): Promise<Copy | null> {
    const copy = this.#copies.get(id)
    this.#copies.delete(id)
    if (copy?.at === offset) return copy
    if (copy !== undefined) await drop(copy)
    if (offset !== 0 || (size ?? 0) < LARGE_BYTES || this.#copies.size >= COPIES_MAX) return null
    const path = join(await scratchFolder(this.#dataDir), `whole-${id}`)
    return { path, file: await open(path, 'w'), hash: createHash('sha256'), at: 0 }
  }

  /** Gives back what was taken, for the next writer. */
  giveBack(id: UploadId, copy: Copy): void {
    this.#copies.set(id, copy)
  }

  /** Moves a copy that has all of these bytes to `filePath`, and gives their hash; null where there is none. */
  async collect(id: UploadId, bytes: number, filePath: string): Promise<Sha256 | null> {
    const copy = this.#copies.get(id)
    if (copy?.at !== bytes) return null
    this.#copies.delete(id)
    await copy.file.close()
    await rename(copy.path, filePath)
    return Sha256.parse(copy.hash.digest('hex'))
  }

  async forget(id: UploadId): Promise<void> {
    const copy = this.#copies.get(id)
    this.#copies.delete(id)
    if (copy !== undefined) await drop(copy)
  }

  async close(): Promise<void> {
    for (const id of this.#copies.keys()) await this.forget(id)
  }
}

/** Appends bytes to a copy that was taken. */
export async function append(copy: Copy, chunk: Buffer): Promise<void> {
  copy.hash.update(chunk)
  await copy.file.writeFile(chunk)
  copy.at += chunk.length
}

/** Removes a copy that was taken and is of no use. */
export async function drop(copy: Copy): Promise<void> {
  await copy.file.close()
  await rm(copy.path, { force: true })
}
