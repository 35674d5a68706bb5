import type { Logger } from 'pino'
import type { FarmStore } from '../../shared/ports/farm-store.ts'
import type { ObjectStore } from '../../shared/ports/object-store.ts'
import type { SceneReader } from '../../shared/ports/scene-reader.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import type { FarmActions } from './farm-actions.ts'

/** All that the REST side is made of. */
export interface AppDependencies {
  readonly farm: FarmActions
  readonly store: FarmStore
  readonly objects: ObjectStore
  readonly scenes: SceneReader
  readonly log: Logger
  /** A folder of this process alone; what arrives waits in it until it is stored. */
  readonly dataDir: string
  /** Of the program, for people. */
  readonly version: string
  readonly limits?: Partial<HttpLimits>
  /** True behind a proxy that sets X-Forwarded-For; otherwise anybody could choose the address that is counted. */
  readonly trustProxy?: boolean
  /** Read at each scrape of /metrics. */
  readonly metrics?: () => Promise<readonly FarmGauge[]>
}

/** A number that the farm shows in /metrics, once for each set of labels. */
export interface FarmGauge {
  /** As Prometheus wants it: `tilework_tasks_queued`. */
  readonly name: string
  readonly help: string
  readonly values: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[]
}

export interface HttpLimits {
  readonly sceneBytesMax: number
  readonly restBodyBytesMax: number
  /**
   * From one address. A dashboard asks once a second and a CLI twice; this leaves room for dozens behind one router.
   */
  readonly requestsPerMinuteMax: number
  /** A resumable upload that was not finished in this time after it began is removed. */
  readonly uploadLifeMs: number
  /** Unfinished uploads of one owner: what one artist may keep lying about. */
  readonly uploadsPerOwnerMax: number
  /** The same of all owners. */
  readonly uploadsUnfinishedMax: number
  /** How often expired uploads are looked for. */
  readonly uploadSweepMs: number
  /** Forms, and parts of resumable uploads, that arrive at the same time: what one disk can write without crawling. */
  readonly uploadsAtOnceMax: number
  /** A connection on which nothing moves is cut. Storing 16 GiB in a slow object store takes minutes, in silence. */
  readonly silenceMsMax: number
}

const HTTP_LIMITS: HttpLimits = {
  sceneBytesMax: LIMITS.sceneBytesMax,
  restBodyBytesMax: LIMITS.restBodyBytesMax,
  requestsPerMinuteMax: 6_000,
  uploadLifeMs: 24 * 3600 * 1000,
  uploadsPerOwnerMax: 32,
  uploadsUnfinishedMax: LIMITS.uploadsUnfinishedMax,
  uploadSweepMs: 3600 * 1000,
  uploadsAtOnceMax: 64,
  silenceMsMax: 15 * 60 * 1000,
}

export function httpLimits(deps: Pick<AppDependencies, 'limits'>): HttpLimits {
  return { ...HTTP_LIMITS, ...deps.limits }
}
