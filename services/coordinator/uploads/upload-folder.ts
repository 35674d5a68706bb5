/*
 * The files behind /v1/uploads: `<id>` holds the bytes so far, `<id>.json` what its sender said of it, `<id>.scene` the
 * hash of the scene it became. That last one outlives the bytes: a client whose connection broke at the last moment
 * still learns that all went well. Whatever has not been touched for the life of an upload is swept away.
 */
import { createWriteStream } from 'node:fs'
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { FileStore } from '@tus/file-store'
import { Upload } from '@tus/server'
import { z } from 'zod'
import { Sha256, UploadId } from '../../../shared/protocol/ids.ts'
import { diskOutage } from './disk-outage.ts'

const Outcome = z.strictObject({ sha256: Sha256, bytes: z.int().min(0), owner: z.string() })
export type Outcome = z.infer<typeof Outcome>

/** What an unfinished upload says of itself; the names are those of the library that writes the file. */
const Sidecar = z.object({ metadata: z.record(z.string(), z.string().nullable()).optional() })

/** Keeps uploads in a folder of this process. */
export class UploadFolder extends FileStore {
  override extensions = ['creation', 'creation-with-upload', 'creation-defer-length', 'termination', 'expiration']

  constructor(directory: string, lifeMs: number) {
    super({ directory, expirationPeriodInMilliseconds: lifeMs })
  }

  async prepare(): Promise<void> {
    await mkdir(this.directory, { recursive: true })
  }

  pathOf(id: UploadId): string {
    return join(this.directory, id)
  }

  /** Appends to the file; what came before a cut stays. */
  override async write(source: Readable, id: string, offset: number): Promise<number> {
    if ((await this.outcome(UploadId.parse(id))) !== null) return offset
    const target = createWriteStream(this.pathOf(UploadId.parse(id)), { flags: 'r+', start: offset })
    try {
      await pipeline(source, target)
    } catch (error) {
      throw diskOutage(error)
    }
    return offset + target.bytesWritten
  }

  override async getUpload(id: string): Promise<Upload> {
    const outcome = await this.outcome(UploadId.parse(id))
    if (outcome === null) return super.getUpload(id)
    return new Upload({ id, size: outcome.bytes, offset: outcome.bytes, metadata: { owner: outcome.owner } })
  }

  override async remove(id: string): Promise<void> {
    await this.discard(UploadId.parse(id))
  }

  /** Removes all of an upload. One that is not there is fine. */
  async discard(id: UploadId): Promise<void> {
    await Promise.all(['', '.json', '.scene'].map((ending) => rm(this.pathOf(id) + ending, { force: true })))
  }

  /** The scene that an upload became, or null. */
  async outcome(id: UploadId): Promise<Outcome | null> {
    const text = await readOrNull(`${this.pathOf(id)}.scene`)
    return text === null ? null : Outcome.parse(JSON.parse(text))
  }

  /** Writes down what an upload became, whole or not at all, and lets its bytes go. */
  async conclude(id: UploadId, outcome: Outcome): Promise<void> {
    await writeFile(`${this.pathOf(id)}.part`, JSON.stringify(outcome))
    await rename(`${this.pathOf(id)}.part`, `${this.pathOf(id)}.scene`)
    await Promise.all(['', '.json'].map((ending) => rm(this.pathOf(id) + ending, { force: true })))
  }

  /** Whose each unfinished upload is; null where nobody can tell. */
  async owners(): Promise<(string | null)[]> {
    const sidecars = (await readdir(this.directory)).filter((name) => name.endsWith('.json'))
    return Promise.all(sidecars.map((name) => this.ownerIn(name)))
  }

  /** Removes what has not been touched for the life of an upload; `nowMs` by the clock of this machine's files. */
  async sweep(nowMs: number): Promise<number> {
    let removed = 0
    for (const name of await readdir(this.directory)) {
      const path = join(this.directory, name)
      const touchedMs = (await statOrNull(path))?.mtimeMs
      if (touchedMs === undefined || nowMs - touchedMs <= this.expirationPeriodInMilliseconds) continue
      await rm(path, { force: true })
      removed++
    }
    return removed
  }

  private async ownerIn(name: string): Promise<string | null> {
    const text = await readOrNull(join(this.directory, name))
    if (text === null) return null
    try {
      return Sidecar.parse(JSON.parse(text)).metadata?.['owner'] ?? null
    } catch {
      // Half-written by a process that died; the sweep takes it.
      return null
    }
  }
}

async function readOrNull(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(nullIfGone)
}

async function statOrNull(path: string): Promise<{ mtimeMs: number } | null> {
  return stat(path).catch(nullIfGone)
}

function nullIfGone(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
  throw error
}
