/** Failures in a row by a worker's own fault after which it rests: one or two may be bad luck, or one bad task. */
export const FAILURES_BEFORE_REST = 3
/** The first rest, in ms; each further failure doubles it. */
export const REST_MS = 5_000
/** The longest rest, in ms. */
export const REST_MAX_MS = 300_000

/**
 * Lets a worker rest that fails one task after the other. A broken machine fails quickly, so it would come back for the next task
 * before anybody else, and use up a try of each. What it hands in and is accepted ends that.
 */
export class WorkerRest {
  #inARow = 0
  #until = 0

  /** Gives how long it rests now, in ms; 0 when it does not. */
  failed(now: number): number {
    this.#inARow += 1
    if (this.#inARow < FAILURES_BEFORE_REST) return 0
    const restMs = Math.min(REST_MAX_MS, REST_MS * 2 ** (this.#inARow - FAILURES_BEFORE_REST))
    this.#until = now + restMs
    return restMs
  }

  succeeded(): void {
    this.#inARow = 0
    this.#until = 0
  }

  /** When its rest is over, in ms since 1970; undefined when it does not rest. */
  until(now: number): number | undefined {
    return this.#until > now ? this.#until : undefined
  }
}
