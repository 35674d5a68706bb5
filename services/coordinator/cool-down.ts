/**
 * Failures in a row by a worker's own fault after which it must cool down: one or two may be bad luck, or one bad task.
 */
export const FAILURES_BEFORE_COOL_DOWN = 3
/** The first time, in ms; each further failure doubles it. */
export const COOL_DOWN_MS = 5_000
/** The longest time, in ms. */
export const COOL_DOWN_MAX_MS = 300_000

/**
 * Keeps a worker without tasks for a while that fails one after the other. A broken machine fails quickly, so it would
 * come back for the next task before anybody else, and use up a try of each. What it hands in and is accepted ends
 * that.
 */
export class CoolDown {
  #inARow = 0
  #until = 0

  /** Gives how long it must cool down now, in ms; 0 when it need not. */
  failed(now: number): number {
    this.#inARow += 1
    if (this.#inARow < FAILURES_BEFORE_COOL_DOWN) return 0
    const coolDownMs = Math.min(COOL_DOWN_MAX_MS, COOL_DOWN_MS * 2 ** (this.#inARow - FAILURES_BEFORE_COOL_DOWN))
    this.#until = now + coolDownMs
    return coolDownMs
  }

  succeeded(): void {
    this.#inARow = 0
    this.#until = 0
  }

  /** When that is over, in ms since 1970; undefined when it may have tasks. */
  until(now: number): number | undefined {
    return this.#until > now ? this.#until : undefined
  }
}
