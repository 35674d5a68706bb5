import { farmStoreSuite } from './farm-store.ts'
import { redisFarmStore } from '../../shared/adapters/redis/farm-store.ts'
import { useRedis } from '../support/redis.ts'

const server = useRedis()

farmStoreSuite('Redis', () => {
  const store = redisFarmStore(server.redis, { prefix: server.prefix() })
  /** Redis's own clock is the one: wait until it has gone on, by asking it. */
  const advance = async (ms: number) => {
    const until = (await store.time()) + ms
    while ((await store.time()) < until) continue
  }
  return { store, advance }
})
