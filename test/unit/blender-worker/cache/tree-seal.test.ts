import { chmod, mkdir, mkdtemp, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sealOfTree } from '../../../../blender-worker/cache/tree-seal.ts'

let folder: string
const at = (...names: string[]) => join(folder, ...names)

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-seal-'))
  await mkdir(at('textures'))
  await writeFile(at('scene.blend'), 'BLENDER')
  await writeFile(at('textures', 'wood.png'), 'brown')
  await symlink(at('scene.blend'), at('link.blend'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

test('a tree that nobody touched has the seal that it had', async () => {
  expect(await sealOfTree(folder)).toBe(await sealOfTree(folder))
})

test.each<[string, () => Promise<unknown>]>([
  ['a new file', () => writeFile(at('textures', 'wood.tx'), '')],
  ['a new folder', () => mkdir(at('blendcache_scene'))],
  ['a file that is gone', () => rm(at('textures', 'wood.png'))],
  ['a file of another name', () => rename(at('textures', 'wood.png'), at('textures', 'Wood.png'))],
  ['a file that grew', () => writeFile(at('textures', 'wood.png'), 'brown!')],
  ['a file that cannot be read any more', () => chmod(at('scene.blend'), 0)],
  ['a folder that cannot be read any more', () => chmod(at('textures'), 0o711)],
  [
    'a link that leads elsewhere',
    async () => {
      await rm(at('link.blend'))
      await symlink(at('textures', 'wood.png'), at('link.blend'))
    },
  ],
])('%s breaks the seal', async (_what, change) => {
  const before = await sealOfTree(folder)
  await change()
  expect(await sealOfTree(folder)).not.toBe(before)
})

test('a file written over in place, of the same size and with its old time put back, breaks the seal', async () => {
  const path = at('textures', 'wood.png')
  await utimes(path, 1_000_000, 1_000_000)
  const before = await sealOfTree(folder)
  const { ctimeNs, ...old } = await stat(path, { bigint: true })
  // The clock that files are stamped with moves in steps of some milliseconds.
  await expect
    .poll(
      async () => (await writeFile(at('clock'), ''), (await stat(at('clock'), { bigint: true })).ctimeNs > ctimeNs),
      { interval: 1 },
    )
    .toBe(true)
  await rm(at('clock'))
  await writeFile(path, 'green', { flag: 'r+' })
  await utimes(path, 1_000_000, 1_000_000)
  const { size, ino, mode, mtimeNs } = old
  expect(await stat(path, { bigint: true })).toMatchObject({ size, ino, mode, mtimeNs })
  expect(await sealOfTree(folder)).not.toBe(before)
})

test('another file with the same size and time in the place of one breaks the seal', async () => {
  const before = await sealOfTree(folder)
  const { atime, mtime } = await stat(at('textures', 'wood.png'))
  await writeFile(at('other'), 'green')
  await utimes(at('other'), atime, mtime)
  await rename(at('other'), at('textures', 'wood.png'))
  expect(await sealOfTree(folder)).not.toBe(before)
})

test('a file that came and went leaves nothing to see', async () => {
  const before = await sealOfTree(folder)
  await writeFile(at('textures', 'lock'), '')
  await rm(at('textures', 'lock'))
  expect(await sealOfTree(folder)).toBe(before)
})

test('what a link leads to counts where it lies, not where the link does', async () => {
  await mkdir(at('view'))
  await symlink(at('scene.blend'), at('view', 'scene.blend'))
  const before = await sealOfTree(at('view'))
  await writeFile(at('scene.blend'), 'changed')
  expect(await sealOfTree(at('view'))).toBe(before)
})

test('a folder that is gone has no seal', async () => {
  await expect(sealOfTree(at('nowhere'))).rejects.toMatchObject({ code: 'ENOENT' })
})
