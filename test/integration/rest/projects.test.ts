// A project as a list of files: what the farm lacks, how it comes, and what becomes of it when scenes go.

import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SENT_LATELY_MS, removeUnusedFiles } from '../../../shared/engine/jobs/unused-files.ts'
import { recoverFarm } from '../../../shared/engine/recovery/recover-farm.ts'
import { journalTerm } from '../../../shared/engine/recovery/farm-term.ts'
import { MemoryFarmStore } from '../../../shared/adapters/memory/farm-store.ts'
import { blobKey, farmKey } from '../../../shared/protocol/object-keys.ts'
import { manifestText, ProjectManifest } from '../../../shared/protocol/project.ts'
import { SceneRecord } from '../../../shared/protocol/scene.ts'
import { smallBlend } from '../../fixtures/scenes/small-blend.ts'
import { problemOf, sceneForm, sha256Of, startRestFarm } from '../../support/rest-farm.ts'
import type { RestFarm } from '../../support/rest-farm.ts'

const MAIN = smallBlend()
const WOOD = Buffer.from('wood')
const STONE = Buffer.from('stone')

let farm: RestFarm
let storeAheadMs = 0
beforeEach(async () => {
  storeAheadMs = 0
  farm = await startRestFarm({ limits: { sceneBytesMax: 1_000_000 }, nowMs: () => Date.now() + storeAheadMs })
})
afterEach(() => farm.close())

const project = (files: Record<string, Buffer>, main = 'shots/a.blend') => ({
  main,
  files: Object.entries(files).map(([path, content]) => ({
    path,
    bytes: content.length,
    sha256: sha256Of(content),
  })),
})
const PROJECT = project({ 'shots/a.blend': MAIN, 'textures/wood.png': WOOD, 'textures/stone.png': STONE })
const idOf = (manifest: object) =>
  createHash('sha256')
    .update(manifestText(ProjectManifest.parse(manifest)))
    .digest('hex')

const post = (url: string, payload: object) => farm.ask('ada', { method: 'POST', url, payload })
const missingOf = async (manifest: object) => (await post('/v1/projects/missing', manifest)).json()
const put = (content: Buffer, sha256: string = sha256Of(content)) =>
  farm.ask('ada', {
    method: 'PUT',
    url: `/v1/blobs/${sha256}`,
    payload: content,
    headers: { 'content-type': 'application/octet-stream' },
  })
const pack = (...files: Buffer[]) =>
  Buffer.concat(files.flatMap((file) => [Buffer.from(`${sha256Of(file)} ${file.length}\n`), file]))
const send = (body: Buffer) =>
  farm.ask('ada', {
    method: 'POST',
    url: '/v1/blobs',
    payload: body,
    headers: { 'content-type': 'application/octet-stream' },
  })
const isThere = async (content: Buffer) => (await farm.objects.head(blobKey(sha256Of(content)))) !== null

async function handIn(manifest: object, ...contents: Buffer[]): Promise<SceneRecord> {
  await send(pack(...contents))
  const answer = await post('/v1/projects', manifest)
  if (answer.statusCode >= 300) throw new Error(answer.body)
  return SceneRecord.parse(answer.json())
}

test('a project is a scene once all its files are here, and known by the list', async () => {
  expect(await missingOf(PROJECT)).toEqual({
    sha256: idOf(PROJECT),
    known: false,
    missing: [MAIN, WOOD, STONE].map((file) => ({ sha256: sha256Of(file), bytes: file.length })),
    missingBytes: MAIN.length + 9,
  })
  expect((await put(MAIN)).statusCode).toBe(204)
  expect((await send(pack(WOOD, STONE))).json()).toEqual({ files: 2, known: 0, bytes: 9 })
  const first = await post('/v1/projects', { ...PROJECT, name: 'Sea' })
  expect(first.statusCode).toBe(201)
  expect(first.json()).toMatchObject({
    sha256: idOf(PROJECT),
    kind: 'project',
    bytes: MAIN.length + 9,
    name: 'Sea',
    mainBlend: 'shots/a.blend',
    project: { files: 3, manifestBytes: manifestText(ProjectManifest.parse(PROJECT)).length },
    facts: { activeScene: 'Tiny' },
  })
  expect((await post('/v1/projects', { ...PROJECT, files: [...PROJECT.files].reverse() })).statusCode).toBe(200)
  expect(await missingOf(PROJECT)).toMatchObject({ known: true, missing: [] })
  expect(await farm.leftOnDisk()).toEqual([])
  expect((await post('/v1/jobs', { scene: idOf(PROJECT) })).statusCode).toBe(201)
})

test('of a project that has changed only the change is missing', async () => {
  await handIn(PROJECT, MAIN, WOOD, STONE)
  const next = project({ 'shots/a.blend': MAIN, 'textures/wood.png': Buffer.from('oak'), 'moved/stone.png': STONE })
  expect((await missingOf(next)).missing).toEqual([{ sha256: sha256Of(Buffer.from('oak')), bytes: 3 }])
})

test('what links to a file of the project finds it, and what does not is told', async () => {
  const scene = await handIn(project({ 'shots/a.blend': MAIN }), MAIN)
  expect(scene.missingFiles).toEqual([])
})

describe('refused is', () => {
  test('a project whose files are not all here; nothing of it stays', async () => {
    await send(pack(MAIN, WOOD))
    const problem = problemOf(await post('/v1/projects', PROJECT))
    expect(problem).toMatchObject({ status: 422, code: 'project_incomplete' })
    expect(problem.detail).toContain('"textures/stone.png"')
    expect((await farm.ask('ada', { url: `/v1/scenes/${idOf(PROJECT)}` })).statusCode).toBe(404)
    expect(await farm.objects.head(farmKey('scenes', idOf(PROJECT)))).toBeNull()
  })

  test('a list with a path that leads out, in words that name it', async () => {
    const problem = problemOf(await post('/v1/projects', project({ '../a.blend': MAIN }, '../a.blend')))
    expect(problem).toMatchObject({ status: 400, code: 'bad_request' })
    expect(JSON.stringify(problem.errors)).toContain('the path has a \\"..\\" step')
  })

  test('a main file that is no .blend', async () => {
    await send(pack(WOOD))
    expect(problemOf(await post('/v1/projects', project({ 'a.blend': WOOD }, 'a.blend'))).code).toBe('not_a_scene')
  })

  test.each(['PUT', 'POST'] as const)('a file that is not what its hash says, by %s', async (method) => {
    const answer =
      method === 'PUT'
        ? await put(WOOD, sha256Of(STONE))
        : await send(Buffer.concat([Buffer.from(`${sha256Of(STONE)} 4\n`), WOOD]))
    expect(problemOf(answer).code).toBe('upload_hash_mismatch')
    expect(await isThere(STONE)).toBe(false)
  })

  test('a body that ends within a file; the files before it are stored', async () => {
    const whole = pack(WOOD, STONE)
    expect(problemOf(await send(whole.subarray(0, whole.length - 1))).code).toBe('upload_cut')
    expect([await isThere(WOOD), await isThere(STONE)]).toEqual([true, false])
  })

  test('a body of something else', async () => {
    expect(problemOf(await send(Buffer.from('hello'.repeat(100)))).code).toBe('bad_request')
  })
})

test('a large file comes by tus, and is a file and no scene then', async () => {
  const metadata = ['sha256', sha256Of(MAIN), 'as', 'file'].map((word, index) =>
    index % 2 === 0 ? word : Buffer.from(word).toString('base64'),
  )
  const tus = { 'tus-resumable': '1.0.0' }
  const begun = await farm.ask('ada', {
    method: 'POST',
    url: '/v1/uploads',
    headers: {
      ...tus,
      'upload-length': String(MAIN.length),
      'upload-metadata': `${metadata[0]} ${metadata[1]},${metadata[2]} ${metadata[3]}`,
    },
  })
  expect(begun.statusCode).toBe(201)
  const location = String(begun.headers['location'])
  for (const [from, to] of [
    [0, 1000],
    [1000, MAIN.length],
  ] as const) {
    const answer = await farm.ask('ada', {
      method: 'PATCH',
      url: location,
      payload: MAIN.subarray(from, to),
      headers: { ...tus, 'content-type': 'application/offset+octet-stream', 'upload-offset': String(from) },
    })
    expect(answer.statusCode).toBe(204)
  }
  expect(await isThere(MAIN)).toBe(true)
  expect((await farm.store.listScenes({ limit: 10 })).items).toEqual([])
  expect((await missingOf(project({ 'shots/a.blend': MAIN }))).missing).toEqual([])
})

test('a worker is told where files of a project are, and no others', async () => {
  const scene = await handIn(PROJECT, MAIN, WOOD, STONE)
  const ask = (files: string[]) =>
    farm.ask('worker', { method: 'POST', url: `/v1/scenes/${scene.sha256}/addresses`, payload: { files } })
  const told = await ask([sha256Of(WOOD), sha256Of(MAIN)])
  expect(told.json().urls.map((url: string) => [WOOD, MAIN].find((file) => url.includes(sha256Of(file))))).toEqual([
    WOOD,
    MAIN,
  ])
  expect(problemOf(await ask([sha256Of(Buffer.from('secret'))]))).toMatchObject({ code: 'not_found' })
  expect(problemOf(await farm.ask('worker', { method: 'POST', url: '/v1/projects', payload: PROJECT })).code).toBe(
    'forbidden',
  )
})

describe('a file that no scene needs any more', () => {
  const later = (ms: number) => ({ ...farm.engine, clock: { now: () => Date.now() + ms } })
  const round = (ms = SENT_LATELY_MS + 1) => removeUnusedFiles(later(ms))
  const forget = (sha256: string) => farm.ask('ada', { method: 'DELETE', url: `/v1/scenes/${sha256}` })

  test('goes in the second round, and stays while any scene has it', async () => {
    const first = await handIn(PROJECT, MAIN, WOOD, STONE)
    await handIn(project({ 'shots/a.blend': MAIN, 'a.png': STONE }), MAIN, STONE)
    expect((await forget(first.sha256)).statusCode).toBe(204)
    expect(await isThere(WOOD)).toBe(true)
    expect(await round()).toEqual({ removed: 0, condemned: 1 })
    expect(await isThere(WOOD)).toBe(true)
    expect(await round()).toEqual({ removed: 1, condemned: 0 })
    expect([await isThere(MAIN), await isThere(WOOD), await isThere(STONE)]).toEqual([true, false, true])
  })

  test('is not taken for unused a day long after it was sent', async () => {
    await send(pack(WOOD))
    expect(await round(SENT_LATELY_MS - 60_000)).toEqual({ removed: 0, condemned: 0 })
  })

  test('counts as missing once it is condemned, and stays when it is sent again', async () => {
    await send(pack(WOOD))
    await round()
    const manifest = project({ 'shots/a.blend': MAIN, 'wood.png': WOOD })
    await send(pack(MAIN))
    expect((await missingOf(manifest)).missing).toEqual([{ sha256: sha256Of(WOOD), bytes: 4 }])
    expect(problemOf(await post('/v1/projects', manifest)).code).toBe('project_incomplete')
    // The store's clock tells when it was sent, to the second on some.
    storeAheadMs = 2_000
    await send(pack(WOOD))
    expect((await missingOf(manifest)).missing).toEqual([])
    expect((await post('/v1/projects', manifest)).statusCode).toBe(201)
    expect((await round()).removed).toBe(0)
    expect(await isThere(WOOD)).toBe(true)
  })

  test('stays where a scene cannot be read, since that one may need it', async () => {
    await send(pack(WOOD))
    await farm.objects.put(farmKey('scenes', 'a'.repeat(64)), Buffer.from('{'), { contentType: 'application/json' })
    expect(await round()).toEqual({ removed: 0, condemned: 0 })
  })

  test('is no reason to lose a .blend that was also sent alone, nor the other way round', async () => {
    const alone = await farm.ask('ada', { method: 'POST', url: '/v1/scenes', ...sceneForm({ scene: MAIN }) })
    const manifest = project({ 'shots/a.blend': MAIN })
    const scene = await handIn(manifest)
    await forget(alone.json().sha256)
    expect(await isThere(MAIN)).toBe(true)
    await farm.ask('ada', { method: 'POST', url: '/v1/scenes', ...sceneForm({ scene: MAIN }) })
    await forget(scene.sha256)
    await round()
    await round()
    expect(await isThere(MAIN)).toBe(true)
    await forget(alone.json().sha256)
    expect(await isThere(MAIN)).toBe(false)
  })
})

describe('a recovery', () => {
  test('brings projects back whose files are all there, and tells of those whose are not', async () => {
    const whole = await handIn(PROJECT, MAIN, WOOD, STONE)
    const broken = await handIn(project({ 'shots/a.blend': MAIN, 'b.png': Buffer.from('b') }), MAIN, Buffer.from('b'))
    await farm.objects.delete(blobKey(sha256Of(Buffer.from('b'))))
    await journalTerm(farm.objects, 1, Date.now())
    const { store: _lost, ...rest } = farm.engine
    const store = new MemoryFarmStore(undefined, null)
    const recovered = await recoverFarm({ ...rest, store })
    expect(recovered).toMatchObject({ ok: true, scenes: 1 })
    if (!recovered.ok) return
    expect(recovered.damage.join()).toMatch(
      new RegExp(`${broken.sha256}\\) lacks 1 file\\(s\\) in the store, first b.png`),
    )
    expect(await store.scene(whole.sha256)).toEqual(whole)
  })
})
