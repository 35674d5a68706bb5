import type { WebSocket } from 'ws'
import { compiled } from '../../shared/protocol/compiled.ts'
import { CLOSE_CODES, type CoordinatorMessage, WorkerMessage } from '../../shared/protocol/messages.ts'
import { closeSurely } from './close-surely.ts'

/** Messages of one worker under way at once; more wait in the socket. */
const IN_FLIGHT_MAX = 32
/** Bytes waiting to be sent to a worker that does not read; it is dropped then. */
const UNSENT_BYTES_MAX = 4 * 1024 ** 2

export interface WorkerSocketOptions {
  /** Time for the first message, and then from each to the next, in ms; a worker that is silent for longer is gone. */
  readonly helloMs: number
  readonly silenceMs: number
  /** Never rejects. */
  onMessage(message: WorkerMessage): Promise<void>
  onClose(): void
  onError(error: Error): void
}

/**
 * The line to one worker: messages of the protocol and nothing else come in, so many at a time; what goes out to one
 * that does not read is bounded.
 */
export class WorkerSocket {
  readonly #socket: WebSocket
  readonly #options: WorkerSocketOptions
  #inFlight = 0
  #silence: NodeJS.Timeout | null = null

  constructor(socket: WebSocket, options: WorkerSocketOptions) {
    this.#socket = socket
    this.#options = options
    socket.on('message', (bytes, isBinary) => this.#receive(bytes, isBinary))
    socket.on('close', () => {
      if (this.#silence !== null) clearTimeout(this.#silence)
      options.onClose()
    })
    socket.on('error', (error) => options.onError(error))
    this.#listen(options.helloMs, 'no hello in time')
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN
  }

  /** False when the connection is gone. */
  send(message: CoordinatorMessage): boolean {
    if (!this.isOpen) return false
    if (this.#socket.bufferedAmount > UNSENT_BYTES_MAX) {
      this.close(CLOSE_CODES.overloaded, 'the worker does not read what it is sent')
      return false
    }
    this.#socket.send(JSON.stringify(message))
    return true
  }

  /** Says why and closes; whoever does not answer that is cut off. */
  close(code: number, reason: string): void {
    closeSurely(this.#socket, code, reason)
  }

  #receive(bytes: unknown, isBinary: boolean): void {
    this.#listen(this.#options.silenceMs, 'no message for three heartbeats')
    if (isBinary) return this.close(CLOSE_CODES.bad_message, 'messages are JSON text')
    let json: unknown
    try {
      json = JSON.parse(String(bytes))
    } catch {
      return this.close(CLOSE_CODES.bad_message, 'not JSON')
    }
    const message = compiled(WorkerMessage).safeParse(json)
    if (!message.success) {
      const first = message.error.issues[0]
      return this.close(
        CLOSE_CODES.bad_message,
        `not a message of this protocol: ${first?.path.join('.') ?? ''} ${first?.message ?? ''}`,
      )
    }
    this.#inFlight += 1
    if (this.#inFlight >= IN_FLIGHT_MAX) this.#socket.pause()
    void this.#options.onMessage(message.data).finally(() => {
      this.#inFlight -= 1
      if (this.#inFlight < IN_FLIGHT_MAX) this.#socket.resume()
    })
  }

  /** Closes when nothing more is heard for so long. */
  #listen(ms: number, why: string): void {
    if (this.#silence !== null) clearTimeout(this.#silence)
    this.#silence = setTimeout(() => this.close(CLOSE_CODES.silent, why), ms)
  }
}
