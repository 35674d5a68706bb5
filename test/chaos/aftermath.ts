/*
 * What must be true when a chaos run is over: all that was counted can be recounted, and after everything was deleted
 * nothing is left, in Redis, in the object store, on disk, or as a process.
 */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { S3ObjectStore } from '../../shared/adapters/object-store/s3.ts'
import { redisFarmStore } from '../../shared/adapters/redis/farm-store.ts'
import { connectRedis } from '../../shared/adapters/redis/link.ts'
import type { JobView } from '../../shared/protocol/job.ts'
import { BLOBS_PREFIX, JOBS_PREFIX, UPLOADS_PREFIX } from '../../shared/protocol/object-keys.ts'
import type { ProcessFarm } from '../support/process-farm.ts'
import { recountFaults } from '../support/recount.ts'

/**
 * Keys of Redis that have nothing to do with a job: the farm itself, whose turn a round is, who is known, and what
 * BullMQ keeps of its queues.
 */
const LASTING = new RegExp(
  '^tw:(farm|turn:.*|tokens|workers|workers:counts|workers:seen|sessions|sessions:holders|request:.*|check|' +
    'steps:(verify|assemble):(meta|events|id|stalled-check|marker|failed|[0-9]+))$',
)

/** Counters and leases of all jobs, held against their records. */
export async function recounted(farm: ProcessFarm, jobs: readonly JobView[]): Promise<string[]> {
  const redis = connectRedis(farm.redisPath)
  try {
    const store = redisFarmStore(redis)
    await store.check()
    return (await Promise.all(jobs.map(({ id }) => recountFaults(store, id)))).flat()
  } finally {
    redis.disconnect()
  }
}

/** Keys of Redis that are left when every job and scene was deleted. */
export async function keysLeft(farm: ProcessFarm): Promise<string[]> {
  const redis = connectRedis(farm.redisPath)
  try {
    const keys = await redisFarmStore(redis)
      .check()
      .then(() => redis.keys('*'))
    return keys.filter((key) => !LASTING.test(key)).sort()
  } finally {
    redis.disconnect()
  }
}

/** Objects that are left when every job and scene was deleted. */
export async function objectsLeft({ s3 }: ProcessFarm): Promise<string[]> {
  if (s3 === null) throw new Error('the objects of a chaos run lie in S3')
  const store = new S3ObjectStore({
    bucket: s3.bucket,
    region: s3.region,
    endpoint: s3.endpoint,
    forcePathStyle: true,
    nowMs: () => Date.now(),
    sleep: (ms) => pause(ms),
    credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey },
  })
  try {
    const pages = await Promise.all(
      [JOBS_PREFIX, BLOBS_PREFIX, UPLOADS_PREFIX].map((prefix) => store.list(prefix, { limit: 1000 })),
    )
    return pages.flatMap(({ keys }) => keys.map(({ key }) => key))
  } finally {
    await store.close()
  }
}

/** Files in the folders of the services and workers that belong to no scene that is cached: half-done work. */
export async function filesLeft(farm: ProcessFarm): Promise<string[]> {
  const found: string[] = []
  for (const part of farm.parts.values()) {
    const names = await readdir(farm.dataFolder(part.name), { recursive: true, withFileTypes: true })
    for (const entry of names.filter((each) => each.isFile())) {
      const path = join(entry.parentPath, entry.name).slice(farm.folder.length + 1)
      if (!/\/(scenes\/.*|worker-id|lock)$/.test(path)) found.push(path)
    }
  }
  return found
}

/** Processes, by id and command line, that were started for the farm and run. */
export async function processesLeft(folder: string): Promise<string[]> {
  const found: string[] = []
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && name !== String(process.pid))) {
    // One that ended while we looked is not left.
    const [words, place, environment] = await Promise.all(
      [
        readFile(`/proc/${pid}/cmdline`, 'utf8'),
        readlink(`/proc/${pid}/cwd`),
        readFile(`/proc/${pid}/environ`, 'utf8'),
      ].map((each) => each.catch(() => '')),
    )
    if ([words, place, environment].some((text) => text?.includes(folder)))
      found.push(`${pid} ${words?.replaceAll('\0', ' ').slice(0, 200)}`)
  }
  return found
}
