import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { access, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { download } from '../../../../blender-worker/transfer/download.ts'
import { sha256Of } from '../../../support/coordinator-double.ts'

const BYTES = Buffer.from(Array.from({ length: 200_000 }, (_unused, index) => index % 251))

let folder: string
let path: string
let server: Server
/** What the server does with each request, in order; the last one stays. */
let script: ((request: IncomingMessage, response: ServerResponse) => void)[]
let ranges: (string | undefined)[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-download-'))
  path = join(folder, 'scene.part')
  script = []
  ranges = []
  server = createServer((request, response) => {
    ranges.push(request.headers.range)
    const step = script.length > 1 ? script.shift() : script[0]
    step?.(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})

afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await rm(folder, { recursive: true, force: true })
})

function fetchIt(over: { signal?: AbortSignal; stallMs?: number; bytes?: number } = {}): Promise<void> {
  // A listening TCP server has an address with a port.
  const { port } = server.address() as AddressInfo
  return download({
    url: new URL(`http://127.0.0.1:${port}/scene?signature=secret`),
    path,
    bytes: over.bytes ?? BYTES.length,
    sha256: sha256Of(BYTES),
    patience: {
      backoff: { baseMs: 1, capMs: 2 },
      fruitlessTriesMax: 3,
      stallMs: over.stallMs ?? 5_000,
      random: () => 0.5,
    },
    signal: over.signal ?? new AbortController().signal,
    log: pino({ level: 'silent' }),
  })
}

const whole = (_request: IncomingMessage, response: ServerResponse) => void response.end(BYTES)
const status = (code: number) => (_request: IncomingMessage, response: ServerResponse) =>
  void response.writeHead(code).end()

function rest(request: IncomingMessage, response: ServerResponse): void {
  const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1])
  response
    .writeHead(206, { 'content-range': `bytes ${from}-${BYTES.length - 1}/${BYTES.length}` })
    .end(BYTES.subarray(from))
}

/** Sends so many bytes, waits until they are on the reader's disk, and cuts the line. */
const cutAfter = (count: number) => (_request: IncomingMessage, response: ServerResponse) => {
  response.writeHead(200, { 'content-length': BYTES.length }).write(BYTES.subarray(0, count))
  void expect
    .poll(async () => (await stat(path)).size, { interval: 5 })
    .toBe(count)
    .then(() => response.destroy())
}

const isWhole = async () => (await readFile(path)).equals(BYTES)

test('a cut is healed by asking for the rest', async () => {
  script = [cutAfter(50_000), rest]
  await fetchIt()
  expect(ranges).toEqual([undefined, 'bytes=50000-'])
  expect(await isWhole()).toBe(true)
})

test('what an earlier run left is gone on with', async () => {
  await writeFile(path, BYTES.subarray(0, 150_000))
  script = [rest]
  await fetchIt()
  expect(ranges).toEqual(['bytes=150000-'])
  expect(await isWhole()).toBe(true)
})

test('a file that is whole already is only checked', async () => {
  await writeFile(path, BYTES)
  await fetchIt()
  expect(ranges).toEqual([])
})

test('a server that knows no ranges sends everything again, and that is taken', async () => {
  script = [cutAfter(50_000), whole]
  await fetchIt()
  expect(await isWhole()).toBe(true)
})

test('leftovers of another file are found out by the hash and fetched anew', async () => {
  await writeFile(path, Buffer.alloc(1_000, 'x'))
  script = [rest, whole]
  await fetchIt()
  expect(ranges).toEqual(['bytes=1000-', undefined])
  expect(await isWhole()).toBe(true)
})

test('a server that sends another file is given up after the second time, and nothing of it is kept', async () => {
  script = [(_request, response) => void response.end(Buffer.alloc(BYTES.length))]
  await expect(fetchIt()).rejects.toMatchObject({
    code: 'scene_download_failed',
    message: expect.stringContaining('SHA-256'),
  })
  expect(ranges).toHaveLength(2)
  await expect(access(path)).rejects.toThrow('ENOENT')
})

test('a server that sends without end cannot fill the disk', async () => {
  script = [
    (_request, response) => {
      const more = (): void => void response.write(BYTES, () => response.destroyed || more())
      more()
    },
  ]
  await expect(fetchIt({ bytes: 1_000 })).rejects.toMatchObject({ code: 'scene_download_failed' })
  await expect(access(path)).rejects.toThrow('ENOENT')
})

test('a range that begins elsewhere than asked is not written into the middle', async () => {
  await writeFile(path, BYTES.subarray(0, 1_000))
  script = [
    (_request, response) =>
      void response
        .writeHead(206, { 'content-range': `bytes 5000-${BYTES.length - 1}/${BYTES.length}` })
        .end(BYTES.subarray(5_000)),
    rest,
  ]
  await fetchIt()
  expect(await isWhole()).toBe(true)
})

test('a server that is not well is asked again, as often as patience goes', async () => {
  script = [status(503), status(500), rest]
  await writeFile(path, BYTES.subarray(0, 10))
  await fetchIt()
  expect(ranges).toHaveLength(3)

  await rm(path)
  script = [status(503)]
  await expect(fetchIt()).rejects.toMatchObject({
    code: 'scene_download_failed',
    message: expect.stringMatching(/in 3 tries, 0 of 200000 bytes came: HTTP 503/),
  })
  expect(ranges).toHaveLength(6)
})

test('a refusal is final, and the message holds no signature', async () => {
  script = [status(403)]
  const failure: unknown = await fetchIt().catch((error: unknown) => error)
  expect(failure).toMatchObject({
    code: 'scene_download_failed',
    message: expect.stringMatching(/^127\.0\.0\.1:\d+\/scene answered HTTP 403$/),
  })
  expect(ranges).toHaveLength(1)
})

test('a connection that stays open and silent counts as cut', async () => {
  script = [() => undefined, whole]
  await fetchIt({ stallMs: 50 })
  expect(ranges).toHaveLength(2)
})

test('an abort ends it with the reason given and keeps the part', async () => {
  const abort = new AbortController()
  script = [
    (_request, response) => {
      response.writeHead(200, { 'content-length': BYTES.length }).write(BYTES.subarray(0, 1_000))
      void expect
        .poll(async () => (await stat(path)).size, { interval: 5 })
        .toBe(1_000)
        .then(() => abort.abort(new Error('the lease is gone')))
    },
  ]
  await expect(fetchIt({ signal: abort.signal })).rejects.toThrow('the lease is gone')
  expect((await stat(path)).size).toBe(1_000)
})
