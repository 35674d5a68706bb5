import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer, type WebSocket } from 'ws'
import { Sha256 } from '../../shared/protocol/ids.ts'
import {
  PROTOCOL_VERSION,
  WorkerMessage,
  type CoordinatorMessage,
  type LeaseRef,
} from '../../shared/protocol/messages.ts'
import { withinWait } from './wait.ts'

export type MessageOf<Type extends WorkerMessage['type']> = Extract<WorkerMessage, { type: Type }>

/**
 * One connection of a worker, as the test's script sees it. Every message that comes is checked against the protocol.
 */
export class WorkerConnection {
  readonly closed: Promise<number>
  readonly #socket: WebSocket
  readonly #waitMs: number
  readonly #backlog: WorkerMessage[] = []
  readonly #waiting: { type: WorkerMessage['type']; resolve: (message: WorkerMessage) => void }[] = []

  constructor(socket: WebSocket, waitMs: number) {
    this.#socket = socket
    this.#waitMs = waitMs
    this.closed = new Promise((resolve) => socket.on('close', (code) => resolve(code)))
    socket.on('message', (body) => {
      const message = WorkerMessage.parse(JSON.parse(String(body)))
      const waiting = this.#waiting.findIndex((one) => one.type === message.type)
      if (waiting < 0) this.#backlog.push(message)
      else this.#waiting.splice(waiting, 1)[0]?.resolve(message)
    })
  }

  /**
   * The next message of a type that was not taken yet; those of other types stay for later. Rejects when none comes in
   * time.
   */
  async next<Type extends WorkerMessage['type']>(type: Type): Promise<MessageOf<Type>> {
    const isWanted = (message: WorkerMessage): message is MessageOf<Type> => message.type === type
    const found = this.#backlog.findIndex(isWanted)
    const message = found >= 0 ? this.#backlog.splice(found, 1)[0] : await this.#toCome(type)
    if (message === undefined || !isWanted(message)) throw new Error('the backlog changed under the test')
    return message
  }

  #toCome(type: WorkerMessage['type']): Promise<WorkerMessage> {
    const coming = new Promise<WorkerMessage>((resolve) => this.#waiting.push({ type, resolve }))
    return withinWait(
      coming,
      this.#waitMs,
      () => `no "${type}" came; not taken: ${this.#backlog.map((message) => message.type).join(', ') || 'nothing'}`,
    )
  }

  /** Messages of a type that came and were not taken. */
  came(type: WorkerMessage['type']): WorkerMessage[] {
    return this.#backlog.filter((message) => message.type === type)
  }

  send(message: CoordinatorMessage): void {
    this.#socket.send(JSON.stringify(message))
  }

  sendText(text: string): void {
    this.#socket.send(text)
  }

  /** Answers the hello. */
  async welcome(
    options: { lost?: LeaseRef[]; heartbeatSeconds?: number; protocolVersion?: number } = {},
  ): Promise<MessageOf<'hello'>> {
    const hello = await this.next('hello')
    this.send({
      type: 'welcome',
      protocolVersion: options.protocolVersion ?? PROTOCOL_VERSION,
      heartbeatSeconds: options.heartbeatSeconds ?? 0.1,
      lost: options.lost ?? [],
    })
    return hello
  }

  /** Stops reading, as a host does that has lost power: even pings are not answered any more. */
  freeze(): void {
    this.#socket.pause()
  }

  /** Cuts the line without a word. */
  drop(): void {
    this.#socket.terminate()
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason)
  }
}

/** Is given how many bytes of the file have been sent. */
type BeforeCut = (sentBytes: number) => Promise<void>

/** A coordinator that does only what a test tells it: a WebSocket, files to fetch, and a place to send files to. */
export class CoordinatorDouble {
  readonly token = 'a-token-for-tests'
  /** What was sent by PUT, by path. */
  readonly uploads = new Map<string, { bytes: Buffer; headers: IncomingMessage['headers'] }>()
  /** Each request for a file, in order: `GET /scene`, with the Range that was asked for. */
  readonly requests: { method: string; path: string; range: string | undefined }[] = []
  /** Statuses with which the next uploads are refused. */
  readonly refuseUploads: number[] = []
  /** Uploads are answered when this resolves. */
  uploadsMayEnd: Promise<void> = Promise.resolve()
  readonly #server: Server
  readonly #waitMs: number
  readonly #sockets: WebSocketServer
  readonly #files = new Map<string, { bytes: Buffer; cuts: number[]; beforeCut: BeforeCut }>()
  readonly #connections: WorkerConnection[] = []
  readonly #waiting: ((connection: WorkerConnection) => void)[] = []

  private constructor(server: Server, waitMs: number) {
    this.#server = server
    this.#waitMs = waitMs
    this.#sockets = new WebSocketServer({ noServer: true })
    server.on('request', (request, response) => void this.#answer(request, response))
    server.on('upgrade', (request, socket, head) => {
      if (request.url !== '/v1/worker' || request.headers.authorization !== `Bearer ${this.token}`) {
        socket.end('HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
        return
      }
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) =>
        this.#connect(new WorkerConnection(webSocket, waitMs)),
      )
    })
  }

  /** `waitMs`: how long a test waits for a connection or a message before it fails; more where a real Blender works. */
  static async start(waitMs = 10_000): Promise<CoordinatorDouble> {
    const server = createServer()
    const double = new CoordinatorDouble(server, waitMs)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return double
  }

  get port(): number {
    // A listening TCP server has an address with a port.
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`
  }

  /**
   * Offers bytes for download. `cuts`: after how many bytes each of the next answers breaks off, which waits for
   * `beforeCut`: a reader may lose what it has received and not yet looked at when the line breaks.
   */
  serve(
    path: string,
    bytes: Buffer,
    cuts: number[] = [],
    beforeCut: BeforeCut = () => Promise.resolve(),
  ): { url: string; sha256: Sha256; bytes: number } {
    this.#files.set(path, { bytes, cuts, beforeCut })
    return {
      url: `http://127.0.0.1:${this.port}${path}?signature=secret`,
      sha256: sha256Of(bytes),
      bytes: bytes.length,
    }
  }

  /** Where a worker may send a file to. */
  uploadUrl(name: string): string {
    return `http://127.0.0.1:${this.port}/up/${name}?signature=secret`
  }

  /** The next connection that was not taken yet. Rejects when none comes in time. */
  async connection(): Promise<WorkerConnection> {
    const coming = () => new Promise<WorkerConnection>((resolve) => this.#waiting.push(resolve))
    return this.#connections.shift() ?? (await withinWait(coming(), this.#waitMs, () => 'no worker connected'))
  }

  async stop(): Promise<void> {
    for (const client of this.#sockets.clients) client.terminate()
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #connect(connection: WorkerConnection): void {
    const waiting = this.#waiting.shift()
    if (waiting === undefined) this.#connections.push(connection)
    else waiting(connection)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', 'http://double').pathname
    this.requests.push({ method: request.method ?? '', path, range: request.headers.range })
    if (request.method === 'PUT') await this.#receive(path, request, response)
    else this.#hand(path, request, response)
  }

  async #receive(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(Buffer.from(chunk))
    await this.uploadsMayEnd
    const status = this.refuseUploads.shift()
    if (status === undefined) this.uploads.set(path, { bytes: Buffer.concat(chunks), headers: request.headers })
    response.writeHead(status ?? 200).end()
  }

  #hand(path: string, request: IncomingMessage, response: ServerResponse): void {
    const file = this.#files.get(path)
    if (file === undefined) {
      response.writeHead(404).end()
      return
    }
    const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    const rest = file.bytes.subarray(from)
    const headers = {
      'content-length': rest.length,
      ...(from > 0 ? { 'content-range': `bytes ${from}-${file.bytes.length - 1}/${file.bytes.length}` } : {}),
    }
    response.writeHead(from > 0 ? 206 : 200, headers)
    const cut = file.cuts.shift()
    if (cut === undefined) response.end(rest)
    else response.write(rest.subarray(0, cut), () => void file.beforeCut(from + cut).then(() => response.destroy()))
  }
}

export function sha256Of(bytes: Buffer): Sha256 {
  return Sha256.parse(createHash('sha256').update(bytes).digest('hex'))
}
