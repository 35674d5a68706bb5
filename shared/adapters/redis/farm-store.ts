/*
 * The truth about a farm, in Redis. This file only puts the subjects together; each has a file of its own beside this
 * one.
 */
import type { Redis } from 'ioredis'
import type { FarmStore } from '../../ports/farm-store.ts'
import { jobCommits } from './job-commits.ts'
import { jobLists } from './job-lists.ts'
import { jobOutbox } from './job-outbox.ts'
import { DEFAULT_PREFIX, redisKeys } from './keys.ts'
import { COMMAND_DEADLINE_MS, reach } from './link.ts'
import type { Link } from './link.ts'
import { requests } from './requests.ts'
import { scenes } from './scenes.ts'
import { runScript } from './scripts.ts'
import { sessions } from './sessions.ts'
import { believedIn, farmTerms } from './farm-term.ts'
import { tokens } from './tokens.ts'
import { workers } from './workers.ts'

export interface FarmStoreOptions {
  readonly prefix?: string
  /** Longest wait for a connection, in ms, before a call throws FarmStoreUnavailable. */
  readonly connectDeadlineMs?: number
}

/** A farm store on a connection of `connectRedis`, which stays the caller's to close. */
export function redisFarmStore(redis: Redis, options: FarmStoreOptions = {}): FarmStore {
  const keys = redisKeys(options.prefix ?? DEFAULT_PREFIX)
  const deadlineMs = options.connectDeadlineMs ?? COMMAND_DEADLINE_MS
  const link: Link = {
    keys,
    reach: (call) => reach(redis, () => call(redis), deadlineMs),
    believed: (read) => reach(redis, () => believedIn(redis, keys, read), deadlineMs),
    run: (script, scriptKeys, args) => reach(redis, () => runScript(redis, script, scriptKeys, args), deadlineMs),
  }
  return {
    ...jobCommits(link),
    ...jobOutbox(link),
    ...jobLists(link),
    ...scenes(link),
    ...workers(link),
    ...sessions(link),
    ...requests(link),
    ...tokens(link),
    ...farmTerms(link),

    async time() {
      const [seconds, microseconds] = await link.reach((redis) => redis.time())
      return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)
    },
    /** Writes, because a Redis with a full disk still answers to PING. */
    async check() {
      await link.reach((redis) => redis.set(keys.check, '1', 'PX', 1_000))
      await link.believed(async () => null)
    },
  }
}
