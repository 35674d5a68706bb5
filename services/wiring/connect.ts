import { createHmac } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Redis } from 'ioredis'
import { bullWorkQueue } from '../../shared/adapters/bullmq/work-queue.ts'
import { DirectoryObjectStore } from '../../shared/adapters/object-store/directory.ts'
import { S3ObjectStore } from '../../shared/adapters/object-store/s3.ts'
import { redisBulletin } from '../../shared/adapters/redis/bulletin.ts'
import { redisFarmStore } from '../../shared/adapters/redis/farm-store.ts'
import { connectRedis } from '../../shared/adapters/redis/link.ts'
import { FarmClock } from '../../shared/adapters/system/clock.ts'
import { SystemRandom } from '../../shared/adapters/system/random.ts'
import { pause } from '../../shared/adapters/system/timers.ts'
import { ENGINE_TIMES, type Engine } from '../../shared/engine/context.ts'
import { journalToken } from '../../shared/engine/journal/farm-journal.ts'
import { beginFarm } from '../../shared/engine/recovery/farm-term.ts'
import { FarmStateLost, type FarmStore } from '../../shared/ports/farm-store.ts'
import type { Logger } from '../../shared/ports/core.ts'
import type { ObjectStore } from '../../shared/ports/object-store.ts'
import type { FarmConfig } from './config.ts'
import { type Scope, tokenHash } from './tokens.ts'

const BEGIN_TRIES = 20
const BEGIN_PAUSE_MS = 250

export interface Connections {
  readonly engine: Engine
  readonly redis: Redis
  /** Set when a folder is the object store: its signed addresses must be served. */
  readonly directory: { store: DirectoryObjectStore; signingSecret: Uint8Array } | null
  close(): Promise<void>
}

/**
 * Connects one process to its farm: state, queues, bytes, clock. Throws when Redis or the object store cannot be
 * reached, or Redis has lost the farm.
 */
export async function connectFarm(config: FarmConfig, log: Logger, publicUrl: () => string): Promise<Connections> {
  const redis = connectRedis(config.REDIS_URL, { log })
  const store = redisFarmStore(redis)
  const clock = new FarmClock(store, { log })
  await clock.start()
  const queue = bullWorkQueue({ redisUrl: config.REDIS_URL, log })
  const bulletin = redisBulletin(redis, { log })
  const { objects, directory } = await openObjects(config, () => clock.now(), publicUrl)
  await objects.check()
  await standsOpen({ store, objects, clock })
  await putTokens(store, objects, config)
  const times = {
    ...ENGINE_TIMES,
    leaseMs: config.TILEWORK_LEASE_SECONDS * 1000,
    heartbeatMs: config.TILEWORK_HEARTBEAT_SECONDS * 1000,
    noProgressMs: config.TILEWORK_NO_PROGRESS_SECONDS * 1000,
  }
  return {
    engine: {
      store,
      queue,
      bulletin,
      objects,
      clock,
      random: new SystemRandom(),
      log,
      secret: config.TILEWORK_SECRET,
      times,
    },
    redis,
    directory,
    async close() {
      await clock.stop()
      await queue.close()
      await objects.close()
      redis.disconnect()
    },
  }
}

/** Of several services that start with a new farm one begins it, and the others find it half begun for a moment. */
async function standsOpen(farm: Parameters<typeof beginFarm>[0]): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await beginFarm(farm)
    } catch (error) {
      if (!(error instanceof FarmStateLost) || tries === BEGIN_TRIES) throw error
      await pause(BEGIN_PAUSE_MS)
    }
  }
}

export async function openObjects(
  config: FarmConfig,
  nowMs: () => number,
  publicUrl: () => string,
): Promise<{ objects: ObjectStore; directory: Connections['directory'] }> {
  if (config.TILEWORK_STORE_DIR !== undefined) {
    const root = resolve(config.TILEWORK_STORE_DIR)
    await mkdir(root, { recursive: true })
    const signingSecret = createHmac('sha256', config.TILEWORK_SECRET)
      .update('signed addresses of the folder store')
      .digest()
    const store = new DirectoryObjectStore({ root, signingSecret, publicUrl, nowMs })
    return { objects: store, directory: { store, signingSecret } }
  }
  if (config.S3_BUCKET === undefined) throw new Error('neither bucket nor folder')
  const store = new S3ObjectStore({
    bucket: config.S3_BUCKET,
    region: config.S3_REGION,
    forcePathStyle: config.S3_FORCE_PATH_STYLE,
    nowMs,
    sleep: (durationMs, signal) => pause(durationMs, signal === undefined ? {} : { signal }),
    ...(config.S3_ENDPOINT === undefined ? {} : { endpoint: config.S3_ENDPOINT }),
    ...(config.S3_PUBLIC_ENDPOINT === undefined ? {} : { publicEndpoint: config.S3_PUBLIC_ENDPOINT }),
    ...(config.S3_ACCESS_KEY_ID === undefined || config.S3_SECRET_ACCESS_KEY === undefined
      ? {}
      : { credentials: { accessKeyId: config.S3_ACCESS_KEY_ID, secretAccessKey: config.S3_SECRET_ACCESS_KEY } }),
  })
  return { objects: store, directory: null }
}

/** Tokens of the environment become known to the farm by their hashes. */
async function putTokens(store: FarmStore, objects: ObjectStore, config: FarmConfig): Promise<void> {
  const groups: readonly { tokens: FarmConfig['TILEWORK_API_TOKENS']; scopes: Scope[] }[] = [
    { tokens: config.TILEWORK_API_TOKENS, scopes: ['user'] },
    { tokens: config.TILEWORK_WORKER_TOKENS, scopes: ['worker'] },
    { tokens: config.TILEWORK_ANCHOR_TOKENS, scopes: ['worker', 'anchor'] },
    { tokens: config.TILEWORK_ADMIN_TOKENS, scopes: ['user', 'admin'] },
  ]
  for (const { tokens, scopes } of groups) {
    for (const { name, token } of tokens) {
      const sha256 = tokenHash(token)
      await journalToken(objects, { sha256, name, scopes })
      await store.putToken(sha256, { name, scopes })
    }
  }
}
