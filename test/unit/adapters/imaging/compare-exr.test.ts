import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { compareExr } from '../../../../shared/adapters/imaging/compare-exr.ts'
import type { ImageMeasures } from '../../../../shared/adapters/imaging/compare-exr.ts'
import { samePixels } from '../../../../shared/adapters/imaging/compare-same-pixels.ts'
import { checkExr } from '../../../../shared/adapters/imaging/exr-check.ts'
import type { NewExr } from '../../../../shared/adapters/imaging/exr-build.ts'
import { RGBA_FLOAT, noise, scratchFolder, writeFloats, writeImage } from './images.ts'

const folder = scratchFolder()
const [a, b] = [join(folder, 'a.exr'), join(folder, 'b.exr')]
const RGBA_64 = { width: 64, height: 64, channels: RGBA_FLOAT }
type Sample = (channel: string, x: number, y: number) => number
const grey: Sample = () => 0.5

async function measures(image: NewExr, ofA: Sample, ofB: Sample): Promise<ImageMeasures> {
  await writeFloats(a, image, ofA)
  await writeFloats(b, image, ofB)
  const compared = await compareExr(a, b)
  if (!compared.ok) throw new Error(compared.message)
  return compared
}

describe('two renders are compared', () => {
  test('an image does not differ from itself', async () => {
    expect(await measures(RGBA_64, grey, grey)).toMatchObject({
      width: 64,
      height: 64,
      differingPercent: 0,
      worstBlockPercent: 0,
      slightlyDifferingPercent: 0,
      worstDifference: 0,
      notFinite: { a: 0, b: 0, mismatched: 0 },
    })
  })

  test('by relative differences over the pixel, the worst channel speaking for it, alpha too', async () => {
    const tampered: Sample = (channel, x, y) =>
      y === 3 && ((channel === 'A' && x < 4) || (channel === 'R' && x < 2)) ? 0.6 : 0.5
    const compared = await measures(RGBA_64, grey, tampered)
    expect(compared.differingPercent).toBeCloseTo((100 * 4) / 4096)
    expect(compared.worstBlockPercent).toBeCloseTo((100 * 4) / 256)
    expect(compared.worstDifference).toBeCloseTo(0.1 / 0.57, 5)
  })

  test('with slight differences counted apart', async () => {
    const compared = await measures(RGBA_64, grey, () => 0.5 * 1.005)
    expect(compared).toMatchObject({ differingPercent: 0, worstBlockPercent: 0, slightlyDifferingPercent: 100 })
  })

  test('in the dark by a floor: two blacks that hardly differ agree', async () => {
    expect(
      await measures(
        RGBA_64,
        () => 0,
        () => 1e-5,
      ),
    ).toMatchObject({ slightlyDifferingPercent: 0 })
  })

  test('block by block, so local tampering stands out wherever it is', async () => {
    for (const [left, top] of [
      [0, 0],
      [48, 48],
      [16, 32],
    ] as const) {
      const compared = await measures(RGBA_64, grey, (_, x, y) =>
        x >= left && x < left + 16 && y >= top && y < top + 16 ? 1 : 0.5,
      )
      expect(compared).toMatchObject({ differingPercent: 6.25, worstBlockPercent: 100 })
    }
  })

  test('line by line and spot by spot, so thin tampering stands out', async () => {
    const stripe = await measures({ ...RGBA_64, width: 512 }, grey, (_, x) => (x === 200 ? 1 : 0.5))
    expect(stripe).toMatchObject({ differingPercent: 100 / 512, worstBlockPercent: 6.25, worstLinePercent: 100 })
    const slanted = await measures({ ...RGBA_64, width: 512 }, grey, (_, x, y) => (x === y ? 1 : 0.5))
    expect(slanted).toMatchObject({ worstLinePercent: 100 / 64, largestSpotPixels: 64 })
  })

  test('without a sliver at the edge, where one pixel would weigh too much', async () => {
    const image = { width: 33, height: 17, channels: RGBA_FLOAT }
    const compared = await measures(image, grey, (_, x, y) => (x === 32 && y === 16 ? 1 : 0.5))
    expect(compared.worstBlockPercent).toBeCloseTo(100 / (17 * 17))
    const wider = await measures({ ...image, width: 40, height: 24 }, grey, (_, x, y) =>
      x === 39 && y === 23 ? 1 : 0.5,
    )
    expect(wider.worstBlockPercent).toBeCloseTo(100 / 64)
  })

  test('an image of one pixel', async () => {
    expect(await measures({ width: 1, height: 1, channels: RGBA_FLOAT }, grey, () => 1)).toMatchObject({
      differingPercent: 100,
      worstBlockPercent: 100,
    })
  })

  test('whatever their compression and line order are', async () => {
    await writeFloats(a, RGBA_64, (_, x, y) => x + y)
    await writeFloats(b, { ...RGBA_64, compression: 'rle', lineOrder: 'decreasing' }, (_, x, y) => x + y)
    expect(await compareExr(a, b)).toMatchObject({ ok: true, worstDifference: 0 })
    expect(await samePixels(a, b)).toEqual({ ok: true, same: true })
  })
})

describe('a sample that is not finite', () => {
  const oneBad =
    (bad: number): Sample =>
    (channel, x, y) =>
      channel === 'G' && x === 1 && y === 1 ? bad : 0.5

  test.each([
    [NaN, 0.5],
    [Infinity, -Infinity],
    [Infinity, NaN],
    [0, Infinity],
  ])('%d against %d is a mismatch', async (ofA, ofB) => {
    const compared = await measures(RGBA_64, oneBad(ofA), oneBad(ofB))
    expect(compared).toMatchObject({ worstDifference: Infinity, notFinite: { mismatched: 1 } })
    expect(compared.differingPercent).toBeGreaterThan(0)
  })

  test('is none when both files have the same', async () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      expect(await measures(RGBA_64, oneBad(bad), oneBad(bad))).toMatchObject({
        worstDifference: 0,
        notFinite: { a: 1, b: 1, mismatched: 0 },
      })
    }
  })
})

describe('every channel of every layer counts', () => {
  const channels = [
    ...RGBA_FLOAT.map((each) => each.name),
    'ViewLayer.Depth.Z',
    'ViewLayer.IndexOB.X',
    'ViewLayer.CryptoObject00.r',
    'ViewLayer.CryptoObject00.g',
  ].map((name) => ({ name, type: 'float' as const }))
  const image = { width: 32, height: 32, channels }
  const onlyIn = (changed: string, from: number, to: number): readonly [Sample, Sample] => [
    (channel) => (channel === changed ? from : 0.5),
    (channel) => (channel === changed ? to : 0.5),
  ]

  test.each<[string, number, number, string]>([
    ['ViewLayer.Depth.Z', 10, 11, 'quantity'],
    ['ViewLayer.CryptoObject00.g', 0.5, 0.6, 'quantity'],
    ['ViewLayer.CryptoObject00.r', 1e-20, 3e-25, 'identity'],
    ['ViewLayer.IndexOB.X', 30_000, 30_001, 'identity'],
  ])('%s: %d against %d', async (channel, from, to, kind) => {
    const compared = await measures(image, ...onlyIn(channel, from, to))
    expect(compared).toMatchObject({ differingPercent: 100, worstBlockPercent: 100, slightlyDifferingPercent: 100 })
    expect(compared.groups.filter((group) => group.differingPercent > 0)).toMatchObject([{ group: channel, kind }])
  })

  test('depth that is as far as can be does not differ from itself', async () => {
    for (const far of [1e10, Infinity])
      expect(await measures(image, ...onlyIn('ViewLayer.Depth.Z', far, far))).toMatchObject({ worstDifference: 0 })
  })

  test('uint and half channels too', async () => {
    const typed = {
      width: 2,
      height: 1,
      channels: [
        { name: 'Id', type: 'uint' as const },
        { name: 'R', type: 'half' as const },
      ],
    }
    const row = (id: number, half: number): Buffer => {
      const bytes = Buffer.alloc(12)
      bytes.writeUInt32LE(id, 4)
      bytes.writeUInt16LE(half, 10)
      return bytes
    }
    await writeImage(a, typed, row(4_000_000_000, 0x3c00))
    await writeImage(b, typed, row(4_000_000_001, 0x3c00))
    expect(await compareExr(a, b)).toMatchObject({
      differingPercent: 50,
      groups: [{ group: 'Id', differingPercent: 50 }, { differingPercent: 0 }],
    })
    await writeImage(b, typed, row(4_000_000_000, 0x4000))
    expect(await compareExr(a, b)).toMatchObject({
      worstDifference: expect.closeTo(1 / 1.52, 5),
      groups: [{ differingPercent: 0 }, { differingPercent: 50 }],
    })
  })
})

describe('files that do not go together are refused', () => {
  test.each<[string, Partial<NewExr>]>([
    ['sizes_differ', { width: 32, height: 128 }],
    ['channels_differ', { channels: RGBA_FLOAT.slice(1) }],
    ['channels_differ', { channels: [...RGBA_FLOAT, { name: 'Z', type: 'float' }] }],
  ])('%s', async (code, change) => {
    await writeFloats(a, RGBA_64, grey)
    await writeFloats(b, { ...RGBA_64, ...change }, grey)
    expect(await compareExr(a, b)).toMatchObject({ ok: false, code, file: 'both' })
    expect(await samePixels(a, b)).toMatchObject({ ok: true, same: false })
  })

  test('windows_differ: the same pixels in another place of the picture', async () => {
    await writeFloats(a, RGBA_64, grey)
    const bytes = await readFile(a)
    const at = bytes.indexOf('displayWindow') + 'displayWindow\0box2i\0'.length + 4
    bytes.writeInt32LE(-10, at)
    await writeFile(b, bytes)
    expect(await compareExr(a, b)).toMatchObject({ ok: false, code: 'windows_differ', file: 'both' })
  })

  test('and the damaged one is named', async () => {
    await writeFloats(a, RGBA_64, grey)
    const bytes = await readFile(a)
    await writeFile(b, bytes.fill(0xff, bytes.length - 20))
    expect(await compareExr(a, b)).toMatchObject({ ok: false, file: 'b' })
    expect(await compareExr(b, a)).toMatchObject({ ok: false, file: 'a' })
    expect(await checkExr(b, RGBA_64)).toMatchObject({ ok: false, code: 'corrupt' })
  })
})

test('one bit makes other pixels', async () => {
  const image = { width: 16, height: 40, channels: RGBA_FLOAT }
  const pixels = noise(16 * 40 * 16)
  await writeImage(a, image, pixels)
  pixels[16 * 16 * 33 + 5] = pixels[16 * 16 * 33 + 5]! ^ 1
  await writeImage(b, image, pixels)
  expect(await samePixels(a, a)).toEqual({ ok: true, same: true })
  expect(await samePixels(a, b)).toEqual({ ok: true, same: false, reason: 'row 33 is the first that differs' })
})

test('a check finds a sound file sound, and one of another size or without finite samples not', async () => {
  await writeFloats(a, RGBA_64, grey)
  expect(await checkExr(a, RGBA_64)).toEqual({ ok: true })
  expect(await checkExr(a, { width: 64, height: 63 })).toMatchObject({ ok: false, code: 'sizes_differ' })
  await writeFloats(a, RGBA_64, (channel) => (channel === 'A' ? NaN : 1))
  expect(await checkExr(a, RGBA_64)).toMatchObject({ ok: false, code: 'not_finite' })
})
