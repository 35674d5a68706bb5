import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ZipFile } from 'yazl'
import { StoreUnavailable } from '../../../shared/ports/object-store.ts'
import { BLOBS_PREFIX, blobKey } from '../../../shared/protocol/object-keys.ts'
import { SceneRecord } from '../../../shared/protocol/scene.ts'
import { smallBlend } from '../../fixtures/scenes/small-blend.ts'
import { problemOf, sceneForm, sha256Of, startRestFarm, TOKENS } from '../../support/rest-farm.ts'
import type { RestFarm } from '../../support/rest-farm.ts'

const BLEND = smallBlend()
const HASH = sha256Of(BLEND)

let farm: RestFarm
let storeIsAway = false
beforeEach(async () => {
  storeIsAway = false
  farm = await startRestFarm({
    limits: { sceneBytesMax: 1_000_000 },
    beforeObjectCall: () => {
      if (storeIsAway) throw new StoreUnavailable('away', { cause: null, retryable: true })
    },
  })
})
afterEach(() => farm.close())

const post = (form: Parameters<typeof sceneForm>[0]) =>
  farm.ask('ada', { method: 'POST', url: '/v1/scenes', ...sceneForm(form) })

/** Nothing of a refused scene may be anywhere. */
async function expectNothingLeft(): Promise<void> {
  expect(await farm.leftOnDisk()).toEqual([])
  expect((await farm.store.listScenes({ limit: 10 })).items).toEqual([])
  expect((await farm.objects.list(BLOBS_PREFIX, { limit: 10 })).keys).toEqual([])
}

test('a .blend is read, stored under its hash and known from then on', async () => {
  const first = await post({ scene: BLEND, fileName: 'folder/tiny scene.blend' })
  expect(first.statusCode).toBe(201)
  const scene = SceneRecord.parse(first.json())
  expect(scene).toMatchObject({
    sha256: HASH,
    kind: 'blend',
    bytes: BLEND.length,
    name: 'tiny scene.blend',
    missingFiles: [],
    facts: { activeScene: 'Tiny' },
  })
  expect((await farm.objects.head(blobKey(HASH)))?.bytes).toBe(BLEND.length)
  expect(await farm.leftOnDisk()).toEqual([])
  const second = await post({ scene: BLEND, fileName: 'other.blend' })
  expect([second.statusCode, second.json()]).toEqual([200, scene])
})

test('HEAD tells whether a file need be sent', async () => {
  expect((await farm.ask('ada', { method: 'HEAD', url: `/v1/scenes/${HASH}` })).statusCode).toBe(404)
  await post({ scene: BLEND })
  expect((await farm.ask('ben', { method: 'HEAD', url: `/v1/scenes/${HASH}` })).statusCode).toBe(200)
  expect((await farm.ask('ben', { url: `/v1/scenes/${HASH}` })).json().sha256).toBe(HASH)
})

test('a scene whose bytes were lost is stored again', async () => {
  await post({ scene: BLEND })
  await farm.objects.delete(blobKey(HASH))
  expect((await post({ scene: BLEND })).statusCode).toBe(200)
  expect((await farm.objects.head(blobKey(HASH)))?.bytes).toBe(BLEND.length)
})

test.each(['before', 'after'] as const)('a declared hash %s the file is compared, in either case', async (where) => {
  expect((await post({ scene: BLEND, [where]: { sha256: HASH.toUpperCase(), name: 'mine' } })).json().name).toBe('mine')
  await farm.ask('ada', { method: 'DELETE', url: `/v1/scenes/${HASH}` })
  expect(problemOf(await post({ scene: BLEND, [where]: { sha256: 'a'.repeat(64) } })).code).toBe('upload_hash_mismatch')
  await expectNothingLeft()
})

test.each([
  ['text', Buffer.from('this is no scene'), 'not_a_scene'],
  ['an empty file', Buffer.alloc(0), 'not_a_scene'],
  ['gzip of something else', gzipSync('hello'), 'not_a_scene'],
  ['a truncated .blend', BLEND.subarray(0, BLEND.length - 200), 'blend_invalid'],
  ['a .blend that ends in its header', BLEND.subarray(0, 9), 'blend_invalid'],
  ['a .zip of nothing', Buffer.from('504b0506000000000000000000000000000000000000', 'hex'), 'zip_invalid'],
  ['a damaged .zip', Buffer.concat([Buffer.from('504b0304', 'hex'), Buffer.alloc(400, 7)]), 'zip_invalid'],
])('%s is refused and leaves nothing', async (_what, scene, code) => {
  const problem = problemOf(await post({ scene }))
  expect(problem).toMatchObject({ status: 422, code })
  await expectNothingLeft()
})

test('a project archive is a scene of its main .blend', async () => {
  const scene = await zipOf({ 'project/shot.blend': BLEND, 'project/textures/wood.png': Buffer.from('png') })
  const answer = await post({ scene, fileName: 'shot.zip' })
  expect([answer.statusCode, answer.json().kind, answer.json().mainBlend]).toEqual([201, 'zip', 'project/shot.blend'])
  expect(await farm.leftOnDisk()).toEqual([])
})

test('of two .blends in an archive the sender says which, and may say it differently later', async () => {
  const scene = await zipOf({ 'a.blend': BLEND, 'b.blend': smallBlend({ scene: { 'r.efra': 99 } }) })
  const problem = problemOf(await post({ scene }))
  expect(problem.code).toBe('zip_invalid')
  expect(problem.detail).toMatch(/a\.blend.*b\.blend/)
  await expectNothingLeft()
  expect((await post({ scene, before: { main: 'b.blend' } })).json()).toMatchObject({
    mainBlend: 'b.blend',
    facts: { scenes: [{ frameEnd: 99 }] },
  })
  expect((await post({ scene, before: { main: 'a.blend' } })).json()).toMatchObject({
    mainBlend: 'a.blend',
    facts: { scenes: [{ frameEnd: 24 }] },
  })
  expect(problemOf(await post({ scene, after: { main: 'c.blend' } })).code).toBe('zip_invalid')
})

test('an archive that climbs out of its folder is refused and writes nothing', async () => {
  const scene = await zipOf({ 'aa/evil.blend': BLEND })
  // The writer refuses such names, so they are put in afterwards, of the same length.
  const hostile = Buffer.from(
    scene.toString('latin1').replaceAll('aa/evil.blend', '../evil.blend'.slice(0, 13)),
    'latin1',
  )
  expect(hostile.length).toBe(scene.length)
  expect(problemOf(await post({ scene: hostile })).code).toBe('zip_invalid')
  await expectNothingLeft()
})

test.each([
  [
    'no file',
    { 'content-type': 'multipart/form-data; boundary=b' },
    '--b\r\ncontent-disposition: form-data; name="name"\r\n\r\nx\r\n--b--\r\n',
    'body.scene',
  ],
  [
    'the file as a value',
    { 'content-type': 'multipart/form-data; boundary=b' },
    '--b\r\ncontent-disposition: form-data; name="scene"\r\n\r\nx\r\n--b--\r\n',
    'body.scene',
  ],
  [
    'no end of the form',
    { 'content-type': 'multipart/form-data; boundary=b' },
    '--b\r\ncontent-disposition: form-data; name="scene"; filename="x"\r\n\r\nBLENDER',
    'body',
  ],
  ['a form without parts', { 'content-type': 'multipart/form-data; boundary=b' }, 'nothing', 'body'],
  ['a form without a boundary', { 'content-type': 'multipart/form-data' }, 'nothing', 'body'],
])('%s is a bad request and leaves nothing', async (_what, headers, payload, where) => {
  const problem = problemOf(await farm.ask('ada', { method: 'POST', url: '/v1/scenes', headers, payload }))
  expect(problem.code).toBe('bad_request')
  expect(problem.detail).toContain(where)
  await expectNothingLeft()
})

test.each([
  ['an unknown field', { colour: 'red' }, 'colour'],
  ['a hash that is none', { sha256: 'abc' }, 'sha256'],
  ['a name of a thousand letters', { name: 'n'.repeat(1000) }, 'name'],
])('%s is a bad request and leaves nothing', async (_what, after, where) => {
  const problem = problemOf(await post({ scene: BLEND, after }))
  expect(problem.code).toBe('bad_request')
  expect(problem.detail).toContain(where)
  await expectNothingLeft()
})

test('JSON instead of a form is of the wrong type', async () => {
  expect(problemOf(await farm.ask('ada', { method: 'POST', url: '/v1/scenes', payload: { scene: 'x' } })).code).toBe(
    'unsupported_media_type',
  )
})

test.each(['with its length said', 'in chunks'])(
  'a file over the limit, %s, is refused while it comes',
  async (how) => {
    const { payload, headers } = sceneForm({ scene: Buffer.alloc(3_000_000, 1) })
    const answer = await farm.ask('ada', {
      method: 'POST',
      url: '/v1/scenes',
      headers: { ...headers, ...(how === 'in chunks' ? { 'transfer-encoding': 'chunked' } : {}) },
      payload,
    })
    expect(problemOf(answer).code).toBe('too_large')
    await expectNothingLeft()
  },
)

test('an upload that is cut in the middle leaves nothing', async () => {
  const address = await listen()
  const { payload, headers } = sceneForm({ scene: BLEND })
  const sending = httpRequest({
    ...address,
    method: 'POST',
    path: '/v1/scenes',
    headers: { ...headers, 'content-length': payload.length, authorization: `Bearer ${TOKENS.ada}` },
  })
  const ended = new Promise((resolve) => sending.on('error', resolve))
  sending.write(payload.subarray(0, 2000))
  await expect.poll(() => farm.leftOnDisk()).toEqual(['scene'])
  sending.destroy()
  await ended
  await expect.poll(() => farm.leftOnDisk()).toEqual([])
  await expectNothingLeft()
})

test('a sender that goes on after its refusal gets the answer, and is cut off by and by', async () => {
  const address = await listen()
  const sending = httpRequest({
    ...address,
    method: 'POST',
    path: '/v1/nothing',
    headers: { 'content-type': 'application/json' },
  })
  const answered = new Promise((resolve) => sending.on('response', (response) => resolve(response.resume().statusCode)))
  let over = false
  const cut = new Promise<void>((resolve) => sending.on('error', () => {}).on('close', () => resolve())).then(
    () => (over = true),
  )
  const piece = Buffer.alloc(4_000_000)
  let sentBytes = 0
  for (; !over && sentBytes < 1_000_000_000; sentBytes += piece.length)
    await new Promise<void>((resolve) => sending.write(piece, () => setImmediate(resolve)))
  await cut
  expect(await answered).toBe(413)
  expect(sentBytes).toBeLessThan(1_000_000_000)
}, 30_000)

test('while the object store is away a scene is not taken, and the answer says to try again', async () => {
  storeIsAway = true
  const answer = await post({ scene: BLEND })
  expect(problemOf(answer).code).toBe('store_unavailable')
  expect(answer.headers['retry-after']).toBe('5')
  storeIsAway = false
  await expectNothingLeft()
  expect((await post({ scene: BLEND })).statusCode).toBe(201)
})

test('scenes are listed page by page', async () => {
  for (const end of [1, 2, 3]) await farm.addScene(smallBlend({ scene: { 'r.efra': end } }))
  const first = (await farm.ask('ada', { url: '/v1/scenes?limit=2' })).json()
  const second = (await farm.ask('ada', { url: `/v1/scenes?limit=2&cursor=${encodeURIComponent(first.next)}` })).json()
  expect(new Set([...first.items, ...second.items].map(({ sha256 }) => sha256)).size).toBe(3)
  expect(second.next).toBeNull()
})

test('a scene is forgotten with its bytes, but not while a job uses it', async () => {
  const job = await farm.addJob('ada')
  const refused = problemOf(await farm.ask('ada', { method: 'DELETE', url: `/v1/scenes/${HASH}` }))
  expect([refused.code, refused.detail]).toEqual(['conflict', expect.stringContaining(job)])
  expect(await farm.objects.head(blobKey(HASH))).not.toBeNull()
  const free = await farm.addScene(smallBlend({ scene: { 'r.efra': 7 } }))
  expect((await farm.ask('ada', { method: 'DELETE', url: `/v1/scenes/${free}` })).statusCode).toBe(204)
  expect(await farm.objects.head(blobKey(free))).toBeNull()
  expect(problemOf(await farm.ask('ada', { method: 'DELETE', url: `/v1/scenes/${free}` })).code).toBe('not_found')
})

test('a worker may not hand in scenes', async () => {
  expect(
    problemOf(await farm.ask('worker', { method: 'POST', url: '/v1/scenes', ...sceneForm({ scene: BLEND }) })).code,
  ).toBe('forbidden')
})

async function listen(): Promise<{ host: string; port: number }> {
  await farm.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = farm.app.server.address() as AddressInfo
  return { host: '127.0.0.1', port }
}

async function zipOf(files: Record<string, Buffer>): Promise<Buffer> {
  const zip = new ZipFile()
  for (const [name, bytes] of Object.entries(files)) zip.addBuffer(bytes, name)
  zip.end()
  const chunks: Buffer[] = []
  for await (const chunk of zip.outputStream) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}
