import { createServer as createHttpServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { runCommand } from '../../services/cli/main.ts'

/** One run of `tilework`, in this process. */
export interface CommandRun {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly signal?: AbortSignal
  /** Called with all that was said so far, whenever something is. */
  readonly onStderr?: (text: string) => void
}

/** Runs `tilework <args>` with an environment of its own, in which nothing of this machine's user is found. */
export async function tilework(
  args: readonly string[],
  { env = {}, signal = new AbortController().signal, onStderr = () => {} }: CommandOptions = {},
): Promise<CommandRun> {
  let stdout = ''
  let stderr = ''
  const exitCode = await runCommand(
    args,
    {
      env: { TILEWORK_DATA_DIR: '/nowhere', XDG_STATE_HOME: '/nowhere', ...env },
      stdout: { write: (text: string) => (stdout += text) },
      stderr: {
        write: (text: string) => {
          stderr += text
          onStderr(stderr)
        },
      },
      interruption: () => signal,
    },
    '0.0.0-test',
  )
  return { exitCode, stdout, stderr }
}

export interface TestServer {
  readonly url: string
  close(): Promise<void>
}

/** An HTTP server on a free loopback port. */
export async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<TestServer> {
  const server = createHttpServer(answer)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${portOf(server.address())}`,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections()
        server.close(() => done())
      }),
  }
}

export interface Proxy extends TestServer {
  /** Bytes that came from clients so far. */
  bytes: number
  /** Connections that were cut. */
  cuts: number
  /** Cuts a connection as soon as so many bytes came in all; then again after as many more, `times` times. */
  cutAfter(bytes: number, times?: number): void
}

/** A line to a server that can be cut. */
export async function startProxy(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target)
  let cutAt = Infinity
  let every = Infinity
  let timesLeft = 0
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const farm = connect(Number(port), hostname)
    for (const socket of [client, farm]) {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      // One side that breaks takes the other along.
      socket.on('error', () => undefined)
    }
    client.on('data', (chunk) => {
      proxy.bytes += chunk.length
      if (proxy.bytes >= cutAt && timesLeft > 0) {
        timesLeft--
        proxy.cuts++
        cutAt = timesLeft > 0 ? proxy.bytes + every : Infinity
        client.destroy()
        farm.end()
        return
      }
      farm.write(chunk)
    })
    farm.on('data', (chunk) => client.write(chunk))
    client.on('close', () => farm.end())
    farm.on('close', () => client.end())
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const proxy: Proxy = {
    url: `http://127.0.0.1:${portOf(server.address())}`,
    bytes: 0,
    cuts: 0,
    cutAfter: (bytes, times = 1) => {
      cutAt = proxy.bytes + bytes
      every = bytes
      timesLeft = times
    },
    close: () =>
      new Promise((done) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => done())
      }),
  }
  return proxy
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return address.port
}
