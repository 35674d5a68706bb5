import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll } from 'vitest'
import { redisKeys } from '../../shared/adapters/redis/keys.ts'
import { connectRedis } from '../../shared/adapters/redis/link.ts'
import { startRedisServer } from '../../shared/adapters/redis/server.ts'
import type { RedisServer } from '../../shared/adapters/redis/server.ts'

export interface TestRedis {
  readonly url: string
  /** A connection that lives as long as the test file. */
  readonly redis: Redis
  /** A key prefix that no other test has, with an open farm. */
  prefix(): string
  /** Every key that begins with the prefix, that of the farm itself left out. */
  keys(prefix: string): Promise<string[]>
  /** Ends the server as a power cut would, and starts it on the same append-only file. */
  restart(): Promise<void>
  kill(): Promise<void>
  /**
   * Stops the server from doing anything, without an end of its connections, until the function that this gives is
   * called.
   */
  freeze(): () => void
  start(): Promise<void>
}

/** A real redis-server for the tests of this file, in a folder of its own that goes away with it. */
export function useRedis(): TestRedis {
  let folder = ''
  let server: RedisServer | undefined
  let redis: Redis | undefined
  let prefixes = 0

  async function start() {
    server = await startRedisServer({ folder })
  }
  function running(): RedisServer {
    if (server === undefined) throw new Error('the test redis is there once beforeAll has run')
    return server
  }
  async function kill() {
    process.kill(running().pid, 'SIGKILL')
    await running().ended
  }
  function opened(): Redis {
    if (redis === undefined) throw new Error('the test redis is there once beforeAll has run')
    return redis
  }
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tilework-redis-'))
    await start()
    redis = connectRedis(join(folder, 'redis.sock'))
    await once(redis, 'ready')
  })
  afterAll(async () => {
    redis?.disconnect()
    await server?.stop()
    await rm(folder, { recursive: true, force: true })
  })
  return {
    get url() {
      return join(folder, 'redis.sock')
    },
    get redis() {
      return opened()
    },
    prefix() {
      const { farm } = redisKeys(`t${++prefixes}`)
      // What is sent on this connection later comes later; where there is no server now, the test wants none.
      opened()
        .set(farm, '1')
        .catch(() => undefined)
      return `t${prefixes}`
    },
    keys: async (prefix) => (await opened().keys(`${prefix}:*`)).filter((key) => key !== redisKeys(prefix).farm).sort(),
    start,
    kill,
    freeze() {
      const { pid } = running()
      process.kill(pid, 'SIGSTOP')
      return () => process.kill(pid, 'SIGCONT')
    },
    async restart() {
      await kill()
      await start()
    },
  }
}
