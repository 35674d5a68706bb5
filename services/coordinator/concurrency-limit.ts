/** Lets so much work run at a time; the rest waits in order. Whoever calls bounds how much that can be. */
export class ConcurrencyLimit {
  readonly #atOnceMax: number
  readonly #waiting: (() => void)[] = []
  #inside = 0

  constructor(atOnceMax: number) {
    this.#atOnceMax = atOnceMax
  }

  async run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#inside >= this.#atOnceMax) await new Promise<void>((enter) => this.#waiting.push(enter))
    else this.#inside += 1
    try {
      return await call()
    } finally {
      // Whoever waits longest takes the place over.
      const next = this.#waiting.shift()
      if (next === undefined) this.#inside -= 1
      else next()
    }
  }
}
