import { readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ExrChannel, ExrCompression } from '../../../../shared/adapters/imaging/exr-format.ts'
import { encodeExrHeader } from '../../../../shared/adapters/imaging/exr-header.ts'
import { makeExrHeader } from '../../../../shared/adapters/imaging/exr-build.ts'
import { openExr } from '../../../../shared/adapters/imaging/exr-reader.ts'
import { RGBA_FLOAT, noise, readImage, scratchFolder, writeImage } from './images.ts'

const folder = scratchFolder()
const MIXED: readonly ExrChannel[] = [
  { name: 'Id', type: 'uint' },
  { name: 'R', type: 'half' },
  { name: 'Z', type: 'float' },
]
const COMPRESSIONS: readonly ExrCompression[] = ['none', 'rle', 'zips', 'zip']

/** For tests of many small files, where other work keeps the machine busy. */
const LOADED_MACHINE_MS = 60_000

interface ReadOutcome {
  readonly ok: boolean
  readonly code?: string
  readonly message?: string
}

/** Opens a file made of `bytes` and reads every block: what comes of it. */
async function readAll(bytes: Buffer, name = 'changed.exr'): Promise<ReadOutcome> {
  const path = join(folder, name)
  await writeFile(path, bytes)
  return readPath(path)
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

async function sample(compression: ExrCompression = 'zip', height = 20): Promise<Buffer> {
  const path = join(folder, 'sample.exr')
  const header = makeExrHeader({ width: 5, height, channels: MIXED, compression })
  // Runs among the noise, so that every packing shrinks it.
  const pixels = noise(header.rowBytes * height).map((byte, at) => (at % 8 < 6 ? 7 : byte))
  await writeImage(path, { width: 5, height, channels: MIXED, compression }, Buffer.from(pixels))
  return readFile(path)
}

function valueOffset(bytes: Buffer, attribute: string): number {
  const at = bytes.indexOf(`${attribute}\0`)
  const typeEnd = bytes.indexOf(0, at + attribute.length + 1)
  return typeEnd + 5
}

describe('a file comes back as it was written', () => {
  for (const compression of COMPRESSIONS) {
    for (const lineOrder of ['increasing', 'decreasing'] as const) {
      for (const [width, height] of [
        [1, 1],
        [1, 33],
        [7, 16],
        [33, 17],
      ] as const) {
        test(`${compression}, ${lineOrder} rows, ${width} x ${height} px of mixed types`, async () => {
          for (const flat of [true, false]) {
            const image = { width, height, channels: MIXED, compression, lineOrder }
            const length = makeExrHeader(image).rowBytes * height
            const pixels = flat ? Buffer.alloc(length, 3) : noise(length)
            const path = join(folder, 'round.exr')
            await writeImage(path, image, pixels)
            const back = await readImage(path)
            expect(back.pixels.equals(pixels)).toBe(true)
            expect(back.header).toMatchObject({ width, height, compression, lineOrder, channels: MIXED })
          }
        })
      }
    }
  }

  test('with attributes of any kind and names of up to 255 bytes', async () => {
    const attributes = [
      { name: 'BlenderMultiChannel', type: 'string', value: Buffer.from('Blender V2.55.1 and newer') },
      { name: `cryptomatte/${'x'.repeat(200)}`, type: 'string', value: noise(100_000) },
      { name: 'empty', type: 'somethingNew', value: Buffer.alloc(0) },
    ]
    const channels = [{ name: `Layer.${'y'.repeat(240)}.R`, type: 'half' as const }]
    const path = join(folder, 'attributes.exr')
    const header = await writeImage(path, { width: 2, height: 2, channels, attributes }, noise(8))
    const back = await readImage(path)
    expect(header.longNames).toBe(true)
    expect(back.header).toEqual(header)
    expect(encodeExrHeader(back.header).equals(encodeExrHeader(header))).toBe(true)
  })

  test('with a data window anywhere', async () => {
    const bytes = await sample('zip')
    for (const name of ['dataWindow', 'displayWindow']) {
      const at = valueOffset(bytes, name)
      for (const field of [0, 4, 8, 12]) bytes.writeInt32LE(bytes.readInt32LE(at + field) - 100, at + field)
    }
    const table = bytes.length - (await blockBytes(bytes))
    for (const block of [0, 1]) {
      const at = Number(bytes.readBigUInt64LE(table + 8 * block))
      bytes.writeInt32LE(bytes.readInt32LE(at) - 100, at)
    }
    expect(await readAll(bytes)).toEqual({ ok: true })
  })
})

/** Bytes from the offset table on. */
async function blockBytes(bytes: Buffer): Promise<number> {
  const opened = await openExr(join(folder, 'sample.exr'))
  if (!opened.ok) throw new Error(opened.message)
  await opened.reader.close()
  return bytes.length - encodeExrHeader(opened.reader.header).length
}

describe('refused with the reason', () => {
  test.each([
    ['deep', 0x800],
    ['tiled', 0x200],
  ])('a %s file', async (_, flag) => {
    const bytes = await sample()
    bytes.writeUInt32LE(2 | flag, 4)
    expect(await readAll(bytes)).toMatchObject({ ok: false, code: 'unsupported' })
  })

  test('a file that is something else, or nothing', async () => {
    expect(await readAll(Buffer.from('\x89PNG\r\n\x1a\n more of it'))).toMatchObject({ ok: false, code: 'not_exr' })
    expect(await readAll(Buffer.alloc(0))).toMatchObject({ ok: false, code: 'truncated' })
  })

  test.each<[string, string, (bytes: Buffer) => void]>([
    [
      'too_large',
      'an image of two thousand million pixels a side',
      (bytes) => bytes.writeInt32LE(2 ** 31 - 1, valueOffset(bytes, 'dataWindow') + 8),
    ],
    [
      'truncated',
      'a height that the file is too short for',
      (bytes) => bytes.writeInt32LE(60_000, valueOffset(bytes, 'dataWindow') + 12),
    ],
    [
      'corrupt',
      'a data window that ends before it begins',
      (bytes) => bytes.writeInt32LE(-1, valueOffset(bytes, 'dataWindow') + 8),
    ],
    ['corrupt', 'an unknown sample type', (bytes) => bytes.writeInt32LE(3, valueOffset(bytes, 'channels') + 3)],
    ['unsupported', 'a subsampled channel', (bytes) => bytes.writeInt32LE(2, valueOffset(bytes, 'channels') + 3 + 8)],
    ['corrupt', 'channels out of order', (bytes) => bytes.write('Zd', valueOffset(bytes, 'channels'))],
    [
      'too_large',
      'an attribute of 2 GiB',
      (bytes) => bytes.writeInt32LE(2 ** 31 - 1, valueOffset(bytes, 'pixelAspectRatio') - 4),
    ],
    [
      'corrupt',
      'an attribute of negative size',
      (bytes) => bytes.writeInt32LE(-4, valueOffset(bytes, 'pixelAspectRatio') - 4),
    ],
    ['unsupported', 'rows in random order', (bytes) => bytes.writeUInt8(2, valueOffset(bytes, 'lineOrder'))],
    ['corrupt', 'an unknown compression', (bytes) => bytes.writeUInt8(77, valueOffset(bytes, 'compression'))],
  ])('%s: %s', async (code, _, change) => {
    const bytes = await sample()
    change(bytes)
    expect(await readAll(bytes)).toMatchObject({ ok: false, code })
  })

  test.each<[string, string, (bytes: Buffer, table: number) => void]>([
    ['truncated', 'a block that was never written', (bytes, table) => bytes.writeBigUInt64LE(0n, table)],
    ['corrupt', 'a block inside the header', (bytes, table) => bytes.writeBigUInt64LE(9n, table)],
    ['truncated', 'a block beyond the end', (bytes, table) => bytes.writeBigUInt64LE(2n ** 63n, table)],
    ['corrupt', 'two blocks in one place', (bytes, table) => bytes.copy(bytes, table, table + 8, table + 16)],
    ['corrupt', 'a block that says it belongs elsewhere', (bytes, table) => bytes.writeInt32LE(16, table + 16)],
    ['corrupt', 'a packed size below zero', (bytes, table) => bytes.writeInt32LE(-5, table + 16 + 4)],
    ['corrupt', 'a packed size above the unpacked one', (bytes, table) => bytes.writeInt32LE(2 ** 30, table + 16 + 4)],
    ['corrupt', 'bytes that do not inflate', (bytes, table) => bytes.fill(0xff, table + 24, table + 40)],
  ])('%s: %s', async (code, _, change) => {
    const bytes = await sample()
    change(bytes, bytes.length - (await blockBytes(bytes)))
    expect(await readAll(bytes)).toMatchObject({ ok: false, code })
  })

  test('a block that inflates to more, or to less, than the image has', async () => {
    const header = makeExrHeader({ width: 100, height: 16, channels: RGBA_FLOAT })
    for (const length of [header.rowBytes * 16 + 1, 50_000_000, header.rowBytes * 16 - 1]) {
      const packed = deflateSync(Buffer.alloc(length))
      const head = encodeExrHeader(header)
      const rest = Buffer.alloc(16)
      rest.writeBigUInt64LE(BigInt(head.length + 8), 0)
      rest.writeInt32LE(packed.length, 12)
      expect(await readAll(Buffer.concat([head, rest, packed]))).toMatchObject({ ok: false, code: 'corrupt' })
    }
  })

  test('run lengths that end too early, or go beyond the block or the file', async () => {
    const header = makeExrHeader({ width: 4, height: 1, channels: RGBA_FLOAT, compression: 'rle' })
    const head = encodeExrHeader(header)
    for (const packed of [[62, 1], [64, 1], [63], [31, 1, -32, 1, 1, 1], [-64, 1, 1]]) {
      const rest = Buffer.alloc(16)
      rest.writeBigUInt64LE(BigInt(head.length + 8), 0)
      rest.writeInt32LE(packed.length, 12)
      expect(await readAll(Buffer.concat([head, rest, Buffer.from(packed)]))).toMatchObject({
        ok: false,
        code: 'corrupt',
      })
    }
  })

  test('a claim to inflate by more than deflate can, before memory is taken for it', async () => {
    const header = makeExrHeader({ width: 65_536, height: 16, channels: RGBA_FLOAT })
    const head = encodeExrHeader(header)
    const rest = Buffer.alloc(16 + 20)
    rest.writeBigUInt64LE(BigInt(head.length + 8), 0)
    rest.writeInt32LE(20, 12)
    expect(await readAll(Buffer.concat([head, rest]))).toMatchObject({
      ok: false,
      code: 'corrupt',
      message: expect.stringContaining('cannot yield'),
    })
  })

  test(
    'a file cut anywhere',
    async () => {
      for (const compression of COMPRESSIONS) {
        const bytes = await sample(compression)
        const path = join(folder, 'cut.exr')
        await writeFile(path, bytes)
        for (let length = bytes.length - 1; length >= 0; length -= 1) {
          await truncate(path, length)
          const outcome = await readPath(path)
          if (outcome.ok || outcome.code !== 'truncated')
            throw new Error(`${compression} cut to ${length} of ${bytes.length}: ${JSON.stringify(outcome)}`)
        }
      }
    },
    LOADED_MACHINE_MS,
  )

  test('a missing file is thrown, since that is not the fault of the file', async () => {
    await expect(openExr(join(folder, 'not-there.exr'))).rejects.toThrow('ENOENT')
  })
})

test(
  'whatever bits are flipped, a file is read or refused, never worse',
  async () => {
    const originals = await Promise.all(
      COMPRESSIONS.map(async (compression) => sample(compression)).map(async (each) => Buffer.from(await each)),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...originals),
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(255)), {
          minLength: 1,
          maxLength: 6,
        }),
        async (original, changes) => {
          const bytes = Buffer.from(original)
          for (const [where, value] of changes) bytes[Math.floor(where * bytes.length)] = value
          const outcome = await readAll(bytes, 'flipped.exr')
          expect(typeof (outcome.ok ? 'read' : outcome.message)).toBe('string')
        },
      ),
      { numRuns: 400 },
    )
  },
  LOADED_MACHINE_MS,
)
