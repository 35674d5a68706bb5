import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer } from 'node:net'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectWaiting } from '../../../shared/adapters/redis/link.ts'
import { useRedis } from '../../support/redis.ts'

const HEALTH = fileURLToPath(new URL('../../../docker/health/', import.meta.url))
const silent = { warn() {}, debug() {} }

/** What a container's /tmp is: where the heartbeat lies. */
let folder = ''
const cleanups: (() => unknown)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tilework-health-'))
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  rmSync(folder, { recursive: true, force: true })
})

async function check(
  service: string,
  env: Readonly<Record<string, string>>,
): Promise<{ status: number | null; said: string }> {
  const child = spawn(process.execPath, [join(HEALTH, 'check.mjs'), service], {
    env: { PATH: process.env['PATH'] ?? '', TMPDIR: folder, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const [status] = await once(child, 'close')
  return { status, said: said.trim() }
}

function beat(pid: number, ageMs = 0): void {
  const file = join(folder, 'tilework-heartbeat')
  writeFileSync(file, `${pid}\n`)
  utimesSync(file, (Date.now() - ageMs) / 1000, (Date.now() - ageMs) / 1000)
}

async function listening<T extends Server>(server: T): Promise<{ server: T; port: number }> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => new Promise((resolve) => server.close(resolve)))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port was given')
  return { server, port: address.port }
}

describe('the heartbeat', () => {
  it('names the process it was loaded into, and does not keep it alive', () => {
    const ran = spawnSync(
      process.execPath,
      [
        '--import',
        join(HEALTH, 'heartbeat.mjs'),
        '--print',
        `process.pid + ' ' + fs.readFileSync('${join(folder, 'tilework-heartbeat')}', 'utf8').trim()`,
      ],
      { env: { TMPDIR: folder }, encoding: 'utf8' },
    )
    const [own, beaten] = ran.stdout.trim().split(' ')
    expect(own).toMatch(/^\d+$/)
    expect(beaten).toBe(own)
  })

  it('says once why it cannot be written, and lets the service run', () => {
    const ran = spawnSync(process.execPath, ['--import', join(HEALTH, 'heartbeat.mjs'), '--print', '"service"'], {
      env: { TMPDIR: join(folder, 'missing') },
      encoding: 'utf8',
    })
    expect(ran.stdout).toBe('service\n')
    expect(ran.stderr).toMatch(/^the heartbeat .*missing.* cannot be written/)
  })
})

describe('the check', () => {
  it('asks which service is meant', async () => {
    expect(await check('dashboard', {})).toEqual({
      status: 1,
      said: 'say of which service: coordinator, verifier, assembler, worker',
    })
  })
})

describe('the check of a coordinator', () => {
  it('follows /readyz', async () => {
    let status = 200
    const { port } = await listening(
      createHttpServer((request, response) =>
        response.writeHead(request.url === '/readyz' ? status : 404).end('{"code":"redis_unavailable"}'),
      ),
    )
    expect(await check('coordinator', { PORT: String(port) })).toEqual({ status: 0, said: 'ready' })
    status = 503
    const failing = await check('coordinator', { PORT: String(port) })
    expect(failing.status).toBe(1)
    expect(failing.said).toContain('503: {"code":"redis_unavailable"}')
  })

  it('fails where nothing listens', async () => {
    const { server, port } = await listening(createServer())
    server.close()
    expect(await check('coordinator', { PORT: String(port) })).toMatchObject({
      status: 1,
      said: expect.stringContaining('does not answer'),
    })
  })
})

describe('the check of a worker', () => {
  it('passes while the process of the heartbeat is connected to the coordinator, and fails after', async () => {
    const { server, port } = await listening(createServer())
    const accepted = once(server, 'connection')
    const socket = connect(port, '127.0.0.1')
    cleanups.push(() => socket.destroy())
    const [peer] = await accepted
    beat(process.pid)
    const env = { TILEWORK_WORKER_URL: `ws://127.0.0.1:${port}` }
    expect(await check('worker', env)).toEqual({ status: 0, said: `connected to 127.0.0.1:${port}` })

    beat(process.ppid)
    // Somebody else's connection is not the worker's.
    expect((await check('worker', env)).said).toContain('no connection to port')
    beat(process.pid)
    const closed = once(socket, 'close')
    peer.destroy()
    socket.destroy()
    await closed
    expect(await check('worker', env)).toMatchObject({
      status: 1,
      said: expect.stringContaining('no connection to port'),
    })
  })

  it('fails without a heartbeat and with an old one', async () => {
    const env = { TILEWORK_WORKER_URL: 'ws://127.0.0.1:8470' }
    expect(await check('worker', env)).toMatchObject({ status: 1, said: expect.stringContaining('has not started') })
    beat(process.pid, 120_000)
    expect(await check('worker', env)).toMatchObject({
      status: 1,
      said: 'the last heartbeat is 120 s old: the process hangs',
    })
  })
})

describe('the check of a verifier', () => {
  const test = useRedis()

  it('passes while Redis sees a consumer of its queue, and fails after', async () => {
    beat(process.pid)
    const consumer = connectWaiting(test.url, { name: 'tilework-verify', log: silent })
    cleanups.push(() => consumer.disconnect())
    await consumer.ping()
    expect(await check('verifier', { REDIS_URL: test.url })).toEqual({ status: 0, said: 'consumes verify' })
    expect((await check('assembler', { REDIS_URL: test.url })).said).toContain('sees no consumer of the queue assemble')
  })

  it('fails while Redis is away', async () => {
    beat(process.pid)
    const { status, said } = await check('verifier', { REDIS_URL: join(folder, 'no.sock') })
    expect(status).toBe(1)
    expect(said).toContain('Redis cannot be reached')
  })
})
