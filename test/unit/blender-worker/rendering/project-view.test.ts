import { mkdir, mkdtemp, readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sealOfTree } from '../../../../blender-worker/cache/tree-seal.ts'
import { ProjectView } from '../../../../blender-worker/rendering/project-view.ts'

let folder: string
let tree: string
let view: ProjectView
const seen = (...names: string[]) => join(dirname(view.blendPath), ...names)

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-view-'))
  tree = join(folder, 'tree')
  await mkdir(join(tree, 'shots', 'textures'), { recursive: true })
  await mkdir(join(tree, 'empty'))
  await writeFile(join(tree, 'shots', 'a.blend'), 'BLENDER')
  await writeFile(join(tree, 'shots', 'textures', 'wood.png'), 'brown')
  await utimes(join(tree, 'shots', 'textures', 'wood.png'), 1_000_000, 1_000_000)
  view = await ProjectView.make({ tree, blendPath: join(tree, 'shots', 'a.blend') }, join(folder, 'views'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

test('shows the project with its folders, its contents and the times of its files', async () => {
  expect(await readFile(view.blendPath, 'utf8')).toBe('BLENDER')
  expect(await readFile(seen('textures', 'wood.png'), 'utf8')).toBe('brown')
  expect((await stat(seen('textures', 'wood.png'))).mtimeMs).toBe(1_000_000_000)
  expect((await readdir(seen('..'))).sort()).toEqual(['empty', 'shots'])
  expect(await view.untouched()).toBe(true)
})

test.each<[string, () => Promise<unknown>]>([
  ['beside the .blend', () => writeFile(seen('blendcache_a'), '')],
  ['beside an image', () => writeFile(seen('textures', 'wood.tx'), '')],
  ['above the .blend', () => writeFile(seen('..', 'note.txt'), '')],
  ['above the project', () => writeFile(seen('..', '..', 'cache'), '')],
  [
    'in the place of an uploaded file',
    async () => {
      await rm(seen('textures', 'wood.png'))
      await writeFile(seen('textures', 'wood.png'), 'green')
    },
  ],
])('what is written %s stays in the view, and is seen', async (_where, write) => {
  const before = await sealOfTree(tree)
  await write()
  expect(await view.untouched()).toBe(false)
  expect(await sealOfTree(tree)).toBe(before)
})

test('an OpenColorIO configuration is found from the top of the project, in a list of files too', async () => {
  expect(await readFile(await view.ocio('shots/textures/wood.png'), 'utf8')).toBe('brown')
  await expect(view.ocio('textures/wood.png')).rejects.toThrow(/has no file textures\/wood\.png/)
  await expect(view.ocio('shots')).rejects.toMatchObject({ code: 'blend_unreadable' })
  const files = [
    { path: 'a.blend', from: join(tree, 'shots', 'a.blend') },
    { path: 'config/aces.ocio', from: join(tree, 'shots', 'textures', 'wood.png') },
  ]
  const nowhere = join(folder, 'nowhere')
  const listed = await ProjectView.make(
    { tree: nowhere, blendPath: join(nowhere, 'a.blend'), files },
    join(folder, 'views'),
  )
  expect(await readFile(await listed.ocio('config/aces.ocio'), 'utf8')).toBe('brown')
})

test('a view whose folder is gone counts as touched', async () => {
  await rm(join(folder, 'views'), { recursive: true })
  expect(await view.untouched()).toBe(false)
})

test('a scene that cannot be laid out leaves nothing', async () => {
  const nowhere = { tree: join(folder, 'nowhere'), blendPath: join(folder, 'nowhere', 'a.blend') }
  await expect(ProjectView.make(nowhere, join(folder, 'other'))).rejects.toMatchObject({ code: 'ENOENT' })
  expect(await readdir(join(folder, 'other'))).toEqual([])
})

test('two views of a scene do not see what is written in one of them', async () => {
  const other = await ProjectView.make({ tree, blendPath: join(tree, 'shots', 'a.blend') }, join(folder, 'views'))
  await writeFile(seen('blendcache_a'), '')
  expect(await readdir(dirname(other.blendPath))).not.toContain('blendcache_a')
  expect(await other.untouched()).toBe(true)
})

test('a view that is removed takes nothing of the scene along', async () => {
  await writeFile(seen('blendcache_a'), '')
  await view.remove()
  expect(await readdir(join(folder, 'views'))).toEqual([])
  expect(await readFile(join(tree, 'shots', 'textures', 'wood.png'), 'utf8')).toBe('brown')
})

test('a file is found under the names that the scene asks for as well', async () => {
  const aliases = [{ asked: 'Tex/Wood.PNG', path: 'shots/a.blend' }]
  const other = await ProjectView.make({ tree, blendPath: join(tree, 'shots', 'a.blend') }, join(folder, 'views'), {
    aliases,
  })
  expect(await readFile(join(dirname(other.blendPath), '..', 'Tex', 'Wood.PNG'), 'utf8')).toBe('BLENDER')
  expect(await other.untouched()).toBe(true)
})
