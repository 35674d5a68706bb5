import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import { LIMITS } from '../../shared/protocol/limits.ts'
import {
  PROTOCOL_VERSION,
  type CoordinatorMessage,
  type Heartbeat,
  type Hello,
  type Welcome,
  type WorkerMessage,
} from '../../shared/protocol/messages.ts'
import type { z } from 'zod'
import { backoffDelayMs, overloadedDelayMs, type BackoffSchedule } from './backoff.ts'
import { afterClosing, type AfterClosing, type Closing } from './closing.ts'
import { Connection } from './connection.ts'

export interface SessionOptions {
  readonly url: URL
  readonly token: string
  readonly backoff: BackoffSchedule
  /** 0 <= random() < 1; spreads the reconnections. */
  readonly random: () => number
  readonly log: Logger
  /** Asked anew for each connection, so that it names what is held now. */
  readonly hello: () => z.infer<typeof Hello>
  readonly heartbeat: () => z.infer<typeof Heartbeat>
  readonly onWelcome: (welcome: z.infer<typeof Welcome>) => void
  readonly onMessage: (message: CoordinatorMessage) => void
}

export type SessionEnd =
  | { readonly why: 'closed' }
  | { readonly why: 'unauthorized' | 'replaced' | 'version'; readonly message: string }

/** The worker's side of the conversation, over as many connections as it takes. */
export class Session {
  readonly #options: SessionOptions
  readonly #closing = new AbortController()
  #connection: Connection | undefined
  #welcomed = false
  #triesMade = 0
  /** Counts welcomes: tells whoever started something before a drop that there was one. */
  generation = 0

  constructor(options: SessionOptions) {
    this.#options = options
  }

  get connected(): boolean {
    return this.#welcomed
  }

  /** Connects, and again after each drop, until `close` or until the coordinator sends this worker away for good. */
  async run(): Promise<SessionEnd> {
    const { backoff, random, log } = this.#options
    while (!this.#closing.signal.aborted) {
      const closing = await this.#converse()
      if (this.#closing.signal.aborted) break
      const next: AfterClosing = afterClosing(closing)
      if (next.kind === 'give-up') return { why: next.why, message: next.message }
      const delayMs =
        next.wait === 'longer'
          ? overloadedDelayMs(backoff, random())
          : backoffDelayMs(this.#triesMade, backoff, random())
      this.#triesMade++
      log.warn({ why: next.message, delayMs, tries: this.#triesMade }, 'connection lost, will reconnect')
      // An aborted wait is `close`, which the loop's condition sees.
      await wait(delayMs, undefined, { signal: this.#closing.signal }).catch(() => undefined)
    }
    return { why: 'closed' }
  }

  /**
   * Sends a message if the coordinator has welcomed this connection; false when there is none, or when the message is
   * over what the coordinator reads. True does not mean that it arrived.
   */
  send(message: WorkerMessage): boolean {
    if (!this.#welcomed || this.#connection === undefined) return false
    const text = JSON.stringify(message)
    if (Buffer.byteLength(text) > LIMITS.workerMessageBytesMax) {
      this.#options.log.error(
        { type: message.type, bytes: Buffer.byteLength(text), bytesMax: LIMITS.workerMessageBytesMax },
        'message is too big to send',
      )
      return false
    }
    return this.#connection.send(text)
  }

  /** Ends the session; what was sent before goes out first, for at most `deadlineMs`. */
  async close(deadlineMs: number): Promise<void> {
    this.#closing.abort()
    await this.#connection?.close(deadlineMs)
  }

  async #converse(): Promise<Closing> {
    const { url, token, log } = this.#options
    const connection = new Connection({
      url,
      token,
      log,
      onOpen: () => connection.send(JSON.stringify(this.#options.hello())),
      onMessage: (message) => this.#hear(connection, message),
      onBeat: () => {
        // The connection has lasted; the next drop starts from the shortest wait again.
        this.#triesMade = 0
        this.send(this.#options.heartbeat())
      },
    })
    this.#connection = connection
    const closing = await connection.closed
    this.#connection = undefined
    this.#welcomed = false
    return closing
  }

  #hear(connection: Connection, message: CoordinatorMessage): void {
    if (message.type !== 'welcome') {
      if (this.#welcomed) this.#options.onMessage(message)
      else if (message.type === 'refused')
        this.#options.log.error({ code: message.code, said: message.message }, 'coordinator refused the hello')
      else this.#options.log.warn({ type: message.type }, 'message before the welcome ignored')
      return
    }
    if (message.protocolVersion !== PROTOCOL_VERSION) {
      connection.giveUp({ code: 4426, reason: `it speaks version ${message.protocolVersion}` })
      return
    }
    connection.startBeating(message.heartbeatSeconds * 1_000)
    this.#welcomed = true
    this.generation++
    this.#options.log.info({ heartbeatSeconds: message.heartbeatSeconds, lost: message.lost.length }, 'connected')
    this.#options.onWelcome(message)
  }
}
