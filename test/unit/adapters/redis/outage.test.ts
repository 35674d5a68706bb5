import { describe, expect, it, vi } from 'vitest'
import pino from 'pino'
import { stepConsumer } from '../../../../shared/adapters/bullmq/step-consumer.ts'
import { bullWorkQueue } from '../../../../shared/adapters/bullmq/work-queue.ts'
import { redisFarmStore } from '../../../../shared/adapters/redis/farm-store.ts'
import { redisKeys } from '../../../../shared/adapters/redis/keys.ts'
import { connectRedis, reach } from '../../../../shared/adapters/redis/link.ts'
import { FarmStoreUnavailable } from '../../../../shared/ports/farm-store.ts'
import { renderTaskId } from '../../../../shared/protocol/ids.ts'
import { NOW, aCommit, aJob, aJobId, aTask, storeJob } from '../../../conformance/farm-store-records.ts'
import { useRedis } from '../../../support/redis.ts'

const server = useRedis()
const R0 = renderTaskId(0)
const log = pino({ level: 'silent' })

describe('a farm store whose Redis goes away', () => {
  it(
    'throws FarmStoreUnavailable meanwhile, and has everything ' + 'again afterwards without being opened anew',
    async () => {
      const store = redisFarmStore(server.redis, { prefix: server.prefix(), connectDeadlineMs: 200 })
      const jobId = await storeJob(store, aJob(1))
      await server.kill()
      await expect(store.job(jobId)).rejects.toBeInstanceOf(FarmStoreUnavailable)
      await expect(store.commit(jobId, aCommit({ counters: { x: 1 } }), NOW)).rejects.toBeInstanceOf(
        FarmStoreUnavailable,
      )
      await expect(store.check()).rejects.toBeInstanceOf(FarmStoreUnavailable)
      await server.start()

      await vi.waitFor(async () => expect(await store.job(jobId)).toEqual({ version: 1, value: aJob(1) }), 5_000)
      // the restarted server knows no script yet
      expect(
        await store.commit(jobId, aCommit({ tasks: [{ id: R0, expected: 1, value: aTask(R0, { epoch: 1 }) }] }), NOW),
      ).toMatchObject({ ok: true })
      expect(await store.counters(jobId)).toEqual({ 'render.queued': 1 })
    },
  )

  it('waits for a Redis that comes back within the deadline', async () => {
    const store = redisFarmStore(server.redis, { prefix: server.prefix(), connectDeadlineMs: 30_000 })
    const jobId = await storeJob(store, aJob(1))
    await server.kill()
    await vi.waitFor(() => expect(server.redis.status).not.toBe('ready'))
    const read = store.job(jobId)
    await server.start()
    expect((await read)?.version).toBe(1)
  })

  it('throws within its deadline when Redis does not answer', async () => {
    const slow = connectRedis(server.url, { commandDeadlineMs: 300 })
    const store = redisFarmStore(slow, { prefix: server.prefix() })
    await store.check()
    const thaw = server.freeze()
    try {
      await expect(store.job(aJobId(1))).rejects.toBeInstanceOf(FarmStoreUnavailable)
    } finally {
      thaw()
      slow.disconnect()
    }
  })

  it('takes no more commands than may wait, and takes them again when some are answered', async () => {
    const slow = connectRedis(server.url, { commandDeadlineMs: 5_000 })
    await reach(slow, () => slow.ping())
    const thaw = server.freeze()
    const waiting = [reach(slow, () => slow.ping(), 5_000, 2), reach(slow, () => slow.ping(), 5_000, 2)]
    await expect(reach(slow, () => slow.ping(), 5_000, 2)).rejects.toThrow('2 commands are already waiting for Redis')
    thaw()
    expect(await Promise.all(waiting)).toEqual(['PONG', 'PONG'])
    expect(await reach(slow, () => slow.ping(), 5_000, 2)).toBe('PONG')
    slow.disconnect()
  })

  it('throws at once when its connection was closed', async () => {
    const closed = connectRedis(server.url)
    const store = redisFarmStore(closed, { prefix: server.prefix() })
    await store.check()
    closed.disconnect()
    await vi.waitFor(() => expect(closed.status).toBe('end'))
    await expect(store.check()).rejects.toThrow(/connection to Redis was closed/)
  })
})

describe('a farm store that finds what it did not write', () => {
  it('says which key holds it, and does not call it an outage', async () => {
    const prefix = server.prefix()
    const store = redisFarmStore(server.redis, { prefix })
    const key = redisKeys(prefix).job(aJobId(1))
    await server.redis.hset(key, aJobId(1), '1\n{"name":"half"}')
    await expect(store.job(aJobId(1))).rejects.toThrow(`${key} in Redis cannot be read by this version of Tilework`)
    await server.redis.hset(key, aJobId(1), '1\n{"name":')
    await expect(store.job(aJobId(1))).rejects.toThrow(`${key} in Redis is not JSON`)
    await server.redis.hset(key, aJobId(1), '{}')
    await expect(store.job(aJobId(1))).rejects.toThrow('does not begin with a version number')
  })

  it('tells a refused command from an outage', async () => {
    const prefix = server.prefix()
    const store = redisFarmStore(server.redis, { prefix })
    await server.redis.set(redisKeys(prefix).counters(aJobId(1)), 'not a hash')
    const error = await store.counters(aJobId(1)).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(Error)
    expect(error).not.toBeInstanceOf(FarmStoreUnavailable)
    expect(String(error)).toContain('WRONGTYPE')
  })

  it('refuses a commit with a number that is none before anything of it is written', async () => {
    const store = redisFarmStore(server.redis, { prefix: server.prefix() })
    const jobId = await storeJob(store, aJob(1))
    const half = aCommit({ tasks: [{ id: R0, expected: 1, value: aTask(R0, { epoch: 1 }) }], counters: { x: 0.5 } })
    await expect(store.commit(jobId, half, NOW)).rejects.toThrow('counter x must be a whole number, not 0.5')
    expect((await store.tasks(jobId, [R0]))[0]?.version).toBe(1)
  })
})

describe('queues whose Redis goes away', () => {
  it('throw meanwhile, and go on afterwards with what was added', async () => {
    const queue = bullWorkQueue({ redisUrl: server.url, prefix: server.prefix(), connectDeadlineMs: 200 })
    await queue.addTasks(aJobId(1), [{ taskId: R0, epoch: 0 }])
    await server.kill()
    await expect(queue.takeTask(aJobId(1))).rejects.toBeInstanceOf(FarmStoreUnavailable)
    await expect(queue.addTasks(aJobId(1), [{ taskId: R0, epoch: 1 }])).rejects.toBeInstanceOf(FarmStoreUnavailable)
    await server.start()
    await vi.waitFor(async () => expect((await queue.takeTask(aJobId(1)))?.taskId).toBe(R0), 5_000)
    await queue.addTasks(aJobId(1), [{ taskId: R0, epoch: 1 }])
    expect(await queue.waitingTasks(aJobId(1))).toBe(1)
    await queue.close()
  })

  it('may be opened before Redis is there', async () => {
    await server.kill()
    const queue = bullWorkQueue({ redisUrl: server.url, prefix: server.prefix(), connectDeadlineMs: 100 })
    await expect(queue.waitingTasks(aJobId(1))).rejects.toBeInstanceOf(FarmStoreUnavailable)
    await server.start()
    await vi.waitFor(async () => expect(await queue.waitingTasks(aJobId(1))).toBe(0), 5_000)
    await queue.close()
  })

  it('bring steps again after a restart, to a consumer that was there before', async () => {
    const prefix = server.prefix()
    const queue = bullWorkQueue({ redisUrl: server.url, prefix })
    const ran: string[] = []
    const consumer = stepConsumer({
      redisUrl: server.url,
      prefix,
      queue: 'assemble',
      concurrency: 2,
      log,
      run: async (step) => void ran.push(step.step),
    })
    await consumer.start()
    await queue.addStep({ step: 'encode', jobId: aJobId(1) })
    await vi.waitFor(() => expect(ran).toEqual(['encode']), 5_000)
    await server.restart()
    await vi.waitFor(() => queue.addStep({ step: 'erase', jobId: aJobId(1) }), 5_000)
    await vi.waitFor(() => expect(ran).toEqual(['encode', 'erase']), 10_000)
    await consumer.stop()
    await queue.close()
  }, 20_000)
})
