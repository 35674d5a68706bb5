import { WorkFailure } from '../failure.ts'

export interface CacheSpaceOptions {
  readonly bytesMax: number
  /** Frees the disk of an entry; it is no longer counted when this resolves. */
  readonly remove: (key: string) => Promise<void>
  /**
   * Called when only pinned entries stand in the way; some may then be unpinned, at once or later: `isShort` tells
   * whether that is still wanted.
   */
  readonly askForRoom: () => void
}

interface Entry {
  bytes: number
  pins: number
  /** Milliseconds since 1970, moved on where needed so that no two uses are the same; the smallest goes first. */
  lastUsedMs: number
  removing?: Promise<void>
}

/**
 * The bookkeeping of the cache, whose entries are known by keys of any kind: who occupies how much, who is in use, who
 * has to go.
 */
export class CacheSpace {
  readonly #options: CacheSpaceOptions
  readonly #entries = new Map<string, Entry>()
  #changed: PromiseWithResolvers<void> = withResolvers()
  #bytes = 0
  #lastUsedMs = 0
  #waiting = 0

  constructor(options: CacheSpaceOptions) {
    this.#options = options
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Whether somebody waits until entries in use are unpinned. */
  get isShort(): boolean {
    return this.#waiting > 0
  }

  /** Counts what is on disk already. */
  adopt(key: string, bytes: number, lastUsedMs: number): void {
    this.#bytes += bytes - (this.#entries.get(key)?.bytes ?? 0)
    this.#entries.set(key, { bytes, pins: 0, lastUsedMs })
    this.#lastUsedMs = Math.max(this.#lastUsedMs, lastUsedMs)
  }

  /** Keeps an entry, new or old, from being removed until `unpin`. */
  async pin(key: string): Promise<void> {
    for (let entry = this.#entries.get(key); entry?.removing !== undefined; entry = this.#entries.get(key))
      await entry.removing
    const entry = this.#entries.get(key)
    if (entry === undefined) this.#entries.set(key, { bytes: 0, pins: 1, lastUsedMs: this.#now() })
    else entry.pins++
  }

  /** One pin more on an entry that has one. */
  pinAgain(key: string): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined) entry.pins++
  }

  unpin(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    entry.pins--
    if (entry.pins === 0 && entry.bytes === 0) this.#entries.delete(key)
    this.#wake()
  }

  /** Notes a use, and gives the time under which it is noted. */
  touch(key: string): number {
    const entry = this.#entries.get(key)
    const lastUsedMs = this.#now()
    if (entry !== undefined) entry.lastUsedMs = lastUsedMs
    return lastUsedMs
  }

  /** Sets what a pinned entry occupies to what is really there. */
  settle(key: string, bytes: number): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined) this.#count(entry, bytes)
    this.#wake()
  }

  /**
   * Makes a pinned entry occupy `bytes`, removing others as far as needed and waiting for those in use. Throws
   * WorkFailure `disk_full` when it is larger than the whole cache; rejects with the signal's reason when aborted.
   */
  async reserve(key: string, bytes: number, signal: AbortSignal): Promise<void> {
    const { bytesMax, askForRoom } = this.#options
    if (bytes > bytesMax) {
      throw new WorkFailure(
        'disk_full',
        `the scene needs ${bytes} bytes in the scene cache, which is limited to ${bytesMax} bytes on this worker`,
      )
    }
    for (;;) {
      signal.throwIfAborted()
      const entry = this.#entries.get(key)
      if (entry === undefined) throw new Error('only a pinned entry can reserve room')
      if (this.bytes - entry.bytes + bytes <= bytesMax) {
        this.#count(entry, bytes)
        return
      }
      if (await this.#removeOne()) continue
      const changed = this.#changed.promise
      askForRoom()
      this.#waiting++
      await untilAborted(changed, signal).finally(() => this.#waiting--)
    }
  }

  async #removeOne(): Promise<boolean> {
    let oldest: [string, Entry] | undefined
    for (const [key, entry] of this.#entries) {
      if (
        entry.pins === 0 &&
        entry.removing === undefined &&
        (oldest === undefined || entry.lastUsedMs < oldest[1].lastUsedMs)
      )
        oldest = [key, entry]
    }
    if (oldest === undefined) return false
    const [key, entry] = oldest
    entry.removing = this.#options.remove(key).finally(() => {
      this.#count(entry, 0)
      this.#entries.delete(key)
      this.#wake()
    })
    await entry.removing
    return true
  }

  #count(entry: Entry, bytes: number): void {
    this.#bytes += bytes - entry.bytes
    entry.bytes = bytes
  }

  #now(): number {
    this.#lastUsedMs = Math.max(Date.now(), Math.floor(this.#lastUsedMs) + 1)
    return this.#lastUsedMs
  }

  #wake(): void {
    this.#changed.resolve()
    this.#changed = withResolvers()
  }
}

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
}

function withResolvers(): PromiseWithResolvers<void> {
  let resolve: (() => void) | undefined
  const promise = new Promise<void>((settle) => (resolve = settle))
  return { promise, resolve: () => resolve?.() }
}

async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  let abort = (): void => undefined
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
  })
  try {
    await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
