import { farmStoreSuite } from './farm-store.ts'
import { listsSuite } from './farm-store-lists.ts'
import { farmTermSuite } from './farm-store-term.ts'
import { workersSuite } from './farm-store-workers.ts'
import { redisKeys } from '../../shared/adapters/redis/keys.ts'
import { redisFarmStore } from '../../shared/adapters/redis/farm-store.ts'
import { useRedis } from '../support/redis.ts'

const server = useRedis()

function open() {
  const prefix = server.prefix()
  const store = redisFarmStore(server.redis, { prefix })
  /** Redis's own clock is the one: wait until it has gone on, by asking it. */
  const advance = async (ms: number) => {
    const until = (await store.time()) + ms
    while ((await store.time()) < until) continue
  }
  const empty = async () => void (await server.redis.unlink(redisKeys(prefix).farm, ...(await server.keys(prefix))))
  return { store, advance, empty }
}

farmStoreSuite('Redis', open)
listsSuite('Redis', open)
workersSuite('Redis', open)
farmTermSuite('Redis', open)
