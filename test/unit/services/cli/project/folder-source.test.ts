import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { folderSource } from '../../../../../services/cli/project/folder-source.ts'
import { readProject } from '../../../../../services/cli/project/read-project.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-project-'))
  await put('shots/010.blend', 'BLENDER')
})
afterEach(() => rm(folder, { recursive: true }))

async function put(path: string, content = 'x'): Promise<void> {
  await mkdir(join(folder, dirname(path)), { recursive: true })
  await writeFile(join(folder, path), content)
}

const paths = async () => (await folderSource(folder)).files.map(({ path }) => path)

test('a project is all its files, in whatever folders they lie; empty folders are nothing', async () => {
  await put('textures/wood.png')
  await mkdir(join(folder, 'renders'))
  expect(await paths()).toEqual(['shots/010.blend', 'textures/wood.png'])
})

test('what no render needs is left out, and counted', async () => {
  for (const path of ['shots/010.blend1', 'shots/010.blend@', '.git/objects/ab', '__MACOSX/._a', 'a/.DS_Store'])
    await put(path, 'four')
  const { files, ignored } = await folderSource(folder)
  expect(files.map(({ path }) => path)).toEqual(['shots/010.blend'])
  expect(ignored).toEqual({ files: 5, bytes: 20 })
})

test('.tileworkignore leaves out and brings back, by the rules of .gitignore', async () => {
  await put('.tileworkignore', '# old takes\n/takes/*\n!/takes/keep.abc\n*.psd\n!kept.blend1\n')
  for (const path of ['takes/1.abc', 'takes/keep.abc', 'a/b.psd', 'kept.blend1', 'deep/takes/2.abc']) await put(path)
  expect(await paths()).toEqual(['deep/takes/2.abc', 'kept.blend1', 'shots/010.blend', 'takes/keep.abc'])
})

test('a link to a file of the project is that file', async () => {
  await put('textures/wood.png', 'wood')
  await symlink('textures/wood.png', join(folder, 'link.png'))
  const read = await readProject(await folderSource(folder), undefined)
  expect(new Set(read.request.files.filter(({ path }) => path.endsWith('png')).map(({ sha256 }) => sha256)).size).toBe(
    1,
  )
})

test('all that cannot be sent is told at once, unless it is left out', async () => {
  await symlink('/etc/hostname', join(folder, 'outside'))
  await symlink('nowhere', join(folder, 'broken'))
  await symlink('shots', join(folder, 'again'))
  await put('a:b.png')
  await put('Wood.png')
  await put('wood.png')
  await expect(folderSource(folder)).rejects.toMatchObject({
    code: 'project_refused',
    message: expect.stringMatching(
      new RegExp(
        [
          '"Wood.png" and "wood.png" would be|"wood.png" and "Wood.png" would be',
          '"a:b.png" has a colon',
          '"again" is a link to a folder',
          '"broken" is a link to something that is not there',
          '"outside" is a link that leads out of the project folder',
        ]
          .map((words) => `(?=[\\s\\S]*(?:${words}))`)
          .join(''),
      ),
    ),
  })
  await put('.tileworkignore', 'outside\nbroken\nagain\na:b.png\nWood.png\n')
  expect(await paths()).toEqual(['shots/010.blend'])
})

test('a file that changes after it was looked at is told, and not sent', async () => {
  await put('big.vdb', 'x'.repeat(100))
  const source = await folderSource(folder)
  await truncate(join(folder, 'big.vdb'), 10)
  await expect(readProject(source, undefined)).rejects.toMatchObject({
    code: 'file_changed',
    message: expect.stringContaining('big.vdb changed'),
  })
})

test('times count only where a texture cache is there', async () => {
  const files = async () => (await readProject(await folderSource(folder), undefined)).request.files
  expect((await files())[0]).not.toHaveProperty('modified')
  await put('textures/wood.tx')
  expect((await files()).every(({ modified }) => modified !== undefined)).toBe(true)
})
