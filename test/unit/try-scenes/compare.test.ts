import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { compareImages } from '../../try-scenes/compare.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-compare-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

/** 2 x 1 px, the right one of this gray. */
async function image(name: string, gray: number): Promise<string> {
  const path = join(folder, name)
  await sharp(Buffer.from([0, 0, 0, gray, gray, gray]), { raw: { width: 2, height: 1, channels: 3 } }).toFile(path)
  return path
}

describe('images of a frame', () => {
  it('are held against each other whatever their names', async () => {
    const [beauty, depth] = [await image('beauty.png', 10), await image('depth.png', 200)]
    const [one, two] = [join(folder, '1.png'), join(folder, '2.png')]
    await copyFile(beauty, two)
    await copyFile(depth, one)
    expect(await compareImages([beauty, depth], [one, two], 'frame 1')).toEqual({
      pixels: 0,
      files: 2,
      largest: 0,
      faults: [],
      remarks: [],
    })
  })

  it('tell how many pixels differ and how far', async () => {
    expect(await compareImages([await image('bare.png', 0)], [await image('farm.png', 51)], 'frame 1')).toMatchObject({
      pixels: 1,
      files: 1,
      largest: expect.closeTo(0.2, 5),
      faults: [],
    })
  })

  it('are at fault when one is missing or of another kind', async () => {
    const [bare, more, other] = [await image('bare.png', 0), await image('more.png', 0), await image('other.jpg', 0)]
    expect((await compareImages([bare, more], [bare], 'frame 1')).faults).toEqual([
      'frame 1: bare Blender wrote bare.png, more.png, the farm delivered bare.png',
    ])
    expect((await compareImages([bare], [other], 'frame 1')).faults).toEqual([
      'frame 1: bare Blender wrote .png, the farm delivered .jpg',
    ])
  })

  it('that bare Blender may have written elsewhere are only noted', async () => {
    const [bare, more] = [await image('bare.png', 0), await image('more.png', 9)]
    expect(await compareImages([bare], [bare, more], 'frame 1')).toMatchObject({
      faults: [],
      remarks: ['frame 1: bare Blender wrote bare.png, the farm delivered bare.png, more.png'],
    })
  })
})
