import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { smallBlend } from '../../fixtures/scenes/small-blend.ts'
import { findScenes } from '../../try-scenes/find-scenes.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-find-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

async function write(path: string, contents: Buffer | string = ''): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), contents)
}

const naming = (filepath: string): Buffer =>
  smallBlend({
    others: (structs) => [structs.block('IM', 0x40n, 'Image', { 'id.name': 'IMWood', filepath, source: 1 })],
  })

describe('the scenes of a folder', () => {
  it('are every .blend and .zip below it, by name, but for what is hidden', async () => {
    for (const path of ['b/two.blend', 'a.blend', 'b/three.ZIP', 'b/notes.txt', '.git/four.blend']) await write(path)
    expect((await findScenes(folder)).map(({ name }) => name)).toEqual(['a.blend', 'b/three.ZIP', 'b/two.blend'])
  })

  it('go in alone when they name nothing that is there', async () => {
    await write('shots/one.blend', naming('//gone.png'))
    await write('shots/wood.png')
    expect(await findScenes(folder)).toEqual([{ name: 'shots/one.blend', path: join(folder, 'shots/one.blend') }])
  })

  it('go in with the lowest folder that has them and what they name', async () => {
    await write('show/shots/one.blend', naming('//../textures/wood.png'))
    await write('show/shots/two.blend', naming('//wood.png'))
    await write('show/textures/wood.png')
    await write('show/shots/wood.png')
    expect((await findScenes(folder)).map(({ project }) => project)).toEqual([
      join(folder, 'show'),
      join(folder, 'show/shots'),
    ])
  })

  it('take nothing along from outside the folder', async () => {
    await write('wood.png')
    await write('show/one.blend', naming('//../wood.png'))
    expect((await findScenes(join(folder, 'show')))[0]?.project).toBeUndefined()
  })
})
