export interface BackoffSchedule {
  /** Ceiling of the first delay. */
  readonly baseMs: number
  /** No delay is longer. */
  readonly capMs: number
}

/**
 * Half a second hides a restart of the coordinator; 30 s keep a farm of thousands below its connection rate while it is
 * away.
 */
export const RECONNECT_BACKOFF: BackoffSchedule = { baseMs: 500, capMs: 30_000 }

/**
 * The wait before try number `tryNumber` (from 0), in ms: exponential with full jitter, so that a thousand workers that
 * lost the same coordinator do not come back at the same moment. `random` is 0 <= random < 1.
 */
export function backoffDelayMs(tryNumber: number, schedule: BackoffSchedule, random: number): number {
  const ceilingMs = Math.min(schedule.capMs, schedule.baseMs * 2 ** Math.min(tryNumber, 30))
  return Math.floor(random * ceilingMs)
}

/** The wait after the coordinator said that it is overloaded: between half of the cap and the cap. */
export function overloadedDelayMs(schedule: BackoffSchedule, random: number): number {
  return Math.floor((schedule.capMs / 2) * (1 + random))
}
