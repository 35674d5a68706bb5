/*
 * The farm has one clock: the time of the farm store. Between two samples of it the local monotonic clock carries on,
 * so that asking for the time costs nothing, and a wall clock that is set wrong on one machine harms nobody.
 */
import type { Clock, Logger } from '../../ports/core.ts'
import type { FarmStore } from '../../ports/farm-store.ts'
import { pause } from './timers.ts'

/** The clock of this machine; never goes backwards. For tools and tests that have no farm store. */
export class SystemClock implements Clock {
  #last = 0
  now(): number {
    this.#last = Math.max(this.#last, Date.now())
    return this.#last
  }
}

/**
 * How often the store is asked, in ms: quartz drifts by about 0.05 ms per second, so it is never off by more than a ms
 * or so.
 */
const SAMPLE_PAUSE_MS = 10_000

/**
 * An answer within this, in ms, tells the time well enough: it is off by half of it, a hundredth of the shortest lease.
 */
const GOOD_ANSWER_MS = 200
const SAMPLE_TRIES_MAX = 3

export class FarmClock implements Clock {
  readonly #store: Pick<FarmStore, 'time'>
  readonly #monotonicMs: () => number
  readonly #log: Pick<Logger, 'warn'> | undefined
  readonly #stopping = new AbortController()
  #offsetMs: number | null = null
  #last = 0
  #sampling: Promise<void> = Promise.resolve()

  constructor(
    store: Pick<FarmStore, 'time'>,
    options: { log?: Pick<Logger, 'warn'>; monotonicMs?: () => number } = {},
  ) {
    this.#store = store
    this.#log = options.log
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now())
  }

  /** Resolves once the first sample is there; throws FarmStoreUnavailable if the store cannot be reached. */
  async start(samplePauseMs: number = SAMPLE_PAUSE_MS): Promise<void> {
    await this.sample()
    this.#sampling = this.#keepSampling(samplePauseMs)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#sampling
  }

  /** Milliseconds since 1970; never less than it gave before. Throws before `start`. */
  now(): number {
    if (this.#offsetMs === null) throw new Error('the farm clock was asked before it was started')
    this.#last = Math.max(this.#last, Math.floor(this.#monotonicMs() + this.#offsetMs))
    return this.#last
  }

  /**
   * Asks the store. It told its time somewhere between asking and answer; the middle is off by half of that at most. An
   * answer that took long (this process stood still meanwhile, say) would put the clock wrong by as much, and leases
   * would end too early: it is asked for again, and the quickest of some counts.
   */
  async sample(): Promise<void> {
    let quickestMs = Infinity
    for (let tries = 0; tries < SAMPLE_TRIES_MAX && quickestMs > GOOD_ANSWER_MS; tries++) {
      const askedAt = this.#monotonicMs()
      const time = await this.#store.time()
      const answeredAt = this.#monotonicMs()
      if (answeredAt - askedAt >= quickestMs) continue
      quickestMs = answeredAt - askedAt
      this.#offsetMs = time - (askedAt + answeredAt) / 2
    }
  }

  async #keepSampling(samplePauseMs: number): Promise<void> {
    const { signal } = this.#stopping
    for (;;) {
      await pause(samplePauseMs, { signal, background: true })
      if (signal.aborted) return
      try {
        await this.sample()
      } catch (error) {
        this.#log?.warn(
          { error: error instanceof Error ? error.message : String(error) },
          'farm clock runs on without the store',
        )
      }
    }
  }
}
