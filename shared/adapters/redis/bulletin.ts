/*
 * Notices between the processes of a farm, over Redis pub/sub. What is published while a subscriber reconnects is lost
 * to it; nobody relies on a notice, each loop looks again by itself.
 */
import type { Redis } from 'ioredis'
import type { Logger } from '../../ports/core.ts'
import type { Bulletin, Notice } from '../../ports/work-queue.ts'
import { StoredNotice } from './effect-schemas.ts'
import { DEFAULT_PREFIX, redisKeys } from './keys.ts'
import { reach } from './link.ts'

export interface RedisBulletinOptions {
  readonly log: Pick<Logger, 'warn'>
  readonly prefix?: string
}

/**
 * A bulletin that publishes over `redis`, a connection of `connectRedis`, and opens one more while somebody listens.
 */
export function redisBulletin(redis: Redis, options: RedisBulletinOptions): Bulletin {
  return new RedisBulletin(redis, options)
}

class RedisBulletin implements Bulletin {
  readonly #redis: Redis
  readonly #log: Pick<Logger, 'warn'>
  readonly #channel: string
  readonly #listeners = new Set<(notice: Notice) => void>()
  /** A connection that subscribes can do nothing else; it is there while somebody listens. */
  #subscriber: { connection: Redis; subscribed: Promise<unknown> } | null = null

  constructor(redis: Redis, options: RedisBulletinOptions) {
    this.#redis = redis
    this.#log = options.log
    this.#channel = redisKeys(options.prefix ?? DEFAULT_PREFIX).bulletin
  }

  /** Throws FarmStoreUnavailable when Redis cannot be reached. */
  async publish(notice: Notice): Promise<void> {
    await reach(this.#redis, () => this.#redis.publish(this.#channel, JSON.stringify(notice)))
  }

  /** Resolves once notices arrive; what it gives ends that. A Redis that is away is waited for. */
  async subscribe(listener: (notice: Notice) => void): Promise<() => Promise<void>> {
    // a listener that was given twice is two subscriptions
    const own = (notice: Notice) => listener(notice)
    this.#listeners.add(own)
    this.#subscriber ??= this.#connect()
    await this.#subscriber.subscribed
    return async () => {
      this.#listeners.delete(own)
      if (this.#listeners.size > 0) return
      this.#subscriber?.connection.disconnect()
      this.#subscriber = null
    }
  }

  #connect() {
    const connection = this.#redis.duplicate({
      commandTimeout: undefined,
      enableOfflineQueue: true,
      autoResendUnfulfilledCommands: true,
      enableAutoPipelining: false,
    })
    connection.on('error', (error: Error) => this.#log.warn({ error: error.message }, 'bulletin connection failed'))
    connection.on('message', (_channel: string, text: string) => this.#hear(text))
    return { connection, subscribed: connection.subscribe(this.#channel) }
  }

  #hear(text: string): void {
    const notice = readNotice(text)
    if (notice === null) return this.#log.warn({ length: text.length }, 'a notice is not of this version of Tilework')
    for (const listener of this.#listeners) {
      try {
        listener(notice)
      } catch (error) {
        this.#log.warn(
          { notice: notice.type, error: error instanceof Error ? error.message : String(error) },
          'a listener of the bulletin failed',
        )
      }
    }
  }
}

function readNotice(text: string): Notice | null {
  try {
    return StoredNotice.safeParse(JSON.parse(text)).data ?? null
  } catch {
    // not JSON: told by whoever called
    return null
  }
}
