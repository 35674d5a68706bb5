// A file of several parts (as Blender 5 writes them) is read as the one image that the file of one part has.

import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { compareExr } from '../../../../shared/adapters/imaging/compare-exr.ts'
import { samePixels } from '../../../../shared/adapters/imaging/compare-same-pixels.ts'
import { makeExrHeader } from '../../../../shared/adapters/imaging/exr-build.ts'
import { checkExr } from '../../../../shared/adapters/imaging/exr-check.ts'
import type { ExrChannel } from '../../../../shared/adapters/imaging/exr-format.ts'
import { exrLayout } from '../../../../shared/adapters/imaging/exr-layout.ts'
import { openExr } from '../../../../shared/adapters/imaging/exr-reader.ts'
import { mergeSamples } from '../../../../shared/adapters/imaging/merge-samples.ts'
import { stitchTiles } from '../../../../shared/adapters/imaging/stitch.ts'
import { readImage, scratchFolder, writeFloats } from './images.ts'
import { headOf, partHeader, text, writeParts } from './parts.ts'
import type { NewPart, Sample } from './parts.ts'

const folder = scratchFolder()
const SIZE = { width: 7, height: 37 }
const floats = (...names: string[]): ExrChannel[] => names.map((name) => ({ name, type: 'float' }))
const COMBINED = floats('ViewLayer.Combined.A', 'ViewLayer.Combined.B', 'ViewLayer.Combined.G', 'ViewLayer.Combined.R')
const DEPTH = floats('ViewLayer.Depth.Z')
const SECOND = floats('Another.Combined.B', 'Another.Combined.G', 'Another.Combined.R')
/** Passes of two layers; the second layer's name stands before the first's. */
const PASSES: readonly NewPart[] = [
  { ...SIZE, name: 'ViewLayer.Combined', channels: COMBINED, attributes: [text('Scene', 'Set'), text('cycles.ViewLayer.samples', '4')] },
  { ...SIZE, name: 'ViewLayer.Depth', channels: DEPTH },
  { ...SIZE, name: 'Another.Combined', channels: SECOND },
]
const sampleAt: Sample = (channel, x, y) => channel.length * 1000 + (channel.codePointAt(channel.length - 1) ?? 0) + x + y / 64

/** The same image in one part. */
async function interleaved(name: string, size: { width: number; height: number } = SIZE, sample: Sample = sampleAt): Promise<string> {
  const path = join(folder, name)
  await writeFloats(path, { ...size, channels: [...COMBINED, ...DEPTH, ...SECOND], attributes: [text('Scene', 'Set'), text('cycles.ViewLayer.samples', '4')] }, sample)
  return path
}

async function inParts(name: string, parts: readonly NewPart[] = PASSES, sample: Sample = sampleAt): Promise<string> {
  const path = join(folder, name)
  await writeParts(path, parts, sample)
  return path
}

async function readPath(path: string): Promise<{ readonly ok: boolean; readonly code?: string; readonly message?: string }> {
  const opened = await openExr(path)
  if (!opened.ok) return opened
  try {
    for (let index = 0; index < opened.reader.header.blockCount; index += 1) {
      const block = await opened.reader.readBlock(index)
      if (!block.ok) return block
    }
    return { ok: true }
  } finally {
    await opened.reader.close()
  }
}

describe('a file of several parts', () => {
  let one: string
  let several: string
  beforeAll(async () => {
    one = await interleaved('one.exr')
    several = await inParts('several.exr')
  })

  test('has the header and the pixels of the same image in one part', async () => {
    const [whole, parts] = [await readImage(one), await readImage(several)]
    expect(parts.pixels.equals(whole.pixels)).toBe(true)
    const { attributes, ...header } = parts.header
    expect(header).toEqual({ ...whole.header, attributes: undefined, longNames: true })
    expect(attributes.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual(whole.header.attributes.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
  })

  test('is compared, checked and laid out like it', async () => {
    expect(await samePixels(several, one)).toEqual({ ok: true, same: true })
    expect(await compareExr(one, several)).toMatchObject({ ok: true, differingPercent: 0, worstDifference: 0 })
    expect(await checkExr(several, SIZE)).toEqual({ ok: true })
    expect(await exrLayout(several)).toEqual(await exrLayout(one))
    const brighter = await inParts('brighter.exr', PASSES, (channel, x, y) => sampleAt(channel, x, y) + (channel.endsWith('Depth.Z') && y === 20 ? 1e6 : 0))
    expect(await samePixels(brighter, one)).toEqual({ ok: true, same: false, reason: 'row 20 is the first that differs' })
  })

  test('whose parts are packed each in another way', async () => {
    const packings = (['none', 'zip', 'zips'] as const).map((compression, index): NewPart => ({ ...PASSES[index]!, compression }))
    const path = await inParts('packed.exr', packings)
    expect(await samePixels(path, one)).toEqual({ ok: true, same: true })
    expect((await readImage(path)).header).toMatchObject({ compression: 'zip', blockCount: 3 })
  })

  test('whose parts have samples of other types', async () => {
    const color = COMBINED.map((channel): ExrChannel => ({ ...channel, type: 'half' }))
    const path = await inParts('types.exr', [{ ...PASSES[0]!, channels: color }, PASSES[1]!], (channel, x, y) => (channel.endsWith('.Z') ? x - y : 100 + x + y))
    const { header, pixels } = await readImage(path)
    expect(header.channels).toEqual([...color, ...DEPTH])
    const row = 36 * header.rowBytes
    expect(pixels.readUInt16LE(row + 2 * SIZE.width * 2 + 5 * 2)).toBe(100 + 5 + 36)
    expect(pixels.readFloatLE(row + 4 * SIZE.width * 2 + 5 * 4)).toBe(5 - 36)
  })

  test('has its views in the names of the channels, as one part has them', async () => {
    const views: NewPart[] = ['left', 'right'].flatMap((view) => [
      { ...SIZE, name: `ViewLayer.Combined-${view}`, view, channels: COMBINED },
      { ...SIZE, name: `ViewLayer.Depth-${view}`, view, channels: DEPTH },
    ])
    const { header } = await readImage(await inParts('views.exr', views, (_channel, _x, _y, view) => view?.length ?? 0))
    expect(header.channels.map(({ name }) => name)).toEqual([
      ...['A', 'B', 'G', 'R'].map((each) => `ViewLayer.Combined.left.${each}`), ...['A', 'B', 'G', 'R'].map((each) => `ViewLayer.Combined.right.${each}`),
      'ViewLayer.Depth.left.Z', 'ViewLayer.Depth.right.Z',
    ])
    expect(header.attributes.find(({ name }) => name === 'multiView')?.value.toString('latin1')).toBe('\x04\0\0\0left\x05\0\0\0right')
    const plain = ['left', 'right'].map((view): NewPart => ({ ...SIZE, name: view, view, channels: floats('B', 'G', 'R') }))
    const image = await readImage(await inParts('plain-views.exr', plain, (_channel, _x, _y, view) => view?.length ?? 0))
    expect(image.header.channels.map(({ name }) => name)).toEqual(['left.B', 'left.G', 'left.R', 'right.B', 'right.G', 'right.R'])
    expect([0, 5].map((channel) => image.pixels.readFloatLE(channel * SIZE.width * 4))).toEqual([4, 5])
  })

  test('is stitched with files of one part into a file of one part', async () => {
    const sample: Sample = (channel, x, y) => sampleAt(channel, x, y)
    const tiles = [
      { path: await inParts('left.exr', PASSES.map((part) => ({ ...part, width: 4 })), sample), placement: { x: 0, y: 0, width: 4, height: 37 }, crop: { left: 0, top: 0 } },
      { path: await interleaved('right.exr', { width: 3, height: 37 }, (channel, x, y) => sample(channel, x + 4, y)), placement: { x: 4, y: 0, width: 3, height: 37 }, crop: { left: 0, top: 0 } },
    ]
    for (const [order, lot] of [tiles, tiles.toReversed()].entries()) {
      const output = join(folder, `stitched-${order}.exr`)
      expect(await stitchTiles(lot, SIZE, output)).toMatchObject({ ok: true })
      expect(await samePixels(output, one)).toEqual({ ok: true, same: true })
      const { header } = await readImage(output)
      expect(header.attributes.map(({ name }) => name).filter((name) => ['name', 'type', 'view', 'chunkCount'].includes(name))).toEqual([])
    }
  })

  test('is merged with others of its samples', async () => {
    const output = join(folder, 'merged.exr')
    expect(await mergeSamples([{ path: several, samples: 1 }, { path: one, samples: 3 }], output)).toMatchObject({ ok: true, samples: 4 })
    expect(await samePixels(output, one)).toEqual({ ok: true, same: true })
  })
})

describe('refused with the reason', () => {
  const [combined, depth] = [PASSES[0]!, PASSES[1]!]
  const deep = partHeader(depth)
  test.each<[string, string, string, Buffer]>([
    ['unsupported', 'parts of other sizes', 'part 1 has 7 x 36 px', headOf([partHeader(combined), partHeader({ ...depth, height: 36 })])],
    ['unsupported', 'one channel in two parts', 'channel ViewLayer.Depth.Z is in parts 0 and 1', headOf([deep, partHeader({ ...depth, name: 'again' })])],
    ['unsupported', 'a part that is tiled', 'part 1: the file holds a "tiledimage"', headOf([partHeader(combined), { ...deep, attributes: deep.attributes.map((each) => (each.name === 'type' ? text('type', 'tiledimage') : each)) }])],
    ['corrupt', 'two parts of one name', 'part 1 is named "ViewLayer.Combined"', headOf([partHeader(combined), partHeader({ ...depth, name: combined.name })])],
    ['corrupt', 'a part without a name', 'part 0: a part must have a name', headOf([makeExrHeader(combined)])],
    ['corrupt', 'another number of blocks than its rows need', 'part 1: its chunkCount is not 3', headOf([partHeader(combined), partHeader(depth, 2)])],
    ['corrupt', 'no part at all', 'the file has no parts', Buffer.concat([headOf([deep]).subarray(0, 8), Buffer.alloc(1)])],
    ['too_large', 'too many parts', 'more than 1024 parts', headOf(Array.from({ length: 1025 }, (_, index) => partHeader({ width: 1, height: 1, name: `p${index}`, channels: floats(`c${index}`) })))],
    ['too_large', 'too many channels in all', 'more than 1024 channels', headOf(Array.from({ length: 3 }, (_, part) => partHeader({ width: 1, height: 1, name: `p${part}`, channels: floats(...Array.from({ length: 400 }, (__, index) => `c${part}.${index}`)) })))],
    ['too_large', 'too many blocks in all', 'more than 4194304 blocks', headOf(Array.from({ length: 70 }, (_, index) => partHeader({ width: 1, height: 65_536, name: `p${index}`, channels: floats(`c${index}`), compression: 'zips' })))],
    ['too_large', 'too many attributes in all', 'attributes', headOf(Array.from({ length: 9 }, (_, part) => partHeader({ width: 1, height: 1, name: `p${part}`, channels: floats(`c${part}`), attributes: Array.from({ length: 4000 }, (__, index) => text(`a${index}`, '')) })))],
    ['truncated', 'blocks that the file is too short for', 'need at least', headOf([partHeader(combined), deep])],
    ['truncated', 'a header that does not end', 'part 1: attribute screenWindow', headOf([partHeader(combined), deep]).subarray(0, -40)],
  ])('%s: %s', async (code, _, message, bytes) => {
    const path = join(folder, 'refused.exr')
    await writeFile(path, bytes)
    expect(await readPath(path)).toMatchObject({ ok: false, code, message: expect.stringContaining(message) })
  })

  test('a block that belongs to another part', async () => {
    const path = join(folder, 'crossed.exr')
    const bytes = await writeParts(path, PASSES, sampleAt)
    const table = headOf(PASSES.map((part) => partHeader(part))).length
    bytes.copy(bytes, table + 3 * 8, table, table + 8)
    await writeFile(path, bytes)
    expect(await readPath(path)).toMatchObject({ ok: false, code: 'corrupt', message: 'block 0 of part 1 says that it belongs to part 0' })
  })

  test('a file cut anywhere', async () => {
    const path = join(folder, 'cut.exr')
    const bytes = await writeParts(path, PASSES.map((part) => ({ ...part, width: 2, height: 3 })), sampleAt)
    for (let length = bytes.length - 1; length >= 0; length -= 1) {
      await truncate(path, length)
      const outcome = await readPath(path)
      if (outcome.ok || outcome.code !== 'truncated') throw new Error(`cut to ${length} of ${bytes.length}: ${JSON.stringify(outcome)}`)
    }
  }, 60_000)

  test('or read, whatever bits are flipped', async () => {
    const path = join(folder, 'flipped.exr')
    const original = await writeParts(path, PASSES.map((part) => ({ ...part, width: 2, height: 18 })), sampleAt)
    const change = fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(255))
    await fc.assert(fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), async (changes) => {
      const bytes = Buffer.from(original)
      for (const [where, value] of changes) bytes[Math.floor(where * bytes.length)] = value
      await writeFile(path, bytes)
      const outcome = await readPath(path)
      expect(typeof (outcome.ok ? 'read' : outcome.message)).toBe('string')
    }), { numRuns: 300 })
  }, 60_000)
})
