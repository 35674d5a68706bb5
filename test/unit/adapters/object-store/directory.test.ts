import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DirectoryObjectStore } from '../../../../shared/adapters/object-store/directory.ts'
import { StoreUnavailable } from '../../../../shared/ports/object-store.ts'
import { finalKey, jobPrefix, ObjectPrefix, workKey } from '../../../../shared/protocol/object-keys.ts'

let root = ''
let store: DirectoryObjectStore
const png = { contentType: 'image/png' }
const DAY_SECONDS = 24 * 3600

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tilework-directory-'))
  store = new DirectoryObjectStore({
    root,
    signingSecret: Buffer.alloc(32),
    publicUrl: () => 'http://127.0.0.1',
    nowMs: () => Date.now(),
  })
})
afterEach(() => rm(root, { recursive: true, force: true }))

test('a person finds the delivery under its usual name', async () => {
  await store.put(finalKey('job_1', 'frames', '0001.png'), Buffer.from('x'), png)
  expect(await readFile(join(root, 'objects/jobs/job_1/final/frames/0001.png'), 'utf8')).toBe('x')
})

test.each(['check', 'tidy'] as const)(
  '%s sweeps what a killed writer left a day ago, and not what is being written',
  async (call) => {
    const [old, young] = [join(root, 'partial/put-old'), join(root, 'partial/put-young')]
    for (const folder of [old, young]) {
      await mkdir(folder, { recursive: true })
      await writeFile(join(folder, 'content'), 'half')
    }
    const longAgo = Date.now() / 1000 - DAY_SECONDS - 60
    await utimes(old, longAgo, longAgo)
    await store[call]()
    expect(await readdir(join(root, 'partial'))).toEqual(['put-young'])
  },
)

test('a folder that cannot be written is an outage', async () => {
  await writeFile(join(root, 'partial'), 'a file where a folder should be')
  const error = await store.put(workKey('j', 'f'), Buffer.from('x'), png).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(StoreUnavailable)
  expect(error).toMatchObject({ code: 'store_unavailable' })
  await expect(store.check()).rejects.toThrow(StoreUnavailable)
})

test('foreign files are neither listed nor deleted', async () => {
  await store.put(workKey('j', 'mine.png'), Buffer.from('x'), png)
  const folder = join(root, 'objects/jobs/j/work')
  await writeFile(join(folder, '.DS_Store'), 'foreign')
  await writeFile(join(folder, 'UPPER.png'), 'foreign')
  await symlink('/etc', join(folder, 'etc'))
  expect((await store.list(jobPrefix('j'), { limit: 10 })).keys.map(({ key }) => key)).toEqual([
    workKey('j', 'mine.png'),
  ])
  expect(await store.deletePrefix(jobPrefix('j'))).toEqual({ deleted: 1 })
  expect((await readdir(folder)).sort()).toEqual(['.DS_Store', 'UPPER.png', 'etc'])
  expect((await stat('/etc')).isDirectory()).toBe(true)
})

test('emptied folders go, so that a farm does not fill with them', async () => {
  await store.put(workKey('j', 'a/b/c.png'), Buffer.from('x'), png)
  await store.delete(workKey('j', 'a/b/c.png'))
  expect(await readdir(join(root, 'objects'))).toEqual([])
  await store.put(workKey('j', 'a/b/c.png'), Buffer.from('x'), png)
  await store.deletePrefix(ObjectPrefix.parse('jobs/j/work/a/'))
  expect(await readdir(join(root, 'objects'))).toEqual([])
})

test('a put finds its folder even when another writer keeps removing it as empty', { timeout: 30_000 }, async () => {
  const lane = async (name: string) => {
    for (let round = 0; round < 20; round++) {
      expect(await store.put(workKey('j', `a/b/${name}.png`), Buffer.from('x'), png)).toMatchObject({ ok: true })
      await store.delete(workKey('j', `a/b/${name}.png`))
    }
  }
  await Promise.all(['1', '2', '3', '4', '5', '6'].map(lane))
  expect(await readdir(join(root, 'objects'))).toEqual([])
})

test('an object held open is served whole while it is replaced', async () => {
  const key = workKey('j', 'f.png')
  await store.put(key, Buffer.from('the old one'), png)
  const object = await store.open(key)
  await store.put(key, Buffer.from('new'), png)
  expect((await buffer(object.stream(0, object.bytes))).toString()).toBe('the old one')
  expect((await buffer(await store.read(key))).toString()).toBe('new')
})

test('no file stays open, whoever leaves early', async () => {
  const key = workKey('j', 'f.png')
  await store.put(key, Buffer.alloc(1_000_000), png)
  const openFiles = async () => (await readdir('/proc/self/fd')).length
  const before = await openFiles()
  for (const range of [{}, { start: 5, end: 5 }, { start: 2_000_000 }]) {
    const closing = await store.read(key, range)
    closing.destroy()
    if (!closing.closed) await once(closing, 'close')
    await buffer(await store.read(key, range))
  }
  await expect.poll(openFiles).toBeLessThanOrEqual(before)
})
