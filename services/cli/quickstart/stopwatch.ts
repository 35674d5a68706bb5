/** How long the parts of something took. */
export class Stopwatch {
  private readonly seconds: Map<string, number>

  constructor(before: Readonly<Record<string, number>> = {}) {
    this.seconds = new Map(Object.entries(before))
  }

  /** Does the work and adds its time to a part. */
  async time<T>(part: string, call: () => Promise<T>): Promise<T> {
    const startedMs = performance.now()
    try {
      return await call()
    } finally {
      this.seconds.set(part, (this.seconds.get(part) ?? 0) + (performance.now() - startedMs) / 1000)
    }
  }

  /** `farm start 1.2 s, render 70.1 s`. */
  text(): string {
    return [...this.seconds].map(([part, seconds]) => `${part} ${seconds.toFixed(1)} s`).join(', ')
  }
}
