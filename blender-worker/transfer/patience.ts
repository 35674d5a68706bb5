import { setTimeout as wait } from 'node:timers/promises'
import { backoffDelayMs, type BackoffSchedule } from '../session/backoff.ts'

/** How long a transfer keeps trying. */
export interface Patience {
  readonly backoff: BackoffSchedule
  /** Tries in a row that brought nothing, after which a transfer gives up. */
  readonly fruitlessTriesMax: number
  /** Silence on an open connection after which it counts as cut. */
  readonly stallMs: number
  /** 0 <= random() < 1 */
  readonly random: () => number
}

/**
 * Eight tries with waits of up to 30 s ride out about a minute without network; longer than that, another worker is
 * faster.
 */
export const TRANSFER_PATIENCE = {
  backoff: { baseMs: 500, capMs: 30_000 },
  fruitlessTriesMax: 8,
  stallMs: 30_000,
} as const

/** Waits as the schedule says before try number `tryNumber` (from 1); rejects when the signal aborts. */
export async function waitBeforeRetry(tryNumber: number, patience: Patience, signal: AbortSignal): Promise<void> {
  await wait(backoffDelayMs(tryNumber, patience.backoff, patience.random()), undefined, { signal })
}

/** Statuses that say "later", not "no". */
export function isPassing(status: number): boolean {
  return status >= 500 || status === 408 || status === 425 || status === 429
}
