/*
 * A line between processes, in the hand of a test: a TCP port on the loopback interface that leads to one or several
 * servers, and can be cut, stalled or closed. With several servers it is a load balancer: each connection goes to the
 * next one that answers.
 */
import { connect, createServer } from 'node:net'
import type { NetConnectOpts, Server, Socket } from 'node:net'

/** `{ port }` on the loopback interface, or `{ path }` of a unix socket. */
export type Target = Extract<NetConnectOpts, { path: string }> | { readonly port: number }

export class TcpLine {
  readonly port: number
  /** Connections that reached a server so far, by its place in the list of targets. */
  readonly taken: number[]
  readonly #server: Server
  readonly #targets: Target[]
  readonly #sockets = new Set<Socket>()
  #state: 'open' | 'stalled' | 'closed' = 'open'
  #turn = 0

  private constructor(server: Server, targets: readonly Target[]) {
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the line has no port')
    this.port = address.port
    this.#server = server
    this.#targets = [...targets]
    this.taken = targets.map(() => 0)
    server.on('connection', (client) => this.#take(client))
  }

  static async open(...targets: readonly Target[]): Promise<TcpLine> {
    const server = createServer({ pauseOnConnect: true })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    return new TcpLine(server, targets)
  }

  /** Leads to one more server, which need not be there yet. */
  add(target: Target): void {
    this.#targets.push(target)
    this.taken.push(0)
  }

  /** Breaks every connection that is open now. */
  cut(): void {
    // The side of a unix socket knows no reset; it is closed with the other.
    for (const socket of this.#sockets)
      if (socket.remoteAddress === undefined) socket.destroy()
      else socket.resetAndDestroy()
  }

  /** Nothing passes any more, in either direction, and nobody is told: as when a cable is pulled. */
  stall(): void {
    this.#state = 'stalled'
    for (const socket of this.#sockets) socket.pause()
  }

  /** Every connection is broken, and new ones are. */
  close(): void {
    this.#state = 'closed'
    this.cut()
  }

  /** All is well again. What was held back passes now. */
  mend(): void {
    this.#state = 'open'
    for (const socket of this.#sockets) socket.resume()
  }

  /** For the end: the port is given back. */
  async remove(): Promise<void> {
    this.close()
    await new Promise((closed) => this.#server.close(closed))
  }

  #take(client: Socket): void {
    if (this.#state === 'closed') return void client.resetAndDestroy()
    this.#keep(client)
    this.#lead(client, this.#turn++, this.#targets.length)
  }

  /** Connects to a target, or to one of the others if nobody is there. */
  #lead(client: Socket, turn: number, triesLeft: number): void {
    const target = this.#targets[turn % this.#targets.length]
    if (triesLeft === 0 || target === undefined) return void client.resetAndDestroy()
    const server = connect('path' in target ? target : { host: '127.0.0.1', port: target.port })
    const nobodyThere = () => {
      server.destroy()
      this.#lead(client, turn + 1, triesLeft - 1)
    }
    server.once('error', nobodyThere)
    server.once('connect', () => {
      server.off('error', nobodyThere)
      if (client.destroyed) return void server.destroy()
      this.taken[turn % this.#targets.length] = (this.taken[turn % this.#targets.length] ?? 0) + 1
      this.#keep(server)
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        from.on('data', (chunk) => {
          if (!to.write(chunk)) from.pause()
        })
        to.on('drain', () => {
          if (this.#state !== 'stalled') from.resume()
        })
        from.on('end', () => to.end())
        from.on('close', () => to.destroy())
      }
      if (this.#state === 'stalled') for (const socket of [client, server]) socket.pause()
      else for (const socket of [client, server]) socket.resume()
    })
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    // A side that breaks is closed, and takes the other along.
    socket.on('error', () => undefined)
  }
}

/** So many ports that were free a moment ago; held open together, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => new Promise((listening) => server.once('listening', listening))))
  const ports = servers.map((server) => {
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port was given')
    return address.port
  })
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))))
  return ports
}
