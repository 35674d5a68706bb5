import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import type { ClientRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { Upload } from 'tus-js-client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { buildApp } from '../../../services/coordinator/app.ts'
import { chainOf, UploadStore } from '../../../services/coordinator/uploads/upload-store.ts'
import { SceneFileReader } from '../../../shared/adapters/scene-files/scene-reader.ts'
import { StoreUnavailable } from '../../../shared/ports/object-store.ts'
import { sortableId } from '../../../shared/protocol/ids.ts'
import { blobKey, uploadKey, UPLOADS_PREFIX } from '../../../shared/protocol/object-keys.ts'
import { smallBlend } from '../../fixtures/scenes/small-blend.ts'
import { everyActionFails } from '../../support/every-action.ts'
import { problemOf, sha256Of, startRestFarm, TOKENS } from '../../support/rest-farm.ts'
import type { RestFarm, Who } from '../../support/rest-farm.ts'

/** A .blend with 8 MB of what a reader skips behind it, so that there is something to interrupt. */
const LARGE = smallBlend({
  others: () => [{ code: 'DATA', address: 0x99n, structIndex: 0, count: 1, bytes: randomBytes(8_000_000) }],
})
const SMALL = smallBlend()

let farm: RestFarm
let storeIsAway = false
/** What is sent arrives, but no scene can be stored. */
let blobsAreAway = false
const HOUR_MS = 3600_000
beforeEach(async () => {
  storeIsAway = false
  blobsAreAway = false
  farm = await startRestFarm({
    limits: { sceneBytesMax: 10_000_000, uploadsPerOwnerMax: 3, uploadsUnfinishedMax: 5, uploadSweepMs: 20 },
    beforeObjectCall: (_call, name) => {
      if (storeIsAway || (blobsAreAway && name.startsWith('blobs/')))
        throw new StoreUnavailable('away', { cause: null, retryable: true })
    },
  })
  await farm.app.listen({ host: '127.0.0.1', port: 0 })
})
afterEach(() => farm.close())

const endpoint = () => `http://127.0.0.1:${(farm.app.server.address() as AddressInfo).port}/v1/uploads`
const TUS = { 'tus-resumable': '1.0.0' }
const meta = (values: Record<string, string>) =>
  Object.entries(values)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    .join(',')

const create = (bytes: number, metadata: Record<string, string> = {}, who: Who = 'ada') =>
  farm.ask(who, {
    method: 'POST',
    url: '/v1/uploads',
    headers: {
      ...TUS,
      'upload-length': String(bytes),
      ...(Object.keys(metadata).length > 0 ? { 'upload-metadata': meta(metadata) } : {}),
    },
  })
const patch = (location: unknown, offset: number, payload: Buffer, who: Who = 'ada') =>
  farm.ask(who, {
    method: 'PATCH',
    url: String(location),
    headers: { ...TUS, 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream' },
    payload,
  })
/** What lies in the object store of uploads, without their ids. */
const shelved = async () =>
  (await farm.objects.list(UPLOADS_PREFIX, { limit: 100 })).keys.map(({ key }) => key.split('/').slice(2).join('/'))
const head = (location: unknown, who: Who = 'ada') =>
  farm.ask(who, { method: 'HEAD', url: String(location), headers: TUS })

test('an upload that was broken off goes on where it stopped, and the scene has the same hash', async () => {
  const location = await new Promise<string>((resolve, reject) => {
    const upload: Upload = new Upload(LARGE, {
      endpoint: endpoint(),
      headers: { authorization: `Bearer ${TOKENS.ada}` },
      metadata: { filename: 'large.blend', sha256: sha256Of(LARGE) },
      chunkSize: 1_000_000,
      retryDelays: null,
      onChunkComplete: (_size, accepted) => {
        if (accepted >= 3_000_000) void upload.abort(false).then(() => resolve(upload.url ?? ''), reject)
      },
      onError: reject,
    })
    upload.start()
  })
  await expect
    .poll(async () => Number((await head(new URL(location).pathname)).headers['upload-offset']))
    .toBeGreaterThanOrEqual(3_000_000)
  expect((await farm.store.listScenes({ limit: 10 })).items).toEqual([])

  let sentAgain = 0
  const scene = await new Promise<string | undefined>((resolve, reject) => {
    const upload = new Upload(LARGE, {
      endpoint: endpoint(),
      uploadUrl: location,
      headers: { authorization: `Bearer ${TOKENS.ada}` },
      retryDelays: null,
      onProgress: (sent) => (sentAgain ||= sent),
      onSuccess: ({ lastResponse }) => resolve(lastResponse.getHeader('tilework-scene')),
      onError: reject,
    })
    upload.start()
  })
  expect(scene).toBe(sha256Of(LARGE))
  expect(sentAgain).toBeGreaterThanOrEqual(3_000_000)
  expect((await farm.objects.head(blobKey(sha256Of(LARGE))))?.bytes).toBe(LARGE.length)
  expect((await farm.ask('ada', { url: `/v1/scenes/${scene}` })).json()).toMatchObject({
    name: 'large.blend',
    bytes: LARGE.length,
  })
})

test('a connection that breaks within a part keeps what came', async () => {
  const { headers } = await create(LARGE.length)
  const sending = startPatch(String(headers.location), LARGE.length)
  await new Promise((resolve) => sending.write(LARGE.subarray(0, 2_000_000), resolve))
  await expect.poll(() => farm.leftOnDisk()).toHaveLength(1)
  sending.destroy()
  await expect.poll(async () => Number((await head(headers.location)).headers['upload-offset'])).toBeGreaterThan(0)
  const offset = Number((await head(headers.location)).headers['upload-offset'])
  const last = await patch(headers.location, offset, LARGE.subarray(offset))
  expect([last.statusCode, last.headers['tilework-scene']]).toEqual([204, sha256Of(LARGE)])
})

test('what an upload became is told for a day to its owner, and its bytes are gone at once', async () => {
  const { headers } = await create(SMALL.length, { filename: 'small.blend' })
  expect(String(headers.location)).toMatch(/^\/v1\/uploads\/upl_/)
  expect(await patch(headers.location, 0, SMALL)).toMatchObject({
    statusCode: 204,
    headers: { 'upload-offset': String(SMALL.length), 'tilework-scene': sha256Of(SMALL) },
  })
  expect(await head(headers.location)).toMatchObject({
    statusCode: 200,
    headers: {
      'upload-offset': String(SMALL.length),
      'upload-length': String(SMALL.length),
      'tilework-scene': sha256Of(SMALL),
      'cache-control': 'no-store',
    },
  })
  expect([await shelved(), await farm.leftOnDisk()]).toEqual([['scene.json'], []])
  expect((await head(headers.location, 'ben')).statusCode).toBe(404)
})

test('an upload in one request is possible', async () => {
  const answer = await farm.ask('ada', {
    method: 'POST',
    url: '/v1/uploads',
    headers: { ...TUS, 'upload-length': String(SMALL.length), 'content-type': 'application/offset+octet-stream' },
    payload: SMALL,
  })
  expect(answer).toMatchObject({
    statusCode: 201,
    headers: { 'upload-offset': String(SMALL.length), 'tilework-scene': sha256Of(SMALL) },
  })
})

test.each([
  ['no scene', Buffer.from('no scene at all'), {}, 'not_a_scene'],
  ['a truncated .blend', SMALL.subarray(0, SMALL.length - 100), {}, 'blend_invalid'],
  ['another file than declared', SMALL, { sha256: 'b'.repeat(64) }, 'upload_hash_mismatch'],
])('%s is refused with the last part, and the upload is gone', async (_what, bytes, metadata, code) => {
  const { headers } = await create(bytes.length, metadata)
  await patch(headers.location, 0, bytes.subarray(0, 8))
  expect(problemOf(await patch(headers.location, 8, bytes.subarray(8)))).toMatchObject({ code, status: 422 })
  expect((await head(headers.location)).statusCode).toBe(404)
  expect([await shelved(), await farm.leftOnDisk()]).toEqual([[], []])
})

test('an upload of nothing is refused as a scene', async () => {
  expect(problemOf(await create(0)).code).toBe('not_a_scene')
  expect([await shelved(), await farm.leftOnDisk()]).toEqual([[], []])
})

test(
  'while the object store is away nothing is lost: an upload goes on where it stood, ' +
    'and one that is whole is taken in when its client asks again',
  async () => {
    const { headers } = await create(SMALL.length)
    await patch(headers.location, 0, SMALL.subarray(0, 500))
    storeIsAway = true
    const refused = await patch(headers.location, 500, SMALL.subarray(500))
    expect(problemOf(refused).code).toBe('store_unavailable')
    expect(refused.headers['retry-after']).toBe('5')
    expect((await head(headers.location)).statusCode).toBe(503)
    storeIsAway = false
    expect((await head(headers.location)).headers['upload-offset']).toBe('500')
    blobsAreAway = true
    expect(problemOf(await patch(headers.location, 500, SMALL.subarray(500))).code).toBe('store_unavailable')
    blobsAreAway = false
    expect(await head(headers.location)).toMatchObject({
      statusCode: 200,
      headers: { 'upload-offset': String(SMALL.length), 'tilework-scene': sha256Of(SMALL) },
    })
    expect((await farm.ask('ada', { url: `/v1/scenes/${sha256Of(SMALL)}` })).statusCode).toBe(200)
  },
)

test("nobody can look at, add to or end somebody else's upload", async () => {
  const { headers } = await create(SMALL.length)
  expect((await head(headers.location, 'ben')).statusCode).toBe(404)
  expect(problemOf(await patch(headers.location, 0, SMALL, 'ben')).code).toBe('not_found')
  expect(problemOf(await farm.ask('ben', { method: 'DELETE', url: String(headers.location), headers: TUS })).code).toBe(
    'not_found',
  )
  expect((await head(headers.location)).headers['upload-offset']).toBe('0')
})

test('an upload that is given up leaves nothing', async () => {
  const { headers } = await create(SMALL.length)
  await patch(headers.location, 0, SMALL.subarray(0, 100))
  expect((await farm.ask('ada', { method: 'DELETE', url: String(headers.location), headers: TUS })).statusCode).toBe(
    204,
  )
  expect([await shelved(), await farm.leftOnDisk()]).toEqual([[], []])
  expect((await head(headers.location)).statusCode).toBe(404)
})

test.each([
  ['a length over the limit', { 'upload-length': '10000001' }, 'too_large', 413],
  ['no length', {}, 'bad_request', 400],
  ['a length that is none', { 'upload-length': '-1' }, 'bad_request', 400],
  ['metadata that is not of the form', { 'upload-length': '1', 'upload-metadata': 'a b c' }, 'bad_request', 400],
  [
    'an unknown key of metadata',
    { 'upload-length': '1', 'upload-metadata': meta({ owner: 'root' }) },
    'bad_request',
    400,
  ],
  ['a hash that is none', { 'upload-length': '1', 'upload-metadata': meta({ sha256: 'abc' }) }, 'bad_request', 400],
  ['another version of the protocol', { 'upload-length': '1', 'tus-resumable': '0.2.0' }, 'bad_request', 400],
])('%s is refused and begins nothing', async (_what, headers, code, status) => {
  expect(
    problemOf(await farm.ask('ada', { method: 'POST', url: '/v1/uploads', headers: { ...TUS, ...headers } })),
  ).toMatchObject({ code, status })
  expect([await shelved(), await farm.leftOnDisk()]).toEqual([[], []])
})

test('a client that does not say it speaks tus is told so', async () => {
  expect(
    problemOf(await farm.ask('ada', { method: 'POST', url: '/v1/uploads', headers: { 'upload-length': '1' } })),
  ).toMatchObject({ code: 'bad_request', status: 412 })
})

test('a part at the wrong place or with too many bytes changes nothing', async () => {
  const { headers } = await create(100)
  expect(problemOf(await patch(headers.location, 7, Buffer.alloc(10)))).toMatchObject({ code: 'conflict', status: 409 })
  expect(problemOf(await patch(headers.location, 0, Buffer.alloc(101))).code).toBe('too_large')
  expect((await head(headers.location)).headers['upload-offset']).toBe('0')
})

test.each(['upl_x', '..%2F..%2Fetc%2Fpasswd', `upl_${'0'.repeat(26)}`, `upl_${'0'.repeat(26)}.json`])(
  'the upload %s is not found',
  async (id) => {
    expect((await head(`/v1/uploads/${id}`)).statusCode).toBe(404)
    expect(problemOf(await patch(`/v1/uploads/${id}`, 0, SMALL)).code).toBe('not_found')
  },
)

test('one owner may have so many uploads lying about, another as many', async () => {
  for (let count = 0; count < 3; count++) expect((await create(100)).statusCode).toBe(201)
  expect(problemOf(await create(100)).code).toBe('rate_limited')
  expect((await create(100, {}, 'ben')).statusCode).toBe(201)
})

test('what began longer ago than the life of an upload is swept away, and nothing else', async () => {
  const nowMs = Date.now()
  const [old, done, young] = [3 * HOUR_MS, 2 * HOUR_MS, HOUR_MS / 2].map(
    (ago) => `upl_${sortableId(nowMs - ago, randomBytes(16))}`,
  )
  for (const [id, path] of [
    [old, 'sent/said.json'],
    [old, 'sent/part-00000000000000-5'],
    [done, 'scene.json'],
    [young, 'sent/said.json'],
  ])
    await farm.objects.put(uploadKey(id!, path!), Buffer.from('{}'), { contentType: 'application/json' })
  expect(await new UploadStore(farm.objects, farm.dataDir, HOUR_MS).sweep(nowMs)).toBe(2)
  expect((await farm.objects.list(UPLOADS_PREFIX, { limit: 10 })).keys.map(({ key }) => key)).toEqual([
    `uploads/${young}/sent/said.json`,
  ])
})

test('no more uploads wait here than all owners together may have', async () => {
  for (const who of ['ada', 'ada', 'ada', 'ben', 'ben'] as const)
    expect((await create(9, {}, who)).statusCode).toBe(201)
  const refused = problemOf(await create(9, {}, 'ben'))
  expect(refused).toMatchObject({ code: 'rate_limited', detail: expect.stringContaining('5 uploads are unfinished') })
})

test('an upload that nobody goes on with is removed by and by, though no other one comes', async () => {
  const old = uploadKey(`upl_${sortableId(Date.now() - 25 * HOUR_MS, randomBytes(16))}`, 'sent/part-00000000000000-5')
  await farm.objects.put(old, Buffer.from('bytes'), { contentType: 'application/octet-stream' })
  await vi.waitFor(async () => expect(await shelved()).toEqual([]))
})

test.each([
  ['none', [], []],
  [
    'one after the other',
    [
      [0, 5],
      [5, 9],
    ],
    [
      [0, 5],
      [5, 9],
    ],
  ],
  [
    'with a gap',
    [
      [0, 5],
      [6, 9],
    ],
    [[0, 5]],
  ],
  ['not from the beginning', [[1, 5]], []],
  [
    'sent again from where a cut left them, while the first connection still brought some',
    [
      [0, 4],
      [0, 8],
      [4, 12],
      [8, 10],
    ],
    [
      [0, 8],
      [4, 12],
    ],
  ],
])('parts reach as far as they have no gap: %s', (_what, parts, chain) => {
  const named = (pairs: readonly number[][]) => pairs.map(([from = 0, to = 0]) => ({ name: `${from}-${to}`, from, to }))
  expect(chainOf(named(parts))).toEqual(named(chain))
})

test('two connections may send one upload at the same time, and its bytes are what they are', async () => {
  const { headers } = await create(LARGE.length, { sha256: sha256Of(LARGE) })
  const id = String(headers.location).split('/').at(-1) ?? ''
  for (const [from, to] of [
    [0, 3_000_000],
    [0, 2_000_000],
    [2_000_000, 5_000_000],
  ] as const)
    await farm.objects.put(
      uploadKey(id, `sent/part-${String(from).padStart(14, '0')}-${to - from}`),
      LARGE.subarray(from, to),
      { contentType: 'application/octet-stream' },
    )
  expect((await head(headers.location)).headers['upload-offset']).toBe('5000000')
  expect((await patch(headers.location, 5_000_000, LARGE.subarray(5_000_000))).headers['tilework-scene']).toBe(
    sha256Of(LARGE),
  )
})

test('an unfinished upload goes on at any coordinator', async () => {
  const { headers } = await create(SMALL.length)
  await patch(headers.location, 0, SMALL.subarray(0, 500))
  const dataDir = await mkdtemp(join(tmpdir(), 'tilework-other-'))
  const next = await buildApp({
    farm: everyActionFails('no job is asked for'),
    store: farm.store,
    objects: farm.objects,
    scenes: new SceneFileReader(),
    log: pino({ enabled: false }),
    dataDir,
    version: '2',
  })
  const authorization = `Bearer ${TOKENS.ada}`
  expect(
    (await next.inject({ method: 'HEAD', url: String(headers.location), headers: { ...TUS, authorization } })).headers[
      'upload-offset'
    ],
  ).toBe('500')
  const last = await next.inject({
    method: 'PATCH',
    url: String(headers.location),
    headers: { ...TUS, authorization, 'upload-offset': '500', 'content-type': 'application/offset+octet-stream' },
    payload: SMALL.subarray(500),
  })
  expect(last.headers['tilework-scene']).toBe(sha256Of(SMALL))
  await next.close()
  await rm(dataDir, { recursive: true })
  expect((await head(headers.location)).headers['tilework-scene']).toBe(sha256Of(SMALL))
})

test('a coordinator that stops does not wait for uploads, and keeps what came of them', async () => {
  const { headers } = await create(LARGE.length)
  const sending = startPatch(String(headers.location), LARGE.length)
  await new Promise((resolve) => sending.write(LARGE.subarray(0, 2_000_000), resolve))
  const cut = new Promise((resolve) => sending.on('error', resolve))
  await expect.poll(() => farm.leftOnDisk()).toHaveLength(1)
  await farm.app.close()
  await cut
  expect([await shelved(), await farm.leftOnDisk()]).toEqual([
    [expect.stringMatching(/^sent\/part-00000000000000-\d+$/), 'sent/said.json'],
    [],
  ])
})

test('more uploads at once than the disk can take are put off', async () => {
  await farm.close()
  farm = await startRestFarm({ limits: { uploadsAtOnceMax: 1 } })
  await farm.app.listen({ host: '127.0.0.1', port: 0 })
  const { headers } = await create(LARGE.length)
  const sending = startPatch(String(headers.location), LARGE.length)
  await new Promise((resolve) => sending.write(LARGE.subarray(0, 1000), resolve))
  await expect.poll(() => farm.leftOnDisk()).toHaveLength(1)
  expect(problemOf(await create(10)).code).toBe('rate_limited')
  sending.destroy()
  await expect.poll(async () => (await create(10)).statusCode).toBe(201)
})

function startPatch(location: string, bytes: number): ClientRequest {
  const headers = {
    ...TUS,
    authorization: `Bearer ${TOKENS.ada}`,
    'upload-offset': '0',
    'content-type': 'application/offset+octet-stream',
    'content-length': bytes,
  }
  return httpRequest(new URL(location, endpoint()), { method: 'PATCH', headers }).on('error', () => {})
}
