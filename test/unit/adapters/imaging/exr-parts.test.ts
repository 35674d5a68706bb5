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
const NOTES = [text('Scene', 'Set'), text('cycles.ViewLayer.samples', '4')]
/** Passes of two layers; the second layer's name stands before the first's. */
const PASSES: readonly NewPart[] = [
  { ...SIZE, name: 'ViewLayer.Combined', channels: COMBINED, attributes: NOTES },
  { ...SIZE, name: 'ViewLayer.Depth', channels: DEPTH },
  { ...SIZE, name: 'Another.Combined', channels: SECOND },
]
const sampleAt: Sample = (channel, x, y) => {
  const letter = channel.codePointAt(channel.length - 1) ?? 0
  return channel.length * 1000 + letter + x + y / 64
}
const byName = <Named extends { readonly name: string }>(all: readonly Named[]): Named[] =>
  all.toSorted((a, b) => (a.name < b.name ? -1 : 1))

/** The same image in one part. */
async function interleaved(name: string, size = SIZE, sample: Sample = sampleAt): Promise<string> {
  const path = join(folder, name)
  await writeFloats(path, { ...size, channels: [...COMBINED, ...DEPTH, ...SECOND], attributes: NOTES }, sample)
  return path
}

async function inParts(name: string, parts: readonly NewPart[] = PASSES, sample: Sample = sampleAt): Promise<string> {
  const path = join(folder, name)
  await writeParts(path, parts, sample)
  return path
}

interface ReadOutcome {
  readonly ok: boolean
  readonly code?: string
  readonly message?: string
}

async function readPath(path: string): Promise<ReadOutcome> {
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
    expect(byName(attributes)).toEqual(byName(whole.header.attributes))
  })

  test('is compared, checked and laid out like it', async () => {
    expect(await samePixels(several, one)).toEqual({ ok: true, same: true })
    expect(await compareExr(one, several)).toMatchObject({ ok: true, differingPercent: 0, worstDifference: 0 })
    expect(await checkExr(several, SIZE)).toEqual({ ok: true })
    expect(await exrLayout(several)).toEqual(await exrLayout(one))
    const brighter = await inParts(
      'brighter.exr',
      PASSES,
      (channel, x, y) => sampleAt(channel, x, y) + (channel.endsWith('Depth.Z') && y === 20 ? 1e6 : 0),
    )
    expect(await samePixels(brighter, one)).toEqual({
      ok: true,
      same: false,
      reason: 'row 20 is the first that differs',
    })
  })

  test('whose parts are packed each in another way', async () => {
    const methods = ['none', 'zip', 'zips'] as const
    const packings = methods.map((compression, index): NewPart => ({ ...PASSES[index]!, compression }))
    const path = await inParts('packed.exr', packings)
    expect(await samePixels(path, one)).toEqual({ ok: true, same: true })
    expect((await readImage(path)).header).toMatchObject({ compression: 'zip', blockCount: 3 })
  })

  test('whose parts have samples of other types', async () => {
    const color = COMBINED.map((channel): ExrChannel => ({ ...channel, type: 'half' }))
    const path = await inParts('types.exr', [{ ...PASSES[0]!, channels: color }, PASSES[1]!], (channel, x, y) =>
      channel.endsWith('.Z') ? x - y : 100 + x + y,
    )
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
      ...['A', 'B', 'G', 'R'].map((each) => `ViewLayer.Combined.left.${each}`),
      ...['A', 'B', 'G', 'R'].map((each) => `ViewLayer.Combined.right.${each}`),
      'ViewLayer.Depth.left.Z',
      'ViewLayer.Depth.right.Z',
    ])
    const listed = header.attributes.find(({ name }) => name === 'multiView')
    expect(listed?.value.toString('latin1')).toBe('\x04\0\0\0left\x05\0\0\0right')
    const channels = floats('B', 'G', 'R')
    const plain = ['left', 'right'].map((view): NewPart => ({ ...SIZE, name: view, view, channels }))
    const path = await inParts('plain-views.exr', plain, (_channel, _x, _y, view) => view?.length ?? 0)
    const image = await readImage(path)
    const names = ['left.B', 'left.G', 'left.R', 'right.B', 'right.G', 'right.R']
    expect(image.header.channels.map(({ name }) => name)).toEqual(names)
    expect([0, 5].map((channel) => image.pixels.readFloatLE(channel * SIZE.width * 4))).toEqual([4, 5])
  })

  test('is stitched with files of one part into a file of one part', async () => {
    const left = await inParts(
      'left.exr',
      PASSES.map((part) => ({ ...part, width: 4 })),
    )
    const right = await interleaved('right.exr', { ...SIZE, width: 3 }, (channel, x, y) => sampleAt(channel, x + 4, y))
    const tiles = [
      { path: left, placement: { ...SIZE, x: 0, y: 0, width: 4 }, crop: { left: 0, top: 0 } },
      { path: right, placement: { ...SIZE, x: 4, y: 0, width: 3 }, crop: { left: 0, top: 0 } },
    ]
    for (const [order, lot] of [tiles, tiles.toReversed()].entries()) {
      const output = join(folder, `stitched-${order}.exr`)
      expect(await stitchTiles(lot, SIZE, output)).toMatchObject({ ok: true })
      expect(await samePixels(output, one)).toEqual({ ok: true, same: true })
      const { header } = await readImage(output)
      const ofParts = ['name', 'type', 'view', 'chunkCount']
      expect(header.attributes.filter(({ name }) => ofParts.includes(name))).toEqual([])
    }
  })

  test('is merged with others of its samples', async () => {
    const output = join(folder, 'merged.exr')
    const merged = await mergeSamples(
      [
        { path: several, samples: 1 },
        { path: one, samples: 3 },
      ],
      output,
    )
    expect(merged).toMatchObject({ ok: true, samples: 4 })
    expect(await samePixels(output, one)).toEqual({ ok: true, same: true })
  })
})

describe('refused with the reason', () => {
  const [combined, depth] = [partHeader(PASSES[0]!), partHeader(PASSES[1]!)]
  const changed = (change: Partial<NewPart>) => partHeader({ ...PASSES[1]!, ...change })
  const tiled = {
    ...depth,
    attributes: depth.attributes.map((each) => (each.name === 'type' ? text('type', 'tiledimage') : each)),
  }
  const many = <Each>(count: number, each: (index: number) => Each) =>
    Array.from({ length: count }, (_, index) => each(index))
  /** Parts of one column, with these channels and attributes each. */
  const small = (part: number, channels: readonly string[], height = 1, attributes: readonly string[] = []) =>
    partHeader({
      width: 1,
      height,
      name: `p${part}`,
      compression: 'zips',
      channels: floats(...channels),
      attributes: attributes.map((name) => text(name, '')),
    })
  const tooManyChannels = many(3, (part) =>
    small(
      part,
      many(400, (index) => `c${part}.${index}`),
    ),
  )
  const tooManyAttributes = many(9, (part) =>
    small(
      part,
      [`c${part}`],
      1,
      many(4000, (index) => `a${index}`),
    ),
  )

  test.each<[string, string, string, Buffer]>([
    ['unsupported', 'parts of other sizes', 'part 1 has 7 x 36 px', headOf([combined, changed({ height: 36 })])],
    [
      'unsupported',
      'one channel twice',
      'ViewLayer.Depth.Z is in parts 0 and 1',
      headOf([depth, changed({ name: 'again' })]),
    ],
    ['unsupported', 'a part that is tiled', 'part 1: the file holds a "tiledimage"', headOf([combined, tiled])],
    [
      'corrupt',
      'two parts of one name',
      'part 1 is named "ViewLayer.Depth"',
      headOf([depth, changed({ channels: COMBINED })]),
    ],
    ['corrupt', 'a part without a name', 'part 0: a part must have a name', headOf([makeExrHeader(PASSES[0]!)])],
    [
      'corrupt',
      'another number of blocks',
      'part 1: its chunkCount is not 3',
      headOf([combined, partHeader(PASSES[1]!, 2)]),
    ],
    [
      'corrupt',
      'no part at all',
      'the file has no parts',
      Buffer.concat([headOf([depth]).subarray(0, 8), Buffer.alloc(1)]),
    ],
    ['too_large', 'too many parts', 'more than 1024 parts', headOf(many(1025, (part) => small(part, [`c${part}`])))],
    ['too_large', 'too many channels in all', 'more than 1024 channels', headOf(tooManyChannels)],
    [
      'too_large',
      'too many blocks',
      'more than 4194304 blocks',
      headOf(many(70, (part) => small(part, [`c${part}`], 65_536))),
    ],
    ['too_large', 'too many attributes in all', 'attributes', headOf(tooManyAttributes)],
    ['truncated', 'blocks that the file is too short for', 'need at least', headOf([combined, depth])],
    [
      'truncated',
      'a header that does not end',
      'part 1: attribute screenWindow',
      headOf([combined, depth]).subarray(0, -40),
    ],
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
    const message = 'block 0 of part 1 says that it belongs to part 0'
    expect(await readPath(path)).toMatchObject({ ok: false, code: 'corrupt', message })
  })

  test('a file cut anywhere', async () => {
    const path = join(folder, 'cut.exr')
    const bytes = await writeParts(
      path,
      PASSES.map((part) => ({ ...part, width: 2, height: 3 })),
      sampleAt,
    )
    for (let length = bytes.length - 1; length >= 0; length -= 1) {
      await truncate(path, length)
      const outcome = await readPath(path)
      if (outcome.ok || outcome.code !== 'truncated') throw new Error(`cut to ${length}: ${JSON.stringify(outcome)}`)
    }
  }, 60_000)

  test('or read, whatever bits are flipped', async () => {
    const path = join(folder, 'flipped.exr')
    const original = await writeParts(
      path,
      PASSES.map((part) => ({ ...part, width: 2, height: 18 })),
      sampleAt,
    )
    const change = fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(255))
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), async (changes) => {
        const bytes = Buffer.from(original)
        for (const [where, value] of changes) bytes[Math.floor(where * bytes.length)] = value
        await writeFile(path, bytes)
        const outcome = await readPath(path)
        expect(typeof (outcome.ok ? 'read' : outcome.message)).toBe('string')
      }),
      { numRuns: 300 },
    )
  }, 60_000)
})
