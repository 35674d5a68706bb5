import { readdirSync } from 'node:fs'
import { truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { mergeSamples } from '../../../../shared/adapters/imaging/merge-samples.ts'
import type { NewExr } from '../../../../shared/adapters/imaging/exr-build.ts'
import { readImage, scratchFolder, writeFloats, writeImage } from './images.ts'

const folder = scratchFolder()
const channels = (...names: string[]) => names.map((name) => ({ name, type: 'float' as const }))
const COMBINED = channels('L.Combined.A', 'L.Combined.B', 'L.Combined.G', 'L.Combined.R')
const LIGHT = channels('L.DiffCol.B', 'L.DiffCol.G', 'L.DiffCol.R', 'L.DiffDir.B', 'L.DiffDir.G', 'L.DiffDir.R')

/** Writes one part for each function and merges them with these weights; answers a way to look at the result. */
async function merge(
  name: string,
  image: NewExr,
  parts: readonly (readonly [number, (channel: string, x: number, y: number) => number])[],
) {
  const files = []
  for (const [index, [samples, sample]] of parts.entries()) {
    const path = join(folder, `${name}-${index}.exr`)
    await writeFloats(path, image, sample)
    files.push({ path, samples })
  }
  const output = join(folder, `${name}.exr`)
  expect(await mergeSamples(files, output)).toMatchObject({
    ok: true,
    samples: parts.reduce((sum, [samples]) => sum + samples, 0),
  })
  const { header, pixels } = await readImage(output)
  const values = new Float32Array(pixels.buffer, pixels.byteOffset, pixels.length / 4)
  const at = (channel: string, x: number, y: number): number =>
    values[
      (y * header.channels.length + header.channels.findIndex((each) => each.name === channel)) * header.width + x
    ]!
  return { header, at }
}

describe('parts of samples', () => {
  test('are weighted by their numbers, over many blocks and compressions', async () => {
    for (const compression of ['zip', 'zips', 'none'] as const) {
      const image = { width: 7, height: 45, channels: COMBINED, compression }
      const { at } = await merge(`weights-${compression}`, image, [
        [1, (_channel, x, y) => x + y],
        [3, (_channel, x, y) => x * y],
      ])
      for (const [x, y] of [
        [0, 0],
        [6, 44],
        [3, 17],
      ] as const)
        expect(at('L.Combined.G', x, y)).toBe((x + y + 3 * x * y) / 4)
    }
  })

  test('are summed with more precision than they have', async () => {
    const image = { width: 1, height: 1, channels: COMBINED }
    const { at } = await merge('precision', image, [
      [1, () => 2 ** 24],
      ...Array.from({ length: 7 }, () => [1, () => 1] as const),
    ])
    expect(at('L.Combined.R', 0, 0)).toBe(Math.fround((2 ** 24 + 7) / 8))
  })

  test('lie in rows from the bottom up where the first part does', async () => {
    const { at, header } = await merge(
      'bottom-up',
      { width: 2, height: 40, channels: COMBINED, lineOrder: 'decreasing' },
      [
        [1, (_channel, _x, y) => y],
        [1, (_channel, _x, y) => 3 * y],
      ],
    )
    expect(header.lineOrder).toBe('decreasing')
    expect(at('L.Combined.R', 0, 33)).toBe(66)
  })

  test('give what the first sample alone decides as it is in the first part', async () => {
    const names = [
      'L.Depth.Z',
      'L.IndexOB.X',
      'L.Object Index.X',
      'L.Position.X',
      'L.UV.U',
      'Second.layer.Depth.Z',
      'Second.layer.Mist.Z',
    ]
    const { at } = await merge('first', { width: 1, height: 1, channels: channels(...names) }, [
      [1, () => 1e10],
      [1, () => 4],
    ])
    expect(names.map((name) => at(name, 0, 0))).toEqual([
      1e10,
      1e10,
      1e10,
      1e10,
      Math.fround((1e10 + 4) / 2),
      1e10,
      Math.fround((1e10 + 4) / 2),
    ])
  })

  test('give light by surface color as the quotient of the sums, not as the mean of quotients', async () => {
    // Half of the samples hit a surface of color 0.5 with light 4, the others nothing.
    const image = { width: 1, height: 1, channels: LIGHT }
    const { at } = await merge('light', image, [
      [2, (channel) => (channel.includes('Col') ? 0.5 : 4)],
      [2, () => 0],
    ])
    expect([at('L.DiffCol.R', 0, 0), at('L.DiffDir.R', 0, 0)]).toEqual([0.25, 4])
  })

  test(
    'give light as gray where a surface has no color of a primary, ' + 'as Cycles does, and none where it has no color',
    async () => {
      const color: Record<string, number> = { 'L.DiffCol.R': 0.5, 'L.DiffCol.G': 0.25, 'L.DiffCol.B': 0 }
      const { at } = await merge('gray', { width: 2, height: 1, channels: LIGHT }, [
        [
          1,
          (channel, x) =>
            x === 1 ? 0 : (color[channel] ?? (channel.endsWith('R') ? 1 : channel.endsWith('G') ? 3 : 9)),
        ],
        [1, () => 0],
      ])
      expect(['R', 'G', 'B'].map((letter) => at(`L.DiffDir.${letter}`, 0, 0))).toEqual([1, 3, 2])
      expect(at('L.DiffDir.R', 1, 0)).toBe(0)
    },
  )

  test('keep the attributes of the first part, with the samples of the whole', async () => {
    const attributes = [
      { name: 'cycles.L.samples', type: 'string', value: Buffer.from('4') },
      { name: 'BlenderMultiChannel', type: 'string', value: Buffer.from('yes') },
    ]
    const { header } = await merge('attributes', { width: 1, height: 1, channels: COMBINED, attributes }, [
      [4, () => 1],
      [12, () => 1],
    ])
    expect(header.attributes.slice(0, 2).map((each) => each.value.toString())).toEqual(['16', 'yes'])
  })
})

describe('refused, with nothing left behind', () => {
  const empty = scratchFolder()
  const output = join(empty, 'out.exr')
  const image = { width: 3, height: 20, channels: COMBINED }
  const file = async (name: string, other: Partial<NewExr> = {}): Promise<string> => {
    const path = join(folder, name)
    await writeFloats(path, { ...image, ...other }, () => 1)
    return path
  }
  const refusal = async (parts: Parameters<typeof mergeSamples>[0], expected: object): Promise<void> => {
    expect(await mergeSamples(parts, output)).toMatchObject({ ok: false, ...expected })
    expect(readdirSync(empty)).toEqual([])
  }

  test('no parts, too many, or parts without samples', async () => {
    const path = await file('one.exr')
    await refusal([], { code: 'no_parts' })
    await refusal(
      Array.from({ length: 257 }, () => ({ path, samples: 1 })),
      { code: 'too_many_parts' },
    )
    for (const samples of [0, -1, 1.5, Number.NaN])
      await refusal(
        [
          { path, samples: 1 },
          { path, samples },
        ],
        { code: 'samples_invalid', partIndex: 1 },
      )
  })

  test.each([
    ['L.CryptoObject00.r', 'Cryptomatte'],
    ['Second.layer.CryptoMaterial01.g', 'Cryptomatte'],
    ['L.Shadow Catcher.R', 'shadow catcher'],
    ['L.Vector.X', 'motion'],
    ['L.Debug Sample Count.X', 'how the render went'],
    ['L.GlossDir.R', 'GlossCol'],
    ['L.Transmission Indirect.R', 'Transmission Color'],
  ])('a pass that cannot be made from parts: %s', async (name, why) => {
    const path = await file('pass.exr', { channels: [...COMBINED, ...channels(name)] })
    await refusal(
      [
        { path, samples: 1 },
        { path, samples: 1 },
      ],
      { code: 'not_mergeable', message: expect.stringContaining(why) },
    )
  })

  test('samples of another type than 32-bit float, and several views', async () => {
    const path = join(folder, 'half.exr')
    await writeImage(path, { width: 1, height: 1, channels: [{ name: 'L.Combined.R', type: 'half' }] }, Buffer.alloc(2))
    await refusal([{ path, samples: 1 }], { code: 'not_mergeable', message: expect.stringContaining('half') })
    const views = await file('views.exr', {
      attributes: [{ name: 'multiView', type: 'stringvector', value: Buffer.alloc(4) }],
    })
    await refusal([{ path: views, samples: 1 }], { code: 'not_mergeable' })
  })

  test('parts of another size or with other channels, damaged ones, and ones that are no numbers', async () => {
    const path = await file('good.exr')
    await refusal(
      [
        { path, samples: 1 },
        { path: await file('tall.exr', { height: 21 }), samples: 1 },
      ],
      { code: 'sizes_differ', partIndex: 1 },
    )
    await refusal(
      [
        { path, samples: 1 },
        { path: await file('depth.exr', { channels: [...COMBINED, ...channels('L.Depth.Z')] }), samples: 1 },
      ],
      { code: 'channels_differ', partIndex: 1 },
    )
    await refusal(
      [
        { path, samples: 1 },
        { path: await file('rows.exr', { compression: 'zips' }), samples: 1 },
      ],
      { code: 'blocks_differ', partIndex: 1 },
    )
    const cut = await file('cut.exr')
    await truncate(cut, 400)
    await refusal(
      [
        { path, samples: 1 },
        { path: cut, samples: 1 },
      ],
      { partIndex: 1 },
    )
    const broken = join(folder, 'nan.exr')
    await writeFloats(broken, image, (channel) => (channel.endsWith('G') ? Number.NaN : 1))
    await refusal(
      [
        { path, samples: 1 },
        { path: broken, samples: 1 },
      ],
      { code: 'not_finite', partIndex: 1 },
    )
  })
})
