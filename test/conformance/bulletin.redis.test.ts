import pino from 'pino'
import { expect, it, vi } from 'vitest'
import { redisBulletin } from '../../shared/adapters/redis/bulletin.ts'
import { redisKeys } from '../../shared/adapters/redis/keys.ts'
import type { Notice } from '../../shared/ports/work-queue.ts'
import { useRedis } from '../support/redis.ts'
import { aJobId } from './farm-store-records.ts'
import { bulletinSuite } from './bulletin.ts'

const server = useRedis()
const log = pino({ level: 'silent' })
const notice: Notice = { type: 'work_waiting', jobId: aJobId(1) }

bulletinSuite('Redis', () => {
  const prefix = server.prefix()
  return { here: redisBulletin(server.redis, { log, prefix }), there: redisBulletin(server.redis, { log, prefix }) }
})

it('passes over what is no notice of this version', async () => {
  const prefix = server.prefix()
  const bulletin = redisBulletin(server.redis, { log, prefix })
  const heard: Notice[] = []
  const end = await bulletin.subscribe((one) => heard.push(one))
  for (const text of ['not json', '{"type":"of the future"}', '[]', '{"type":"work_waiting","jobId":"x"}'])
    await server.redis.publish(redisKeys(prefix).bulletin, text)
  await bulletin.publish(notice)
  await vi.waitFor(() => expect(heard).toEqual([notice]), 5_000)
  await end()
})

it('listens again after Redis was restarted', async () => {
  const bulletin = redisBulletin(server.redis, { log, prefix: server.prefix() })
  const heard: Notice[] = []
  const end = await bulletin.subscribe((one) => heard.push(one))
  await server.restart()
  await vi.waitFor(async () => {
    await bulletin.publish(notice)
    expect(heard.length).toBeGreaterThan(0)
  }, 10_000)
  await end()
})
