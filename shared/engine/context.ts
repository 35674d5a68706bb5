import type { Clock, Logger, Random } from '../ports/core.ts'
import type { FarmStore } from '../ports/farm-store.ts'
import type { ObjectStore } from '../ports/object-store.ts'
import type { Bulletin, WorkQueue } from '../ports/work-queue.ts'

/** Durations that an operator may change, in milliseconds. */
export interface EngineTimes {
  /** A lease that is not renewed for this long is over. Three heartbeats, so that one lost message costs nothing. */
  readonly leaseMs: number
  readonly heartbeatMs: number
  /** Rendering without any sign of progress for this long is given up by the worker itself. */
  readonly noProgressMs: number
  /** How long a signed URL is good: an upload of 8 GiB over 20 Mbit/s takes an hour. */
  readonly urlTtlMs: number
}

export const ENGINE_TIMES: EngineTimes = {
  leaseMs: 45_000,
  heartbeatMs: 15_000,
  noProgressMs: 30 * 60_000,
  urlTtlMs: 2 * 3600_000,
}

/** What every part of the engine needs of the world; made once in a main.ts and handed down as first argument. */
export interface Engine {
  readonly store: FarmStore
  readonly queue: WorkQueue
  readonly bulletin: Bulletin
  readonly objects: ObjectStore
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Known to this farm's own processes only; audits are drawn with it. */
  readonly secret: string
  readonly times: EngineTimes
}
