import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ZipFile } from 'yazl'
import type { HeldScene, SceneSource } from '../../../../blender-worker/cache/held-scene.ts'
import { SceneCache } from '../../../../blender-worker/cache/scene-cache.ts'
import { CoordinatorDouble } from '../../../support/coordinator-double.ts'

let folder: string
let server: CoordinatorDouble
let askedForRoom: () => void
const never = new AbortController().signal

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-cache-'))
  server = await CoordinatorDouble.start()
  askedForRoom = () => undefined
})

afterEach(async () => {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

function open(bytesMax: number): Promise<SceneCache> {
  const patience = { backoff: { baseMs: 1, capMs: 2 }, fruitlessTriesMax: 2, stallMs: 5_000, random: () => 0.5 }
  return SceneCache.open(join(folder, 'scenes'), {
    bytesMax,
    patience,
    log: pino({ level: 'silent' }),
    askForRoom: () => askedForRoom(),
    addresses: async (_scene, files) => files.map((sha256) => new URL(`http://127.0.0.1:${server.port}/${sha256}`)),
  })
}

/** A scene of so many bytes, told apart by its name. */
function scene(name: string, bytes: number): SceneSource {
  const served = server.serve(`/${name}`, Buffer.alloc(bytes, name))
  return { ...served, url: new URL(served.url), kind: 'blend' }
}

async function use(cache: SceneCache, source: SceneSource): Promise<void> {
  ;(await cache.acquire(source, never)).close()
}

const fetches = (name: string) => server.requests.filter((request) => request.path === `/${name}`).length

test('a scene is fetched once and found again after a restart', async () => {
  const cache = await open(1_000)
  const source = scene('a', 100)
  await use(cache, source)
  const held = await (await open(1_000)).acquire(source, never)
  expect(await readFile(held.blendPath)).toEqual(Buffer.alloc(100, 'a'))
  expect(fetches('a')).toBe(1)
})

test('two leases that need a scene at once share one download', async () => {
  const cache = await open(1_000)
  const source = scene('a', 100)
  await Promise.all([use(cache, source), use(cache, source)])
  expect(fetches('a')).toBe(1)
})

test('the least recently used scene goes first', async () => {
  const cache = await open(300)
  const [a, b, c] = [scene('a', 100), scene('b', 100), scene('c', 200)]
  await use(cache, a)
  await use(cache, b)
  await use(cache, a)
  await use(cache, c)
  expect([cache.has(a.sha256), cache.has(b.sha256), cache.has(c.sha256)]).toEqual([true, false, true])
  expect(cache.bytes).toBe(300)
  expect(await readdir(join(folder, 'scenes'))).toHaveLength(2)
})

test('which scene was used last is known after a restart', async () => {
  const [a, b, c] = [scene('a', 100), scene('b', 100), scene('c', 100)]
  const before = await open(200)
  await use(before, a)
  await use(before, b)
  await use(before, a)
  const after = await open(200)
  await use(after, c)
  expect([after.has(a.sha256), after.has(b.sha256)]).toEqual([true, false])
})

test('a scene in use is not removed: the next one waits until it is let go', async () => {
  const cache = await open(150)
  const [a, b] = [scene('a', 100), scene('b', 100)]
  const held = await cache.acquire(a, never)
  const asked = new Promise<void>((resolve) => (askedForRoom = resolve))
  const waiting = cache.acquire(b, never)
  await asked
  expect(await readFile(held.blendPath)).toHaveLength(100)
  held.close()
  await waiting
  expect(cache.has(a.sha256)).toBe(false)
})

test('whoever keeps a scene open without need is asked to let go', async () => {
  const cache = await open(150)
  let idle: HeldScene | undefined = await cache.acquire(scene('a', 100), never)
  askedForRoom = () => {
    idle?.close()
    idle = undefined
  }
  await use(cache, scene('b', 100))
})

test('closing a hold twice lets go of one', async () => {
  const cache = await open(150)
  const first = await cache.acquire(scene('a', 100), never)
  const second = first.share()
  first.close()
  first.close()
  const asked = new Promise<void>((resolve) => (askedForRoom = resolve))
  const waiting = use(cache, scene('b', 100))
  await asked
  expect(cache.has(second.sha256)).toBe(true)
  second.close()
  await waiting
})

test('waiting for room ends when the lease does', async () => {
  const cache = await open(150)
  await cache.acquire(scene('a', 100), never)
  const abort = new AbortController()
  askedForRoom = () => abort.abort(new Error('the lease is gone'))
  await expect(cache.acquire(scene('b', 100), abort.signal)).rejects.toThrow('the lease is gone')
})

test('a lease that is canceled does not end the download that another one waits for', async () => {
  const cache = await open(1_000)
  const source = scene('a', 100)
  const abort = new AbortController()
  const first = cache.acquire(source, abort.signal)
  const second = cache.acquire(source, never)
  abort.abort(new Error('canceled'))
  await expect(first).rejects.toThrow('canceled')
  expect(await readFile((await second).blendPath)).toHaveLength(100)
})

test('a download that was given up is gone on with by the next lease, also after a restart', async () => {
  const bytes = Buffer.alloc(200_000, 'big')
  const source = {
    ...scene('big', 1),
    ...server.serve('/big', bytes, [100_000, 0, 0], async (sentBytes) =>
      expect.poll(async () => (await readFile(part)).length, { interval: 5 }).toBe(Math.max(sentBytes, 100_000)),
    ),
  }
  const part = join(folder, 'scenes', source.sha256, 'download.part')
  const asScene: SceneSource = { ...source, url: new URL(source.url) }
  await expect((await open(1_000_000)).acquire(asScene, never)).rejects.toMatchObject({ code: 'scene_download_failed' })
  const cache = await open(1_000_000)
  expect(cache.bytes).toBe(100_000)
  await use(cache, asScene)
  expect(server.requests.at(-1)?.range).toBe('bytes=100000-')
})

test('a scene larger than the cache is refused before anything is fetched', async () => {
  const cache = await open(99)
  await expect(cache.acquire(scene('a', 100), never)).rejects.toMatchObject({ code: 'disk_full' })
  expect(fetches('a')).toBe(0)
})

async function zipScene(mainBlend: string | undefined): Promise<SceneSource> {
  const zip = new ZipFile()
  zip.addBuffer(Buffer.from('BLENDER'), 'project/shot.blend')
  zip.addBuffer(Buffer.alloc(10_000), 'project/texture.png')
  zip.end()
  const chunks: Buffer[] = []
  for await (const chunk of zip.outputStream) chunks.push(Buffer.from(chunk))
  const served = server.serve('/zip', Buffer.concat(chunks))
  return { ...served, url: new URL(served.url), kind: 'zip', mainBlend }
}

test('a zip is unpacked once, and counts with what it unpacks to', async () => {
  const source = await zipScene('project/shot.blend')
  const cache = await open(20_000)
  const held = await cache.acquire(source, never)
  expect(await readFile(held.blendPath, 'utf8')).toBe('BLENDER')
  expect(cache.bytes).toBe(10_007)
  const again = await (await open(20_000)).acquire(source, never)
  expect(again.blendPath).toBe(held.blendPath)
  expect(fetches('zip')).toBe(1)
})

test('a zip that unpacks to more than the cache holds is refused and leaves nothing', async () => {
  const cache = await open(5_000)
  await expect(cache.acquire(await zipScene('project/shot.blend'), never)).rejects.toMatchObject({ code: 'disk_full' })
  expect(await readdir(join(folder, 'scenes'))).toEqual([])
  expect(cache.bytes).toBe(0)
})

test.each([
  ['missing', 'project/other.blend'],
  ['outside', '../../worker-id'],
  ['a folder', 'project'],
  ['not given', undefined],
])("a main .blend that is %s is the scene's fault", async (_what, mainBlend) => {
  const cache = await open(20_000)
  await expect(cache.acquire(await zipScene(mainBlend), never)).rejects.toMatchObject({ code: 'blend_unreadable' })
})

/** Writes into a cached file as somebody does who may. */
async function damage(path: string): Promise<void> {
  await chmod(path, 0o644)
  await writeFile(path, 'damaged')
}

test('the files of a scene are for reading only', async () => {
  const cache = await open(20_000)
  expect((await stat((await cache.acquire(scene('a', 100), never)).blendPath)).mode & 0o777).toBe(0o444)
  const held = await cache.acquire(await zipScene('project/shot.blend'), never)
  expect((await stat(join(held.tree, 'project/texture.png'))).mode & 0o777).toBe(0o444)
  expect(await held.intact()).toBe(true)
})

test.each<[string, (held: HeldScene) => Promise<void>]>([
  ['written over', (held) => damage(held.blendPath)],
  ['joined by another', (held) => writeFile(join(held.tree, 'project', 'texture.tx'), '')],
  ['removed', (held) => rm(join(held.tree, 'project', 'texture.png'))],
  ['removed with their folder', (held) => rm(held.tree, { recursive: true })],
])('files that were %s are seen, and fetched anew once', async (_what, change) => {
  const cache = await open(20_000)
  const source = await zipScene('project/shot.blend')
  const [held, other] = [await cache.acquire(source, never), await cache.acquire(source, never)]
  await change(held)
  expect(await held.intact()).toBe(false)
  const again = await cache.acquire(source, never)
  expect(await other.intact()).toBe(false)
  expect((await cache.acquire(source, never)).seal).toBe(again.seal)
  expect(again.seal).not.toBe(held.seal)
  expect(await again.intact()).toBe(true)
  expect(await readdir(join(again.tree, 'project'))).toEqual(['shot.blend', 'texture.png'])
  expect(await readFile(again.blendPath, 'utf8')).toBe('BLENDER')
  expect(fetches('zip')).toBe(2)
})

test('files that were changed while no worker ran are seen by the next one', async () => {
  const source = scene('a', 100)
  const { blendPath } = await (await open(1_000)).acquire(source, never)
  await damage(blendPath)
  const cache = await open(1_000)
  expect(await (await cache.acquire(source, never)).intact()).toBe(false)
  const again = await cache.acquire(source, never)
  expect(await readFile(again.blendPath)).toEqual(Buffer.alloc(100, 'a'))
})
