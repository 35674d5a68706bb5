import { appendFile, chmod, mkdir, open, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Logger } from 'pino'
import { z } from 'zod'
import type { ProjectFile } from '../../shared/protocol/project.ts'
import { eachAtOnce } from '../each-at-once.ts'
import { errorCode } from '../failure.ts'
import type { CacheSpace } from './cache-space.ts'
import { goneIfMissing, sealOfFile } from './tree-seal.ts'

/** Of all files whose own time does not matter, so that two tasks never see different ones: 2000-01-01. */
const SAME_TIME_SECONDS = 946_684_800
const SEALS = 'seals.jsonl'
const NAME = /^[0-9a-f]{64}(-\d{1,10})?$/
/** In the space of the cache, where scenes are known by their hash alone. */
const KEY_START = 'file:'
const FILES_LOOKED_AT_AT_ONCE = 64

const SealLine = z.strictObject({ name: z.string().regex(NAME), seal: z.string(), bytes: z.int().min(0) })

/** One content, with one time, is one file, whatever it is called in how many projects. */
export function nameOfFile({ sha256, modified }: Pick<ProjectFile, 'sha256' | 'modified'>): string {
  return modified === undefined ? sha256 : `${sha256}-${modified}`
}

/**
 * Files of projects by their content, each stored once, read-only and sealed: a change of a file shows before the next
 * task. They share the room of the scene cache; a file that a held project needs is pinned.
 */
export class FileCache {
  readonly #folder: string
  readonly #space: CacheSpace
  readonly #log: Logger
  /** Of the files that are whole. */
  readonly #seals = new Map<string, string>()

  constructor(folder: string, space: CacheSpace, log: Logger) {
    this.#folder = folder
    this.#space = space
    this.#log = log
  }

  /** Takes over what an earlier run left, as far as it is unchanged; `lastUsedMs` tells when a file was last used. */
  async adopt(lastUsedMs: (name: string) => number): Promise<void> {
    const starts = await readdir(this.#folder, { withFileTypes: true }).catch(noneIfMissing)
    if (starts.length === 0) return
    const noted = await this.#notedSeals()
    const found: string[] = []
    for (const start of starts) if (start.isDirectory()) found.push(...(await readdir(join(this.#folder, start.name))))
    await eachAtOnce(found, FILES_LOOKED_AT_AT_ONCE, async (name) => {
      const note = noted.get(name)
      const seal = note === undefined ? '' : await sealOfFile(this.pathOf(name)).catch(goneIfMissing)
      if (note === undefined || seal !== note.seal) return rm(this.pathOf(name), { recursive: true, force: true })
      this.#seals.set(name, seal)
      this.#space.adopt(KEY_START + name, note.bytes, lastUsedMs(name))
    })
    const kept = [...this.#seals].map(([name, seal]) => lineOf(name, seal, noted.get(name)?.bytes ?? 0))
    await writeFile(join(this.#folder, `${SEALS}.new`), kept.join(''))
    await rename(join(this.#folder, `${SEALS}.new`), join(this.#folder, SEALS))
  }

  pathOf(name: string): string {
    return join(this.#folder, name.slice(0, 2), name)
  }

  /** Keeps those of the files that are here from being removed, and gives the names of those that are not. */
  async pin(names: readonly string[]): Promise<string[]> {
    const lacking: string[] = []
    for (const name of names) {
      await this.#space.pin(KEY_START + name)
      if (this.#seals.has(name)) this.#space.touch(KEY_START + name)
      else {
        this.#space.unpin(KEY_START + name)
        lacking.push(name)
      }
    }
    return lacking
  }

  /** One pin more on files that are pinned. */
  pinAgain(names: readonly string[]): void {
    for (const name of names) this.#space.pinAgain(KEY_START + name)
  }

  unpin(names: readonly string[]): void {
    for (const name of names) this.#space.unpin(KEY_START + name)
  }

  /** Takes a whole, checked file over, and pins it. Its bytes are counted from now on, whether or not there is room. */
  async take(name: string, path: string, { bytes, modified }: Pick<ProjectFile, 'bytes' | 'modified'>): Promise<void> {
    const target = this.pathOf(name)
    await mkdir(dirname(target), { recursive: true, mode: 0o700 })
    const time = modified ?? SAME_TIME_SECONDS
    await utimes(path, time, time)
    await chmod(path, 0o444)
    await rename(path, target)
    const seal = await sealOfFile(target)
    await appendFile(join(this.#folder, SEALS), lineOf(name, seal, bytes))
    await this.#space.pin(KEY_START + name)
    this.#space.settle(KEY_START + name, bytes)
    this.#seals.set(name, seal)
  }

  /** Of several files, as they were put here. */
  sealOf(names: readonly string[]): string {
    return names.map((name) => this.#seals.get(name) ?? '').join('\n')
  }

  /** False when something has changed one of the files; those that changed are removed, to be fetched anew. */
  async intact(names: readonly string[]): Promise<boolean> {
    let isIntact = true
    await eachAtOnce(names, FILES_LOOKED_AT_AT_ONCE, async (name) => {
      const seal = this.#seals.get(name)
      const now = await sealOfFile(this.pathOf(name)).catch(goneIfMissing)
      if (seal !== undefined && now === seal) return
      isIntact = false
      // Somebody else may have seen it first, and it may be whole again.
      if (seal === undefined || this.#seals.get(name) !== seal) return
      this.#log.warn({ file: name }, 'something has written into a cached file; it is fetched anew')
      await this.remove(name)
      this.#space.settle(KEY_START + name, 0)
    })
    return isIntact
  }

  /** Frees the disk of a file. */
  async remove(name: string): Promise<void> {
    this.#seals.delete(name)
    await rm(this.pathOf(name), { recursive: true, force: true })
  }

  /** Frees the disk of what the space of the cache knows by this key; false when it is none of these files. */
  async removeKey(key: string): Promise<boolean> {
    if (!key.startsWith(KEY_START)) return false
    await this.remove(key.slice(KEY_START.length))
    return true
  }

  async #notedSeals(): Promise<Map<string, z.infer<typeof SealLine>>> {
    const noted = new Map<string, z.infer<typeof SealLine>>()
    const text = await readFile(join(this.#folder, SEALS), 'utf8').catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return ''
      throw error
    })
    for (const line of text.split('\n')) {
      const note = SealLine.safeParse(jsonOrNull(line))
      if (note.success) noted.set(note.data.name, note.data)
    }
    return noted
  }
}

/** An empty file: there is nothing to fetch. */
export async function makeEmpty(path: string): Promise<void> {
  await (await open(path, 'w')).close()
}

function lineOf(name: string, seal: string, bytes: number): string {
  return `${JSON.stringify({ name, seal, bytes })}\n`
}

function noneIfMissing(error: unknown): [] {
  if (errorCode(error) !== 'ENOENT') throw error
  return []
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
