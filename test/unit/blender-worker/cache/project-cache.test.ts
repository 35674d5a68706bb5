import { createHash } from 'node:crypto'
import { chmod, lstat, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pino from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { HeldScene, SceneSource } from '../../../../blender-worker/cache/held-scene.ts'
import { SceneCache } from '../../../../blender-worker/cache/scene-cache.ts'
import { ProjectView } from '../../../../blender-worker/rendering/project-view.ts'
import { manifestText, ProjectManifest } from '../../../../shared/protocol/project.ts'
import { CoordinatorDouble } from '../../../support/coordinator-double.ts'

let folder: string
let server: CoordinatorDouble
const never = new AbortController().signal

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-cache-'))
  server = await CoordinatorDouble.start()
})
afterEach(async () => {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

function open(bytesMax = 100_000): Promise<SceneCache> {
  const patience = { backoff: { baseMs: 1, capMs: 2 }, fruitlessTriesMax: 2, stallMs: 5_000, random: () => 0.5 }
  return SceneCache.open(join(folder, 'scenes'), {
    bytesMax,
    patience,
    log: pino({ level: 'silent' }),
    askForRoom: () => undefined,
    addresses: async (_scene, files) => files.map((sha256) => new URL(`http://127.0.0.1:${server.port}/${sha256}`)),
  })
}

const sha256Of = (content: string) => createHash('sha256').update(content).digest('hex')

/** A project of files with these contents, served one by one. */
function project(files: Record<string, string>, modified?: number): SceneSource {
  for (const content of Object.values(files)) server.serve(`/${sha256Of(content)}`, Buffer.from(content))
  const manifest = ProjectManifest.parse({
    main: 'shots/a.blend',
    files: Object.entries(files).map(([path, content]) => ({
      path,
      bytes: content.length,
      sha256: sha256Of(content),
      ...(modified === undefined ? {} : { modified }),
    })),
  })
  const text = Buffer.from(manifestText(manifest))
  const served = server.serve('/manifest', text)
  const bytes = Object.values(files).join('').length
  return { ...served, bytes, manifestBytes: text.length, kind: 'project', url: new URL(served.url) }
}

const BLEND = { 'shots/a.blend': 'BLENDER' }
const fetched = () => server.requests.map(({ path }) => path.slice(1)).filter((path) => path !== 'manifest')
const seen = (view: ProjectView, path: string) => readFile(join(dirname(view.blendPath), '..', path), 'utf8')
const viewOf = (held: HeldScene) => ProjectView.make(held, join(folder, 'views'))

test('a project is laid out as it was handed in, also with two names for one content', async () => {
  const held = await (
    await open()
  ).acquire(project({ ...BLEND, 't/1.png': 'wood', 't/2.png': 'wood', 't/no': '' }), never)
  const view = await viewOf(held)
  expect(await readFile(view.blendPath, 'utf8')).toBe('BLENDER')
  expect(await Promise.all(['t/1.png', 't/2.png', 't/no'].map((path) => seen(view, path)))).toEqual([
    'wood',
    'wood',
    '',
  ])
  // What is empty need not be fetched.
  expect(fetched().sort()).toEqual([sha256Of('BLENDER'), sha256Of('wood')].sort())
})

test('of a changed project only what changed is fetched', async () => {
  const cache = await open()
  ;(await cache.acquire(project({ ...BLEND, 'a.png': 'wood', 'b.png': 'stone' }), never)).close()
  const before = fetched().length
  const held = await cache.acquire(project({ ...BLEND, 'a.png': 'iron', 'moved/b.png': 'stone' }), never)
  expect(fetched().slice(before)).toEqual([sha256Of('iron')])
  expect(await seen(await viewOf(held), 'moved/b.png')).toBe('stone')
})

test('a restart keeps every file and fetches nothing again', async () => {
  const source = project({ ...BLEND, 'a.png': 'wood' })
  ;(await (await open()).acquire(source, never)).close()
  const before = server.requests.length
  const cache = await open()
  expect(cache.bytes).toBe(11 + (source.manifestBytes ?? 0))
  await cache.acquire(source, never)
  expect(server.requests.length).toBe(before)
})

test('files cannot be written, have one time on every worker, and their own where it is said', async () => {
  const plain = await (await open()).acquire(project(BLEND), never)
  const timed = await (await open()).acquire(project(BLEND, 1_700_000_000), never)
  const facts = await Promise.all([plain, timed].map((held) => stat(held.files?.[0]?.from ?? '')))
  expect(facts.map(({ mode }) => mode & 0o777)).toEqual([0o444, 0o444])
  expect(facts.map(({ mtimeMs }) => mtimeMs)).toEqual([946_684_800_000, 1_700_000_000_000])
})

test('a file that a task wrote over is seen and fetched anew, and no other', async () => {
  const cache = await open()
  const source = project({ ...BLEND, 'a.png': 'wood', 'b.png': 'stone' })
  const held = await cache.acquire(source, never)
  const other = await cache.acquire(project({ 'shots/a.blend': 'other', 'c.png': 'wood' }), never)
  expect(await Promise.all([held.intact(), other.intact()])).toEqual([true, true])
  const wood = held.files?.find(({ path }) => path === 'a.png')?.from ?? ''
  await chmod(wood, 0o644)
  await writeFile(wood, 'evil')
  expect(await held.intact()).toBe(false)
  expect(await other.intact()).toBe(false)
  held.close()
  other.close()
  const before = fetched().length
  const again = await cache.acquire(project({ ...BLEND, 'a.png': 'wood', 'b.png': 'stone' }), never)
  expect(fetched().slice(before)).toEqual([sha256Of('wood')])
  expect(await seen(await viewOf(again), 'a.png')).toBe('wood')
  expect(again.seal).not.toBe(held.seal)
})

test('a file that was changed while no worker ran is fetched anew', async () => {
  const source = project({ ...BLEND, 'a.png': 'wood' })
  const held = await (await open()).acquire(source, never)
  const wood = held.files?.find(({ path }) => path === 'a.png')?.from ?? ''
  await chmod(wood, 0o644)
  await writeFile(wood, 'evil')
  const before = fetched().length
  const again = await (await open()).acquire(source, never)
  expect(fetched().slice(before)).toEqual([sha256Of('wood')])
  expect(await seen(await viewOf(again), 'a.png')).toBe('wood')
})

test('files of projects that nobody holds make room, and those that are held stay', async () => {
  const size = 1_000
  const big = (letter: string) => ({ 'shots/a.blend': letter.repeat(size) })
  const held = project(big('a'))
  const cache = await open(2 * size + 4 * (held.manifestBytes ?? 0))
  const scene = await cache.acquire(held, never)
  ;(await cache.acquire(project(big('b')), never)).close()
  ;(await cache.acquire(project(big('c')), never)).close()
  expect(await scene.intact()).toBe(true)
  const here = await readdir(join(folder, 'scenes', 'files'), { recursive: true, withFileTypes: true })
  expect(
    here
      .filter((entry) => entry.isFile() && entry.name !== 'seals.jsonl')
      .map((entry) => entry.name)
      .sort(),
  ).toEqual(['a', 'c'].map((letter) => sha256Of(letter.repeat(size))).sort())
})

test('a project larger than the cache is refused, and what was there before stays', async () => {
  const cache = await open(1_000)
  const small = project(BLEND)
  ;(await cache.acquire(small, never)).close()
  const large = project({ ...BLEND, 'a.vdb': 'x'.repeat(2_000) })
  await expect(cache.acquire(large, never)).rejects.toMatchObject({ code: 'disk_full' })
  const before = server.requests.length
  ;(await cache.acquire(small, never)).close()
  expect(server.requests.length).toBe(before)
})

test('a download that broke off goes on with what is missing', async () => {
  const source = project({ ...BLEND, 'a.png': 'wood', 'b.vdb': 'x'.repeat(500) })
  const [volume, name] = [Buffer.from('x'.repeat(500)), sha256Of('x'.repeat(500))]
  // The line breaks for good.
  const part = join(folder, 'scenes', source.sha256, 'parts', name)
  server.serve(`/${name}`, volume, [100, ...Array.from({ length: 20 }, () => 0)], async (sent) => {
    if (sent > 0) await vi.waitFor(async () => expect((await stat(part)).size).toBe(sent))
  })
  await expect((await open()).acquire(source, never)).rejects.toMatchObject({ code: 'scene_download_failed' })
  server.serve(`/${name}`, volume)
  const before = server.requests.length
  const held = await (await open()).acquire(source, never)
  expect(server.requests.slice(before)).toEqual([{ method: 'GET', path: `/${name}`, range: expect.anything() }])
  expect(await seen(await viewOf(held), 'b.vdb')).toBe('x'.repeat(500))
})

test('what a task leaves in its view touches no file of the cache', async () => {
  const held = await (await open()).acquire(project({ ...BLEND, 't/a.png': 'wood' }), never)
  const view = await viewOf(held)
  await writeFile(join(dirname(view.blendPath), '..', 't', 'a.tx'), 'left')
  expect(await view.untouched()).toBe(false)
  expect(await held.intact()).toBe(true)
  expect((await lstat(join(dirname(view.blendPath), '..', 't', 'a.png'))).isSymbolicLink()).toBe(true)
})
