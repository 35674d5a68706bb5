import type { Logger } from 'pino'

/** The farm's one clock: milliseconds since 1970 as the farm store tells the time, the same in every process. */
export interface Clock {
  now(): number
}

export interface Random {
  /** 0 <= x < 1 */
  float(): number
  bytes(count: number): Uint8Array
}

export type { Logger }
