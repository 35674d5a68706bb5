import { mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { z } from 'zod'
import { LeaseRef } from '../../shared/protocol/messages.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import { ResultFile } from '../../shared/protocol/task.ts'
import { leaseKey } from '../lease-key.ts'
import type { Performed } from '../rendering/perform.ts'

/**
 * committed: the farm is to be told, or has been and has not finished with it. uploaded: all that it asked for was
 * sent.
 */
export const StoredResult = z.strictObject({
  lease: LeaseRef,
  stage: z.enum(['committed', 'uploaded']),
  files: z.array(ResultFile).min(1).max(LIMITS.filesPerResultMax),
  renderSeconds: z.number().min(0),
  peakMemoryBytes: z.int().min(0),
})
export type StoredResult = z.infer<typeof StoredResult>

const RECORD = 'record.json'

/** Finished work on disk, one folder per attempt, so that neither a cut line nor a restarted agent loses a render. */
export class ResultStore {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Opens the store and gives what an earlier run left in it; what is incomplete there is removed. */
  static async open(folder: string, log: Logger): Promise<{ store: ResultStore; results: StoredResult[] }> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const store = new ResultStore(folder)
    const results: StoredResult[] = []
    for (const name of await readdir(folder)) {
      const result = await readResult(join(folder, name))
      if (result !== undefined && leaseKey(result.lease) === name) results.push(result)
      else {
        log.warn({ name }, 'incomplete result removed')
        await rm(join(folder, name), { recursive: true, force: true })
      }
    }
    return { store, results }
  }

  /** Moves the files of an attempt in here and writes its record; after that it survives this process. */
  async add(lease: LeaseRef, performed: Performed): Promise<StoredResult> {
    const result: StoredResult = {
      lease,
      stage: 'committed',
      files: performed.files.map((made) => made.file),
      renderSeconds: performed.renderSeconds,
      peakMemoryBytes: performed.peakMemoryBytes,
    }
    const folder = this.#folderOf(lease)
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      for (const made of performed.files) await rename(made.path, join(folder, made.file.name))
      await this.#write(result)
    } catch (error) {
      await rm(folder, { recursive: true, force: true })
      throw error
    }
    return result
  }

  async update(result: StoredResult): Promise<void> {
    await this.#write(result)
  }

  pathOf(lease: LeaseRef, fileName: string): string {
    return join(this.#folderOf(lease), fileName)
  }

  async remove(lease: LeaseRef): Promise<void> {
    await rm(this.#folderOf(lease), { recursive: true, force: true })
  }

  async #write(result: StoredResult): Promise<void> {
    const path = join(this.#folderOf(result.lease), RECORD)
    const file = await open(`${path}.new`, 'w', 0o600)
    try {
      await file.writeFile(JSON.stringify(result))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(`${path}.new`, path)
  }

  #folderOf(lease: LeaseRef): string {
    return join(this.#folder, leaseKey(lease))
  }
}

/** The record in a folder if it is one and all its files are there in full length. */
async function readResult(folder: string): Promise<StoredResult | undefined> {
  const text = await readFile(join(folder, RECORD), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const parsed = StoredResult.safeParse(parseJson(text))
  if (!parsed.success) return undefined
  for (const file of parsed.data.files) {
    const found = await stat(join(folder, file.name)).catch(() => undefined)
    if (found?.size !== file.bytes) return undefined
  }
  return parsed.data
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
