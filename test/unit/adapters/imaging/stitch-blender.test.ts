import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { openExr } from '../../../../shared/adapters/imaging/exr-reader.ts'
import { rowsInBlock } from '../../../../shared/adapters/imaging/exr-format.ts'
import { writeExr } from '../../../../shared/adapters/imaging/exr-writer.ts'
import { stitchTiles } from '../../../../shared/adapters/imaging/stitch.ts'
import { RENDER_SIZE, renderWithBlender } from './blender-renders.ts'
import type { BlenderRenders } from './blender-renders.ts'
import { readImage, scratchFolder } from './images.ts'

const blenderIsThere = spawnSync('blender', ['--version']).status === 0
const oiiotoolIsThere = spawnSync('oiiotool', ['--version']).error === undefined

/** Attributes in which Blender says when, and how fast, it rendered. */
const OF_THE_MOMENT = /^(Date|RenderTime|cycles\..*time)$/

describe.skipIf(!blenderIsThere)('files from Blender', { timeout: 60_000 }, () => {
  const folder = scratchFolder()
  let renders: BlenderRenders
  beforeAll(async () => {
    renders = await renderWithBlender(join(folder, 'renders'))
  }, 120_000)

  test('RGBA tiles stitched are the full render, bit for bit', async () => {
    const output = join(folder, 'rgba-stitched.exr')
    expect(await stitchTiles(renders.rgbaTiles, RENDER_SIZE, output)).toMatchObject({ ok: true, notFinite: [] })
    const [stitched, full] = [await readImage(output), await readImage(renders.rgbaFull)]
    expect(stitched.pixels.equals(full.pixels)).toBe(true)
  })

  test('multilayer tiles with overscan stitched are the full render, every pass bit for bit', async () => {
    const output = join(folder, 'multilayer-stitched.exr')
    expect(await stitchTiles(renders.multilayerTiles, RENDER_SIZE, output)).toMatchObject({ ok: true })
    const [stitched, full] = [await readImage(output), await readImage(renders.multilayerFull)]
    expect(stitched.header.channels).toEqual(full.header.channels)
    expect(stitched.header.channels.map((channel) => channel.name)).toContain('ViewLayer.CryptoObject00.r')
    expect(stitched.pixels.equals(full.pixels)).toBe(true)
  })

  test('a stitched multilayer file has the attributes of a full render, byte for byte', async () => {
    const output = join(folder, 'attributes-stitched.exr')
    await stitchTiles(renders.multilayerTiles, RENDER_SIZE, output)
    const [stitched, full] = [await readImage(output), await readImage(renders.multilayerFull)]
    const lasting = (image: typeof full): unknown =>
      image.header.attributes.filter((each) => !OF_THE_MOMENT.test(each.name))
    expect(lasting(stitched)).toEqual(lasting(full))
    const names = full.header.attributes.map((each) => each.name)
    expect(names).toContain('BlenderMultiChannel')
    expect(names.filter((name) => name.startsWith('cryptomatte/')).length).toBeGreaterThan(0)
  })

  test('a file read and written again has the same header bytes and pixels', async () => {
    const before = await readImage(renders.multilayerFull)
    const output = join(folder, 'again.exr')
    const { header } = before
    await writeExr(output, header, (index) => {
      const start = index * header.rowsPerBlock * header.rowBytes
      return before.pixels.subarray(start, start + rowsInBlock(header, index) * header.rowBytes)
    })
    const after = await readImage(output)
    expect(after.header).toEqual(before.header)
    expect(after.pixels.equals(before.pixels)).toBe(true)
  })

  test('a compression that is not read is refused by its name', async () => {
    expect(await openExr(renders.piz)).toMatchObject({
      ok: false,
      code: 'unsupported',
      message: expect.stringContaining('PIZ'),
    })
  })

  test.skipIf(!oiiotoolIsThere)('another program finds the stitched file equal to the full render', async () => {
    const output = join(folder, 'for-oiiotool.exr')
    await stitchTiles(renders.multilayerTiles, RENDER_SIZE, output)
    const said = execFileSync('oiiotool', ['--fail', '0', '--warn', '0', output, renders.multilayerFull, '--diff'], {
      encoding: 'utf8',
    })
    expect(said).toContain('PASS')
  })

  test.skipIf(!oiiotoolIsThere).each(['none', 'rle', 'zips', 'zip'])(
    'files that another program packed with %s read the same',
    async (compression) => {
      const output = join(folder, `oiiotool-${compression}.exr`)
      execFileSync('oiiotool', [renders.rgbaFull, '--compression', compression, '-o', output])
      const [theirs, full] = [await readImage(output), await readImage(renders.rgbaFull)]
      expect(theirs.header.compression).toBe(compression)
      expect(theirs.pixels.equals(full.pixels)).toBe(true)
    },
  )
})
