/*
 * The way to Redis that all of the farm state goes: one connection, a deadline on every command, and one kind of error
 * for every outage. Commands that were on their way when the connection broke are not sent again by themselves: they
 * may have been done, and only the caller can tell what that means.
 */
import { Redis } from 'ioredis'
import { FarmStateLost, FarmStoreUnavailable } from '../../ports/farm-store.ts'
import type { Logger } from '../../ports/core.ts'
import { LIMITS } from '../../protocol/limits.ts'
import { after } from '../system/timers.ts'
import type { Keys } from './keys.ts'
import type { Script } from './scripts.ts'

/**
 * Longest wait for one command, in ms: a healthy Redis answers in under 10, one that forks for its AOF in some hundred.
 */
export const COMMAND_DEADLINE_MS = 5_000
/** Longest pause between two tries to reconnect, in ms: short enough that a restarted Redis is found at once. */
const RECONNECT_PAUSE_MAX_MS = 1_000
/**
 * Answers of the server that mean "not now" rather than "wrong": they heal when it has loaded, has memory or disk
 * again.
 */
const OUTAGE_REPLIES = /^(LOADING|MISCONF|OOM|READONLY|MASTERDOWN|NOREPLICAS|BUSY|TRYAGAIN|CLUSTERDOWN|UNKILLABLE)\b/

/** What commit.lua says where there is no farm, or a closed one. */
const NO_FARM_REPLY = /^(ERR )?GONE\b/

/** What each subject of the farm store works with. */
export interface Link {
  readonly keys: Keys
  /** Does something with the connection; outages become FarmStoreUnavailable. */
  reach<T>(call: (redis: Redis) => Promise<T>): Promise<T>
  /** As `reach` for reading; that there is nothing is believed only of a Redis that holds an open farm. */
  believed<T>(read: (redis: Redis) => Promise<T>): Promise<T>
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>
}

export interface RedisOptions {
  readonly log?: Pick<Logger, 'warn' | 'debug'>
  readonly commandDeadlineMs?: number
  /** Shown in CLIENT LIST. */
  readonly name?: string
}

/**
 * Opens a connection to `url`: `redis://[user:password@]host:port/db`, `rediss://…` or the path of a unix socket.
 * Connects in the background and again after every loss; errors are logged, never thrown from here.
 */
export function connectRedis(url: string, options: RedisOptions = {}): Redis {
  const deadlineMs = options.commandDeadlineMs ?? COMMAND_DEADLINE_MS
  const redis = new Redis(url, {
    ...reconnecting(options),
    commandTimeout: deadlineMs,
    connectTimeout: deadlineMs,
    enableAutoPipelining: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
  })
  return listened(redis, options)
}

/**
 * As connectRedis, for what waits on the connection for things to come (a subscription, a consumer of a queue): no
 * deadline, and what was asked for is asked again after a loss.
 */
export function connectWaiting(url: string, options: RedisOptions = {}): Redis {
  return listened(new Redis(url, reconnecting(options)), options)
}

function reconnecting(options: RedisOptions) {
  return { connectionName: options.name ?? 'tilework', maxRetriesPerRequest: null, retryStrategy: reconnectPauseMs }
}

function listened(redis: Redis, options: RedisOptions): Redis {
  redis.on('error', (error: Error) => options.log?.warn({ error: error.message }, 'redis connection failed'))
  redis.on('ready', () => options.log?.debug({}, 'redis connection ready'))
  return redis
}

/** How long to wait before the `tries`-th try to reconnect, in ms. */
function reconnectPauseMs(tries: number): number {
  return Math.min(RECONNECT_PAUSE_MAX_MS, 25 * 2 ** Math.min(tries, 10))
}

/**
 * Does `call` on a connection that is ready, waiting for it for at most `deadlineMs`. Throws FarmStoreUnavailable for
 * every failure that may pass by itself, and at once when `pendingMax` others wait; an answer of Redis that says the
 * command was wrong is a bug and is thrown as an Error.
 */
export async function reach<T>(
  redis: Redis,
  call: () => Promise<T>,
  deadlineMs: number = COMMAND_DEADLINE_MS,
  pendingMax: number = LIMITS.redisCommandsPendingMax,
): Promise<T> {
  const before = pending.get(redis) ?? 0
  if (before >= pendingMax)
    throw new FarmStoreUnavailable(new Error(`${pendingMax} commands are already waiting for Redis`))
  pending.set(redis, before + 1)
  try {
    if (redis.status !== 'ready') await untilReady(redis, deadlineMs)
    return await call()
  } catch (error) {
    if (error instanceof FarmStoreUnavailable) throw error
    if (error instanceof Error && error.name === 'ReplyError' && NO_FARM_REPLY.test(error.message))
      throw new FarmStateLost(null)
    if (isRejection(error)) throw new Error(`Redis refused a command: ${error.message}`, { cause: error })
    throw new FarmStoreUnavailable(error)
  } finally {
    pending.set(redis, (pending.get(redis) ?? 1) - 1)
  }
}

/** What waits for an answer, by connection. */
const pending = new WeakMap<Redis, number>()

function isRejection(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError' && !OUTAGE_REPLIES.test(error.message)
}

async function untilReady(redis: Redis, deadlineMs: number): Promise<void> {
  if (redis.status === 'end') throw new FarmStoreUnavailable(new Error('the connection to Redis was closed'))
  await new Promise<void>((resolve, reject) => {
    const settle = (failure: Error | null) => {
      cancelDeadline()
      redis.off('ready', ready)
      redis.off('end', ended)
      redis.off('error', failed)
      if (failure === null) resolve()
      else reject(new FarmStoreUnavailable(failure))
    }
    let last = 'no answer'
    const ready = () => settle(null)
    const ended = () => settle(new Error('the connection to Redis was closed'))
    const failed = (error: Error) => (last = error.message)
    const cancelDeadline = after(deadlineMs, () =>
      settle(new Error(`no connection to Redis within ${deadlineMs} ms: ${last}`)),
    )
    redis.on('ready', ready)
    redis.on('end', ended)
    redis.on('error', failed)
  })
}
