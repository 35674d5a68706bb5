import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { redisFarmStore } from '../../shared/adapters/redis/farm-store.ts'
import { connectRedis } from '../../shared/adapters/redis/link.ts'
import { startRedisServer } from '../../shared/adapters/redis/server.ts'
import { FarmClock } from '../../shared/adapters/system/clock.ts'
import { type Progress, recoverFarm, type Recovery } from '../../shared/engine/recovery/recover-farm.ts'
import type { Refusal } from '../../shared/protocol/errors.ts'
import { readConfig } from '../wiring/config.ts'
import { openObjects } from '../wiring/connect.ts'
import { lockFolder } from '../wiring/lock.ts'
import { makeLog } from '../wiring/process.ts'

export interface RecoverOptions {
  /** `s3://bucket` or a folder; what the environment names where this is absent. */
  readonly from?: string | undefined
  /** Of a farm that keeps its own Redis, when the environment names none. */
  readonly dataDir: string
  readonly signal: AbortSignal
  onProgress(progress: Progress): void
}

/**
 * Rebuilds an empty Redis from the object store. Where the environment names no Redis it is the one of a farm on this
 * machine, which must not run meanwhile. Throws ConfigInvalid, FolderInUse, and what cannot be reached.
 */
export async function recover(
  env: Readonly<Record<string, string | undefined>>,
  options: RecoverOptions,
): Promise<Recovery | Refusal> {
  const dataDir = resolve(options.dataDir)
  const own = (env['REDIS_URL'] ?? '') === ''
  if (own) await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const unlock = own ? await lockFolder(dataDir) : null
  const server = own ? await startRedisServer({ folder: join(dataDir, 'redis') }) : null
  try {
    const config = readConfig({
      // Nothing is drawn or signed here.
      TILEWORK_SECRET: '-'.repeat(32),
      ...env,
      ...(server === null ? {} : { REDIS_URL: server.url }),
      ...storeOf(options.from, env, own ? dataDir : null),
    })
    const log = makeLog({ LOG_LEVEL: 'warn' }, 'recover')
    const redis = connectRedis(config.REDIS_URL, { log })
    const store = redisFarmStore(redis)
    const clock = new FarmClock(store, { log })
    await clock.start()
    const { objects } = await openObjects(
      config,
      () => clock.now(),
      () => '',
    )
    try {
      return await recoverFarm({ store, objects, clock }, options)
    } finally {
      await clock.stop()
      await objects.close()
      redis.disconnect()
    }
  } finally {
    await server?.stop()
    await unlock?.()
  }
}

function storeOf(
  from: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  ownDir: string | null,
): Record<string, string | undefined> {
  if (from?.startsWith('s3://') === true)
    return { S3_BUCKET: from.slice('s3://'.length).replace(/\/$/, ''), TILEWORK_STORE_DIR: undefined }
  if (from !== undefined) return { S3_BUCKET: undefined, TILEWORK_STORE_DIR: from }
  const named = (env['S3_BUCKET'] ?? '') !== '' || (env['TILEWORK_STORE_DIR'] ?? '') !== ''
  return ownDir !== null && !named ? { TILEWORK_STORE_DIR: join(ownDir, 'objects') } : {}
}
