import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { redisFarmStore } from '../../../../shared/adapters/redis/farm-store.ts'
import { connectRedis } from '../../../../shared/adapters/redis/link.ts'
import { startRedisServer } from '../../../../shared/adapters/redis/server.ts'
import { aJob, storeJob } from '../../../conformance/farm-store-records.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-server-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

describe('our own redis-server', () => {
  it('keeps the farm state over a kill and over a clean stop', async () => {
    let server = await startRedisServer({ folder: join(folder, 'made', 'by', 'it') })
    const redis = connectRedis(server.url)
    const store = redisFarmStore(redis)
    await store.changeFarmTerm(null, { term: 1, open: true })
    const jobId = await storeJob(store, aJob(1))
    process.kill(server.pid, 'SIGKILL')
    await server.ended
    await server.stop()
    server = await startRedisServer({ folder: join(folder, 'made', 'by', 'it') })
    expect((await store.job(jobId))?.version).toBe(1)
    await Promise.all([server.stop(), server.stop()])
    server = await startRedisServer({ folder: join(folder, 'made', 'by', 'it') })
    expect((await store.job(jobId))?.version).toBe(1)
    expect(await redis.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction'])
    expect(await redis.config('GET', 'port')).toEqual(['port', '0'])
    redis.disconnect()
    await server.stop()
  })

  it('is not in the group of processes that Ctrl-C at a terminal ends', async () => {
    const server = await startRedisServer({ folder })
    const [group] = (await readFile(`/proc/${server.pid}/stat`, 'utf8')).split(') ')[1]?.split(' ').slice(2) ?? []
    await server.stop()
    expect(group).toBe(String(server.pid))
  })

  it('says what to install when there is no redis-server', async () => {
    const starting = startRedisServer({ folder, binary: join(folder, 'no-redis-server') })
    await expect(starting).rejects.toMatchObject({
      name: 'RedisServerFailed',
      code: 'binary_missing',
      message: expect.stringMatching(/install Redis .* or give the address of one .* REDIS_URL/),
    })
  })

  it('tells what a server that ends at once had to say', async () => {
    const starting = startRedisServer({ folder, binary: 'false' })
    await expect(starting).rejects.toMatchObject({ code: 'did_not_start' })
  })

  it('refuses a folder whose path is too long for a socket', async () => {
    const starting = startRedisServer({ folder: join(folder, 'x'.repeat(100)) })
    await expect(starting).rejects.toMatchObject({
      code: 'path_too_long',
      message: expect.stringContaining('choose a data folder with a shorter path'),
    })
  })
})
