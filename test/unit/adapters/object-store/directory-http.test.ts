import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { registerSignedObjectRoutes } from '../../../../shared/adapters/object-store/directory-http.ts'
import { DirectoryObjectStore } from '../../../../shared/adapters/object-store/directory.ts'
import { finalKey, workKey } from '../../../../shared/protocol/object-keys.ts'

const signingSecret = Buffer.alloc(32, 3)
const png = { contentType: 'image/png' }
const key = finalKey('j', 'frames', 'a.png')
let root = ''
let publicUrl = ''
let store: DirectoryObjectStore
let app: FastifyInstance

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tilework-directory-'))
  const nowMs = () => Date.now()
  store = new DirectoryObjectStore({ root, signingSecret, publicUrl: () => publicUrl, nowMs })
  app = Fastify({ forceCloseConnections: true })
  app.post('/v1/other', (incoming) => ({ got: incoming.body }))
  await registerSignedObjectRoutes(app, { store, signingSecret, nowMs, uploadSilenceMaxMs: 300 })
  publicUrl = await app.listen({ host: '127.0.0.1', port: 0 })
})
afterEach(async () => {
  await app.close()
  await rm(root, { recursive: true, force: true })
})

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const signPut = (bytes: Uint8Array) =>
  store.signedPut(key, { ...png, bytes: bytes.length, sha256: sha256(bytes), ttlSeconds: 60 })
const partial = () => readdir(join(root, 'partial')).catch(() => [])
const codeOf = async (response: Response) => {
  expect(response.headers.get('content-type')).toContain('application/problem+json')
  const problem: unknown = await response.json()
  expect(problem).toMatchObject({ status: response.status })
  return typeof problem === 'object' && problem !== null && 'code' in problem ? problem.code : null
}

test('takes a body far over the limit of other routes, from fetch', async () => {
  const bytes = Buffer.alloc(12 * 1024 ** 2, 'abc')
  const { url, method, headers } = await signPut(bytes)
  const response = await fetch(url, { method, headers, body: bytes })
  expect(response.status).toBe(200)
  expect(await store.head(key)).toMatchObject({ bytes: bytes.length })
})

test('leaves the parsers of other routes alone', async () => {
  const response = await fetch(`${publicUrl}/v1/other`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"a":1}',
  })
  expect(await response.json()).toEqual({ got: { a: 1 } })
})

test('stops reading an upload without length once it is longer than signed', async () => {
  const { url } = await signPut(Buffer.alloc(1000))
  const sent = request(url, { method: 'PUT', headers: { 'content-type': 'image/png', 'transfer-encoding': 'chunked' } })
  sent.on('error', () => undefined)
  const answered = once(sent, 'response')
  // Never ended: the answer must come all the same.
  sent.write(Buffer.alloc(1001))
  const [response] = await answered
  expect(response.statusCode).toBe(422)
  sent.destroy()
  expect(await store.head(key)).toBeNull()
  expect(await partial()).toEqual([])
})

test('tells a client with a long wrong body why it was refused', async () => {
  const { url, method } = await signPut(Buffer.alloc(1000))
  const response = await fetch(url, {
    method,
    headers: { 'content-type': 'image/png' },
    body: Buffer.alloc(50_000_000),
  })
  expect(response.status).toBe(422)
  expect(await codeOf(response)).toBe('wrong_bytes')
})

test('an upload that is cut leaves nothing', async () => {
  const { url, headers } = await signPut(Buffer.alloc(100_000))
  const sent = request(url, { method: 'PUT', headers })
  sent.on('error', () => undefined)
  sent.write(Buffer.alloc(50_000))
  await expect.poll(partial).toHaveLength(1)
  sent.destroy()
  await expect.poll(partial).toEqual([])
  expect(await store.head(key)).toBeNull()
})

test('an upload that falls silent is cut', async () => {
  const { url, headers } = await signPut(Buffer.alloc(100_000))
  const sent = request(url, { method: 'PUT', headers })
  sent.on('error', () => undefined)
  sent.write(Buffer.alloc(50_000))
  await new Promise((closed) => sent.on('close', closed))
  await expect.poll(partial).toEqual([])
  expect(await store.head(key)).toBeNull()
})

test('a wrong hash is refused by name', async () => {
  const { url, method, headers } = await signPut(Buffer.alloc(1000, 1))
  const response = await fetch(url, { method, headers, body: Buffer.alloc(1000, 2) })
  expect(response.status).toBe(422)
  expect(await codeOf(response)).toBe('wrong_sha256')
})

test('HEAD tells what GET would, without a body', async () => {
  await store.put(key, Buffer.alloc(1234), png)
  const response = await fetch(await store.signedGet(key, { ttlSeconds: 60 }), { method: 'HEAD' })
  expect(response.status).toBe(200)
  expect(response.headers.get('content-length')).toBe('1234')
  expect(response.headers.get('accept-ranges')).toBe('bytes')
  expect(await response.text()).toBe('')
})

test('a resumed download starts again when the object has changed', async () => {
  await store.put(key, Buffer.from('first version'), png)
  const url = await store.signedGet(key, { ttlSeconds: 60 })
  const first = await fetch(url)
  expect(await first.text()).toBe('first version')
  const etag = first.headers.get('etag') ?? ''
  const resume = () => fetch(url, { headers: { range: 'bytes=6-', 'if-range': etag } })
  expect(await (await resume()).text()).toBe('version')
  await store.put(key, Buffer.from('another version'), png)
  const changed = await resume()
  expect(changed.status).toBe(200)
  expect(await changed.text()).toBe('another version')
})

test('what a stranger uploaded is not run by a browser', async () => {
  await store.put(workKey('j', 'page.html'), Buffer.from('<script>'), png)
  const { headers } = await fetch(await store.signedGet(workKey('j', 'page.html'), { ttlSeconds: 60 }), {
    method: 'HEAD',
  })
  expect(headers.get('content-type')).toBe('application/octet-stream')
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('content-security-policy')).toContain('sandbox')
})

test('a failing folder is 503, and its path is not told', async () => {
  await rm(root, { recursive: true, force: true })
  await writeFile(root, 'no folder any more')
  const { url, method, headers } = await signPut(Buffer.alloc(10))
  const response = await fetch(url, { method, headers, body: Buffer.alloc(10) })
  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).not.toBeNull()
  expect(await response.text()).not.toContain(root)
})

test('addresses outside of the store are refused', async () => {
  const get = await store.signedGet(key, { ttlSeconds: 60 })
  for (const path of ['', '..%2f..%2fetc%2fpasswd', 'jobs/%2e%2e/x', 'jobs/j/final/frames/A.png', '%00']) {
    const response = await fetch(`${publicUrl}/v1/objects/${path}?${get.split('?')[1]}`)
    expect(response.status, path).toBe(403)
  }
})
