/*
 * Our own redis-server: a child of this process on a unix socket, with an append-only file, for the farm on one
 * machine.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Redis } from 'ioredis'
import type { Logger } from '../../ports/core.ts'
import { after, pause } from '../system/timers.ts'

/**
 * Longest wait for the first PONG, in ms: an empty one takes 50, one that loads some GiB of append-only file a minute.
 */
const START_DEADLINE_MS = 120_000
const POLL_PAUSE_MS = 20
/** Longest wait for a clean end, in ms: it writes what it holds to disk first. */
const STOP_DEADLINE_MS = 15_000
/** Longest path that the kernel takes for a unix socket, in bytes, without the closing zero. */
const SOCKET_PATH_BYTES_MAX = 107
/** Last lines that the server printed, shown when it does not start. */
const LAST_WORDS_LENGTH_MAX = 2_000

export interface RedisServerOptions {
  /** Where the append-only file and the socket lie; made if missing. */
  readonly folder: string
  readonly binary?: string
  readonly log?: Pick<Logger, 'warn' | 'info'>
  readonly startDeadlineMs?: number
}

export interface RedisServer {
  /** What `connectRedis` takes. */
  readonly url: string
  readonly pid: number
  /** Resolves once it has ended, for whatever reason. */
  readonly ended: Promise<void>
  /** Lets it write to disk and end; kills it if it does not within 15 s. Legal twice. */
  stop(): Promise<void>
}

/** Our redis-server could not be started. `message` says why and what to do. */
class RedisServerFailed extends Error {
  override readonly name = 'RedisServerFailed'
  readonly code: 'binary_missing' | 'did_not_start' | 'path_too_long'
  constructor(code: RedisServerFailed['code'], message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

/** Starts a redis-server and waits until it answers. Throws RedisServerFailed. */
export async function startRedisServer(options: RedisServerOptions): Promise<RedisServer> {
  const folder = resolve(options.folder)
  const binary = options.binary ?? 'redis-server'
  const socket = join(folder, 'redis.sock')
  if (Buffer.byteLength(socket) > SOCKET_PATH_BYTES_MAX) {
    throw new RedisServerFailed(
      'path_too_long',
      `the socket ${socket} would have a path of more than ${SOCKET_PATH_BYTES_MAX} ` +
        'bytes: choose a data folder with a shorter path',
    )
  }
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await endLeftBehind(socket)
  // Ctrl-C at a terminal goes to the whole group, and a farm needs its Redis to stop in good order.
  const inGroupOfItsOwn = process.platform !== 'win32'
  const child = spawn(binary, serverArguments(folder, socket), {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: inGroupOfItsOwn,
  })
  let words = ''
  const listen = (chunk: Buffer) => (words = (words + chunk.toString()).slice(-LAST_WORDS_LENGTH_MAX))
  child.stdout.on('data', listen)
  child.stderr.on('data', listen)
  let failure: Error | null = null
  const ended = new Promise<void>((done) => {
    child.once('exit', () => done())
    child.once('error', (error) => {
      failure = error
      done()
    })
  })
  let running = true
  void ended.then(() => (running = false))

  const giveUpAt = performance.now() + (options.startDeadlineMs ?? START_DEADLINE_MS)
  while (!(await answers(socket))) {
    if (running && performance.now() < giveUpAt) {
      await pause(POLL_PAUSE_MS)
      continue
    }
    await stopChild(child, ended, running)
    throw startFailure(binary, failure, words)
  }
  options.log?.info({ pid: child.pid, folder }, 'redis server started')
  // A process that ends at once takes its server with it.
  const takeAlong = (): void => void child.kill('SIGTERM')
  process.once('exit', takeAlong)
  void ended.then(() => process.off('exit', takeAlong))
  return { url: socket, pid: child.pid ?? 0, ended, stop: () => stopChild(child, ended, running) }
}

/**
 * A farm that was killed leaves its server running, and two servers on one append-only file would spoil it. The caller
 * holds the folder, so a server that answers here is nobody's.
 */
async function endLeftBehind(socket: string): Promise<void> {
  for (const giveUpAt = performance.now() + STOP_DEADLINE_MS; await answers(socket); await pause(POLL_PAUSE_MS)) {
    if (performance.now() > giveUpAt)
      throw new RedisServerFailed(
        'did_not_start',
        `a redis-server of before still runs on ${socket} and does not end; end it, then start again`,
      )
    const redis = new Redis(socket, { lazyConnect: true, retryStrategy: null, maxRetriesPerRequest: 0 })
    redis.on('error', () => undefined) // it hangs up when it ends, and that is what is wanted
    await redis.shutdown().catch(() => undefined)
    redis.disconnect()
  }
}

function serverArguments(folder: string, socket: string): string[] {
  return [
    '--port',
    '0',
    '--unixsocket',
    socket,
    '--unixsocketperm',
    '700',
    '--dir',
    folder,
    '--appendonly',
    'yes',
    '--save',
    '',
    // Everything that was acknowledged survives kill -9 and power cuts. With `everysec` a busy disk lets Redis answer
    // before it has written at all, and a lease that was given and forgotten could be given again under the same epoch.
    '--appendfsync',
    'always',
    // to forget a part of the farm state is worse than to refuse a write
    '--maxmemory-policy',
    'noeviction',
    // queue entries and small records stay in the compact form
    '--hash-max-listpack-value',
    '512',
    '--daemonize',
    'no',
  ]
}

function startFailure(binary: string, failure: Error | null, words: string): RedisServerFailed {
  if (failure !== null && 'code' in failure && failure.code === 'ENOENT') {
    return new RedisServerFailed(
      'binary_missing',
      `there is no ${binary}: install Redis 6.2 or newer (Debian, Ubuntu: apt install redis-server; ` +
        'macOS: brew install redis), or give the address of one that runs in REDIS_URL',
      failure,
    )
  }
  return new RedisServerFailed(
    'did_not_start',
    `${binary} did not start: ${failure?.message ?? (words.trim() || 'it said nothing')}`,
    failure,
  )
}

/** One PING over a connection of its own; false for every failure. */
async function answers(socket: string): Promise<boolean> {
  const redis = new Redis(socket, {
    lazyConnect: true,
    retryStrategy: null,
    enableOfflineQueue: false,
    connectTimeout: 1_000,
    commandTimeout: 1_000,
  })
  // every failure means "not yet"; the deadline decides when that is too long
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    return (await redis.ping()) === 'PONG'
  } catch {
    return false
  } finally {
    redis.disconnect()
  }
}

async function stopChild(child: ChildProcess, ended: Promise<void>, running: boolean): Promise<void> {
  if (!running || child.exitCode !== null || child.signalCode !== null) return await ended
  child.kill('SIGTERM')
  const cancelKill = after(STOP_DEADLINE_MS, () => child.kill('SIGKILL'))
  await ended
  cancelKill()
}
