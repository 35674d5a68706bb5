import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { S3ObjectStore } from '../../../../shared/adapters/object-store/s3.ts'
import { StoreUnavailable } from '../../../../shared/ports/object-store.ts'
import { jobPrefix, workKey } from '../../../../shared/protocol/object-keys.ts'

// A server that answers as each test says: the failures that a healthy one never shows.
const key = workKey('j', 'f.png')
let answer: RequestListener = (_, response) => response.end()
let requests: string[] = []
let server: Server
let store: S3ObjectStore
let scratch = ''
const slept: number[] = []

beforeEach(async () => {
  requests = []
  slept.length = 0
  scratch = await mkdtemp(join(tmpdir(), 'tilework-s3-'))
  server = createServer((incoming, response) => {
    requests.push(`${incoming.method} ${incoming.url}`)
    incoming.resume()
    answer(incoming, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  store = storeAt(server)
})
afterEach(async () => {
  await store.close()
  server.closeAllConnections()
  server.close()
  await rm(scratch, { recursive: true, force: true })
})

function storeAt(at: Server, publicEndpoint?: string): S3ObjectStore {
  const address = at.address()
  if (address === null || typeof address === 'string') throw new Error('not listening')
  return new S3ObjectStore({
    endpoint: `http://127.0.0.1:${address.port}`,
    ...(publicEndpoint === undefined ? {} : { publicEndpoint }),
    region: 'us-east-1',
    bucket: 'tilework',
    forcePathStyle: true,
    credentials: { accessKeyId: 'id', secretAccessKey: 'hidden' },
    nowMs: () => Date.now(),
    sleep: async (durationMs) => void slept.push(durationMs),
  })
}

const refuse =
  (status: number, code: string): RequestListener =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/xml' })
    response.end(`<Error><Code>${code}</Code><Message>said the server</Message></Error>`)
  }

test('a passing failure is tried again, and not told', async () => {
  answer = (incoming, response) =>
    requests.length < 3
      ? refuse(503, 'SlowDown')(incoming, response)
      : response.writeHead(200, { 'content-length': 5 }).end('hello')
  expect((await buffer(await store.read(key))).toString()).toBe('hello')
  expect(requests).toHaveLength(3)
})

test('a lasting failure is a retryable outage after bounded tries', async () => {
  answer = refuse(500, 'InternalError')
  await expect(store.head(key)).rejects.toMatchObject({ name: 'StoreUnavailable', retryable: true })
  expect(requests).toHaveLength(5)
})

test('a server that is not there is a retryable outage', async () => {
  server.close()
  await once(server, 'close')
  await expect(store.check()).rejects.toMatchObject({ name: 'StoreUnavailable', retryable: true })
})

test('what only the operator can mend is not worth another try', async () => {
  for (const [status, code] of [
    [403, 'SignatureDoesNotMatch'],
    [403, 'AccessDenied'],
    [404, 'NoSuchBucket'],
  ] as const) {
    answer = refuse(status, code)
    const error: unknown = await store.check().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(StoreUnavailable)
    expect(error).toMatchObject({ retryable: false })
    expect(String(error)).toContain(code)
    await expect(store.read(key)).rejects.toMatchObject({ name: 'StoreUnavailable' })
  }
})

test('an outage tells nothing of the request, which holds a signature', async () => {
  answer = refuse(403, 'AccessDenied')
  const error: unknown = await store.read(key).catch((thrown: unknown) => thrown)
  if (!(error instanceof Error) || !(error.cause instanceof Error)) throw new Error('no error with a cause')
  expect(Object.keys(error.cause)).toEqual(['name'])
})

test('a download that breaks off is tried again from the start, with waits between', async () => {
  answer = (_, response) => {
    response.writeHead(200, { 'content-length': 10 })
    if (requests.length < 3) response.write('01234', () => response.destroy())
    else response.end('0123456789')
  }
  const file = join(scratch, 'f')
  expect(await store.download(key, file, { bytesMax: 10 })).toMatchObject({ ok: true, bytes: 10 })
  expect(await readFile(file, 'utf8')).toBe('0123456789')
  expect(slept).toEqual([200, 1_000])
})

test('a download that always breaks off is an outage in the end', async () => {
  answer = (_, response) => response.writeHead(200, { 'content-length': 10 }).write('01234', () => response.destroy())
  await expect(store.download(key, join(scratch, 'f'), { bytesMax: 10 })).rejects.toMatchObject({ retryable: true })
  expect(requests).toHaveLength(4)
})

test('a body that breaks off is an outage, not a short object', async () => {
  answer = (_, response) => response.writeHead(200, { 'content-length': 10 }).write('01234', () => response.destroy())
  const stream = await store.read(key)
  await expect(buffer(stream)).rejects.toThrow(StoreUnavailable)
})

test('a server that put the parts together wrongly is caught', async () => {
  answer = (incoming, response) => {
    const url = incoming.url ?? ''
    if (incoming.method === 'POST' && url.includes('uploads')) response.end('<R><UploadId>u1</UploadId></R>')
    else if (incoming.method === 'POST') response.end('<R><ETag>"e"</ETag></R>')
    else if (incoming.method === 'HEAD') response.writeHead(200, { 'content-length': 3 }).end()
    else incoming.on('end', () => response.writeHead(200, { etag: '"e"' }).end())
  }
  async function* big() {
    for (let part = 0; part < 9; part++) yield Buffer.alloc(1024 ** 2)
  }
  await expect(store.put(key, Readable.from(big()), { contentType: 'image/png' })).rejects.toThrow(/holds 3 bytes/)
})

test('signed addresses are those that workers can reach, and carry no checksum of nothing', async () => {
  await store.close()
  store = storeAt(server, 'https://s3.farm.example.org')
  const put = await store.signedPut(key, {
    bytes: 3,
    sha256: 'ab'.repeat(32),
    contentType: 'image/png',
    ttlSeconds: 60,
  })
  expect(put.url).toMatch(/^https:\/\/s3\.farm\.example\.org\/tilework\/jobs\/j\/work\/f\.png\?/)
  expect(new URL(put.url).searchParams.get('X-Amz-SignedHeaders')).toBe(
    'content-length;content-type;host;x-amz-checksum-sha256',
  )
  expect(put.url).not.toContain('crc32')
  expect(put.url).not.toContain('hidden')
  expect(await store.signedGet(key, { ttlSeconds: 60 })).toContain('https://s3.farm.example.org/tilework/')
})

test('a server that does not list unfinished uploads does not stop a deletion', async () => {
  answer = (incoming, response) =>
    incoming.url?.includes('uploads') === true
      ? refuse(403, 'AccessDenied')(incoming, response)
      : response.end('<R><IsTruncated>false</IsTruncated></R>')
  expect(await store.deletePrefix(jobPrefix('j'))).toEqual({ deleted: 0 })
})

test('tidying gives up uploads and checks that nobody goes on with, and only those', async () => {
  const at = (agoMs: number) => new Date(Date.now() - agoMs).toISOString()
  const [old, young] = [25 * 3600_000, 60_000]
  answer = (incoming, response) => {
    const url = incoming.url ?? ''
    if (incoming.method === 'DELETE') return response.writeHead(204).end()
    if (incoming.method === 'HEAD')
      return response
        .writeHead(200, {
          'last-modified': new Date(Date.now() - (url.includes('old') ? old : young)).toUTCString(),
          'content-length': 1,
        })
        .end()
    response.writeHead(200, { 'content-type': 'application/xml' })
    if (url.includes('uploads='))
      return response.end(
        `<ListMultipartUploadsResult>${[
          ['jobs/j/work/a', old],
          ['jobs/j/work/b', young],
        ]
          .filter(() => url.includes('prefix=jobs'))
          .map(
            ([name, ago]) =>
              `<Upload><Key>${name}</Key><UploadId>id</UploadId><Initiated>${at(Number(ago))}</Initiated></Upload>`,
          )
          .join('')}</ListMultipartUploadsResult>`,
      )
    return response.end(
      '<ListBucketResult><Contents><Key>checks/old</Key><Size>1</Size></Contents>' +
        '<Contents><Key>checks/young</Key><Size>1</Size></Contents></ListBucketResult>',
    )
  }
  await store.tidy()
  expect(requests.filter((request) => request.startsWith('DELETE')).map((request) => request.split('?')[0])).toEqual([
    'DELETE /tilework/jobs/j/work/a',
    'DELETE /tilework/checks/old',
  ])
})
