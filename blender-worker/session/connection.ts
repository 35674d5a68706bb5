import type { Logger } from 'pino'
import { WebSocket } from 'ws'
import { CoordinatorMessage } from '../../shared/protocol/messages.ts'
import type { Closing } from './closing.ts'

/** Until the upgrade is answered. A coordinator that needs longer is as good as away. */
const HANDSHAKE_TIMEOUT_MS = 10_000
/** From the open socket to the welcome; the coordinator asks its farm store in between. */
const WELCOME_TIMEOUT_MS = 20_000
/**
 * The largest message a coordinator has reason to send: an `upload` of 512 files with URLs and headers of some KiB
 * each.
 */
const COORDINATOR_MESSAGE_BYTES_MAX = 16 * 1024 * 1024
/**
 * Bytes waiting to be sent to a coordinator that does not read: every result of 64 leases at its largest. The line is
 * given up then, and what was lost is told on the next.
 */
const UNSENT_BYTES_MAX = 16 * 1024 * 1024
/** Heartbeats without a sign of life after which the other side counts as gone. */
const SILENT_HEARTBEATS_MAX = 3

export interface ConnectionOptions {
  readonly url: URL
  readonly token: string
  readonly log: Logger
  readonly onOpen: () => void
  readonly onMessage: (message: CoordinatorMessage) => void
  readonly onBeat: () => void
}

/** One WebSocket from the upgrade to its end; knows liveness and parsing, not what messages mean. */
export class Connection {
  readonly closed: Promise<Closing>
  readonly #socket: WebSocket
  readonly #options: ConnectionOptions
  #welcomeTimer: NodeJS.Timeout | undefined
  #beatTimer: NodeJS.Timeout | undefined
  #heardAtMs = performance.now()
  /** Set where this side knows better why it ends than the close frame will tell. */
  #verdict: Closing | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#socket = new WebSocket(options.url, {
      headers: { authorization: `Bearer ${options.token}` },
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: COORDINATOR_MESSAGE_BYTES_MAX,
      perMessageDeflate: false,
    })
    this.closed = new Promise((resolve) => {
      this.#socket.on('close', (code, reason) => {
        clearTimeout(this.#welcomeTimer)
        clearInterval(this.#beatTimer)
        resolve(this.#verdict ?? { code, reason: reason.toString('utf8') })
      })
    })
    this.#listen()
  }

  /** False once the socket is closing; the text is dropped then. */
  send(text: string): boolean {
    if (this.#socket.readyState !== WebSocket.OPEN) return false
    if (this.#socket.bufferedAmount > UNSENT_BYTES_MAX) {
      this.giveUp({ code: 1006, reason: 'the coordinator does not read what it is sent' })
      return false
    }
    this.#socket.send(text)
    return true
  }

  /** After the welcome: calls `onBeat` at the given rhythm and ends the connection when the other side falls silent. */
  startBeating(heartbeatMs: number): void {
    clearTimeout(this.#welcomeTimer)
    clearInterval(this.#beatTimer)
    this.#heardAtMs = performance.now()
    this.#beatTimer = setInterval(() => {
      if (performance.now() - this.#heardAtMs > heartbeatMs * SILENT_HEARTBEATS_MAX) {
        this.giveUp({ code: 1006, reason: `nothing heard for ${SILENT_HEARTBEATS_MAX} heartbeats` })
        return
      }
      if (this.#socket.readyState !== WebSocket.OPEN) return
      this.#socket.ping()
      this.#options.onBeat()
    }, heartbeatMs)
  }

  /** Ends at once, for the reason given. */
  giveUp(closing: Closing): void {
    this.#verdict ??= closing
    this.#socket.terminate()
  }

  /** Closes in order, so that what was sent arrives; after `deadlineMs` at once. */
  async close(deadlineMs: number): Promise<void> {
    const timer = setTimeout(() => this.#socket.terminate(), deadlineMs)
    this.#socket.close(1000, 'the worker leaves')
    await this.closed
    clearTimeout(timer)
  }

  #listen(): void {
    const { log, onOpen, onMessage } = this.#options
    this.#socket.on('open', () => {
      this.#welcomeTimer = setTimeout(() => this.giveUp({ code: 1006, reason: 'no welcome came' }), WELCOME_TIMEOUT_MS)
      onOpen()
    })
    this.#socket.on('unexpected-response', (_request, response) => {
      this.giveUp({ code: 1006, httpStatus: response.statusCode ?? 0, reason: '' })
    })
    // Each error is followed by `close`, where it is acted on.
    this.#socket.on('error', (error) => {
      this.#verdict ??= { code: 1006, reason: error.message }
      log.debug({ error: error.message }, 'socket error')
    })
    this.#socket.on('pong', () => (this.#heardAtMs = performance.now()))
    this.#socket.on('ping', () => (this.#heardAtMs = performance.now()))
    this.#socket.on('message', (body, isBinary) => {
      this.#heardAtMs = performance.now()
      const message = isBinary || !Buffer.isBuffer(body) ? undefined : parseMessage(body.toString('utf8'), log)
      if (message !== undefined) onMessage(message)
    })
  }
}

/**
 * The message, or undefined for what is none. It is dropped, not answered with a hang-up: a lease that is never taken
 * up is never renewed and goes back by itself, while hanging up over each would make a storm of reconnections.
 */
function parseMessage(text: string, log: Logger): CoordinatorMessage | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    log.error({ bytes: text.length }, 'coordinator sent what is not JSON')
    return undefined
  }
  const parsed = CoordinatorMessage.safeParse(value)
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  log.error({ issues }, 'coordinator sent a message that this release does not know')
  return undefined
}
