import { createHash } from 'node:crypto'

/** What happened, in order: always as a hash, and as lines when somebody wants to read them. */
export class Trace {
  readonly lines: string[] = []
  readonly #keep: boolean
  readonly #hash = createHash('sha256')
  readonly #startedAt: number
  #now: () => number
  #count = 0

  constructor(options: { keep: boolean; now: () => number }) {
    this.#keep = options.keep
    this.#now = options.now
    this.#startedAt = options.now()
  }

  /** `who` did or met `what`. */
  record(who: string, what: string): void {
    this.#count += 1
    const at = this.#now() - this.#startedAt
    this.#hash.update(`${at} ${who} ${what}\n`)
    if (this.#keep) this.lines.push(`${(at / 1000).toFixed(3).padStart(9)} s  ${who.padEnd(12)} ${what}`)
  }

  /** Only for readers: not part of the hash. */
  remark(who: string, what: () => string): void {
    if (this.#keep)
      this.lines.push(
        `${((this.#now() - this.#startedAt) / 1000).toFixed(3).padStart(9)} s  ${who.padEnd(12)} ${what()}`,
      )
  }

  get count(): number {
    return this.#count
  }

  /** To be asked once, at the end. */
  digest(): string {
    return this.#hash.digest('hex').slice(0, 16)
  }
}
