import { readdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { makeExrHeader } from '../../../../shared/adapters/imaging/exr-build.ts'
import type { NewExr } from '../../../../shared/adapters/imaging/exr-build.ts'
import { EXR_SAMPLE_BYTES } from '../../../../shared/adapters/imaging/exr-format.ts'
import type { ExrChannel, ExrHeader } from '../../../../shared/adapters/imaging/exr-format.ts'
import { stitchTiles } from '../../../../shared/adapters/imaging/stitch.ts'
import type { StitchTile } from '../../../../shared/adapters/imaging/stitch.ts'
import { RGBA_FLOAT, noise, readImage, scratchFolder, writeFloats, writeImage } from './images.ts'

const folder = scratchFolder()
const MIXED: readonly ExrChannel[] = [
  { name: 'Id', type: 'uint' },
  { name: 'R', type: 'half' },
  { name: 'Z', type: 'half' },
]

/** The rows of a window of an image. */
function cut(header: ExrHeader, pixels: Buffer, x: number, y: number, width: number, height: number): Buffer {
  const rows: Buffer[] = []
  for (let row = y; row < y + height; row += 1) {
    let start = row * header.rowBytes
    for (const channel of header.channels) {
      const bytes = EXR_SAMPLE_BYTES[channel.type]
      rows.push(pixels.subarray(start + x * bytes, start + (x + width) * bytes))
      start += bytes * header.width
    }
  }
  return Buffer.concat(rows)
}

/** Cuts a random image into tiles along the given edges; gives the tiles and the image's rows. */
async function cutUp(
  name: string,
  image: NewExr,
  xs: readonly number[],
  ys: readonly number[],
  overscan: number,
): Promise<{ readonly tiles: StitchTile[]; readonly pixels: Buffer }> {
  const header = makeExrHeader(image)
  // Exponents stay small, so that noise holds no NaN.
  const pixels = Buffer.from(noise(header.rowBytes * header.height).map((byte) => byte & 0x3b))
  const tiles: StitchTile[] = []
  for (const [row, y] of ys.slice(0, -1).entries()) {
    for (const [column, x] of xs.slice(0, -1).entries()) {
      const placement = { x, y, width: xs[column + 1]! - x, height: ys[row + 1]! - y }
      const crop = { left: Math.min(x, overscan), top: Math.min(y, overscan) }
      const width = Math.min(image.width, x + placement.width + overscan) - x + crop.left
      const height = Math.min(image.height, y + placement.height + overscan) - y + crop.top
      const path = join(folder, `${name}-${row}-${column}.exr`)
      await writeImage(
        path,
        { ...image, width, height },
        cut(header, pixels, x - crop.left, y - crop.top, width, height),
      )
      tiles.push({ path, placement, crop })
    }
  }
  return { tiles, pixels }
}

describe('the stitched frame is the image that was cut up', () => {
  test.each<[string, NewExr, number[], number[], number]>([
    ['one tile', { width: 9, height: 5, channels: MIXED }, [0, 9], [0, 5], 0],
    ['tiles of one pixel', { width: 4, height: 3, channels: RGBA_FLOAT }, [0, 1, 2, 3, 4], [0, 1, 2, 3], 0],
    ['odd sizes with overscan', { width: 37, height: 51, channels: MIXED }, [0, 5, 24, 37], [0, 17, 18, 51], 4],
    ['full-width strips', { width: 33, height: 40, channels: MIXED, compression: 'zips' }, [0, 33], [0, 7, 40], 2],
    [
      'rows from the bottom up',
      { width: 20, height: 50, channels: RGBA_FLOAT, lineOrder: 'decreasing' },
      [0, 11, 20],
      [0, 23, 50],
      1,
    ],
    ['no compression', { width: 20, height: 21, channels: MIXED, compression: 'none' }, [0, 3, 20], [0, 9, 21], 3],
    ['run lengths', { width: 20, height: 21, channels: MIXED, compression: 'rle' }, [0, 3, 20], [0, 9, 21], 3],
  ])('%s', async (name, image, xs, ys, overscan) => {
    const { tiles, pixels } = await cutUp(name, image, xs, ys, overscan)
    const output = join(folder, `${name}.exr`)
    expect(await stitchTiles(tiles, image, output)).toMatchObject({
      ok: true,
      width: image.width,
      height: image.height,
      notFinite: [],
    })
    const back = await readImage(output)
    expect(back.pixels.equals(pixels)).toBe(true)
    expect(back.header).toEqual(makeExrHeader(image))
  })

  test('however it is cut', async () => {
    const edges = (length: number): fc.Arbitrary<number[]> =>
      fc
        .uniqueArray(fc.integer({ min: 1, max: length - 1 }), { maxLength: 3 })
        .map((inner) => [0, ...inner.toSorted((a, b) => a - b), length])
    await fc.assert(
      fc.asyncProperty(edges(30), edges(45), fc.nat(5), async (xs, ys, overscan) => {
        const image = { width: 30, height: 45, channels: MIXED }
        const { tiles, pixels } = await cutUp('any', image, xs, ys, overscan)
        const output = join(folder, 'any.exr')
        expect(await stitchTiles(tiles, image, output)).toMatchObject({ ok: true })
        expect((await readImage(output)).pixels.equals(pixels)).toBe(true)
      }),
      { numRuns: 20 },
    )
  }, 60_000)

  test('tiles may be packed in different ways and come in any order', async () => {
    const image = { width: 16, height: 40, channels: RGBA_FLOAT }
    const first = await cutUp('zip-tile', image, [0, 16], [0, 19, 40], 0)
    const second = await cutUp('plain-tile', { ...image, compression: 'none' }, [0, 16], [0, 19, 40], 0)
    const output = join(folder, 'different.exr')
    expect(await stitchTiles([second.tiles[1]!, first.tiles[0]!], image, output)).toMatchObject({ ok: true })
    const back = await readImage(output)
    expect(back.pixels.equals(first.pixels)).toBe(true)
    expect(back.header.compression).toBe('none')
  })

  test("attributes are the first tile's, but for a thumbnail and the chunk count, which follows the size", async () => {
    const attributes = [
      { name: 'BlenderMultiChannel', type: 'string', value: Buffer.from('anything\xff', 'latin1') },
      { name: 'chunkCount', type: 'int', value: Buffer.of(2, 0, 0, 0) },
      { name: 'preview', type: 'preview', value: Buffer.alloc(8) },
    ]
    const image = { width: 8, height: 64, channels: RGBA_FLOAT, attributes }
    const { tiles } = await cutUp('attributes', image, [0, 8], [0, 32, 64], 0)
    const output = join(folder, 'attributes.exr')
    await stitchTiles(tiles, image, output)
    const { header } = await readImage(output)
    expect(header.attributes[0]).toEqual(attributes[0])
    expect(header.attributes[1]?.value).toEqual(Buffer.of(4, 0, 0, 0))
    expect(header.attributes.map((each) => each.name)).not.toContain('preview')
  })
})

describe('refused, with nothing left behind', () => {
  const image = { width: 20, height: 20, channels: RGBA_FLOAT }
  const refusedFolder = scratchFolder()
  const output = join(refusedFolder, 'frame.exr')
  const refusal = async (tiles: readonly StitchTile[], code: string, tileIndex?: number): Promise<void> => {
    expect(await stitchTiles(tiles, image, output)).toMatchObject({
      ok: false,
      code,
      ...(tileIndex === undefined ? {} : { tileIndex }),
    })
    expect(readdirSync(refusedFolder)).toEqual([])
  }

  test('holes, overlaps, tiles outside, no tiles', async () => {
    const { tiles } = await cutUp('cover', image, [0, 10, 20], [0, 10, 20], 0)
    await refusal([], 'no_tiles')
    await refusal(tiles.slice(1), 'hole')
    await refusal([...tiles, tiles[0]!], 'overlap')
    await refusal(
      [...tiles.slice(0, 3), { ...tiles[3]!, placement: { x: 11, y: 10, width: 10, height: 10 } }],
      'outside_frame',
    )
  })

  test('tiles with other channels, too few pixels, or a crop that is none', async () => {
    const { tiles } = await cutUp('fit', image, [0, 10, 20], [0, 20], 0)
    const odd = join(folder, 'odd.exr')
    await writeImage(
      odd,
      { width: 10, height: 20, channels: [...RGBA_FLOAT, { name: 'Z', type: 'float' }] },
      Buffer.alloc(10 * 20 * 20),
    )
    await refusal([tiles[0]!, { ...tiles[1]!, path: odd }], 'channels_differ', 1)
    await writeImage(
      odd,
      { width: 10, height: 20, channels: RGBA_FLOAT.map((each) => ({ ...each, type: 'half' })) },
      Buffer.alloc(10 * 20 * 8),
    )
    await refusal([tiles[0]!, { ...tiles[1]!, path: odd }], 'channels_differ', 1)
    await refusal([tiles[0]!, { ...tiles[1]!, crop: { left: 1, top: 0 } }], 'tile_too_small', 1)
    await refusal([tiles[0]!, { ...tiles[1]!, crop: { left: -1, top: 0 } }], 'crop_invalid', 1)
  })

  test('tiles that are damaged, found at once or on the way', async () => {
    const { tiles } = await cutUp('damage', image, [0, 20], [0, 10, 20], 0)
    const damaged = join(folder, 'damaged.exr')
    await writeFile(damaged, 'no image')
    await refusal([tiles[0]!, { ...tiles[1]!, path: damaged }], 'not_exr', 1)
    const bytes = await readFile(tiles[1]!.path)
    await writeFile(damaged, bytes.fill(0xff, bytes.length - 100))
    await refusal([tiles[0]!, { ...tiles[1]!, path: damaged }], 'corrupt', 1)
  })

  test('a channel without a finite sample in the kept area', async () => {
    const { tiles } = await cutUp('finite', image, [0, 10, 20], [0, 20], 0)
    const path = join(folder, 'not-finite.exr')
    for (const bad of [NaN, Infinity]) {
      // The overscan column is finite, the kept area is not.
      await writeFloats(path, { width: 11, height: 20, channels: RGBA_FLOAT }, (channel, x) =>
        channel === 'G' && x > 0 ? bad : 1,
      )
      await refusal([tiles[0]!, { path, placement: tiles[1]!.placement, crop: { left: 1, top: 0 } }], 'not_finite', 1)
    }
  })

  test('an aborted run throws the reason', async () => {
    const { tiles } = await cutUp('abort', image, [0, 20], [0, 20], 0)
    await expect(
      stitchTiles(tiles, image, output, { signal: AbortSignal.abort(new Error('canceled')) }),
    ).rejects.toThrow('canceled')
    expect(readdirSync(refusedFolder)).toEqual([])
  })
})

describe('samples that are not finite but may be honest', () => {
  test('are counted by tile and channel', async () => {
    const path = join(folder, 'some.exr')
    await writeFloats(path, { width: 4, height: 4, channels: RGBA_FLOAT }, (channel, x, y) =>
      channel === 'R' && x === 1 ? [NaN, Infinity, -Infinity, 0][y]! : 1,
    )
    const report = await stitchTiles(
      [{ path, placement: { x: 0, y: 0, width: 4, height: 4 }, crop: { left: 0, top: 0 } }],
      { width: 4, height: 4 },
      join(folder, 'some-out.exr'),
    )
    expect(report).toMatchObject({
      ok: true,
      notFinite: [{ tileIndex: 0, channels: [{ channel: 'R', nan: 1, infinite: 2 }] }],
    })
  })

  test('a NaN is one by any bit of its fraction, in floats and in halves', async () => {
    const path = join(folder, 'quiet.exr')
    const channels: readonly ExrChannel[] = [
      { name: 'F', type: 'float' },
      { name: 'H', type: 'half' },
    ]
    const rows = Buffer.alloc(12)
    rows.writeUInt32LE(0x7f800001, 0)
    rows.writeUInt16LE(0xfc01, 8)
    await writeImage(path, { width: 2, height: 1, channels }, rows)
    const report = await stitchTiles(
      [{ path, placement: { x: 0, y: 0, width: 2, height: 1 }, crop: { left: 0, top: 0 } }],
      { width: 2, height: 1 },
      join(folder, 'quiet-out.exr'),
    )
    expect(report).toMatchObject({
      notFinite: [
        {
          channels: [
            { channel: 'F', nan: 1, infinite: 0 },
            { channel: 'H', nan: 1, infinite: 0 },
          ],
        },
      ],
    })
  })

  test('a depth that is infinite everywhere is a view of the sky; one that is NaN is not', async () => {
    const path = join(folder, 'depth.exr')
    const tile = { path, placement: { x: 0, y: 0, width: 4, height: 4 }, crop: { left: 0, top: 0 } }
    const channels = [...RGBA_FLOAT, { name: 'ViewLayer.Depth.Z', type: 'float' as const }]
    for (const [depth, ok] of [
      [Infinity, true],
      [1e10, true],
      [NaN, false],
    ] as const) {
      await writeFloats(path, { width: 4, height: 4, channels }, (channel) => (channel.endsWith('Z') ? depth : 1))
      expect(await stitchTiles([tile], { width: 4, height: 4 }, join(folder, 'depth-out.exr'))).toMatchObject({ ok })
    }
  })
})
