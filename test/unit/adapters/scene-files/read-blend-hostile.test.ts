import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SceneFacts } from '../../../../shared/protocol/scene-facts.ts'
import { blendFile } from '../../../fixtures/scenes/hand-made-blend.ts'
import type { HandMadeStructs, RawBlock } from '../../../fixtures/scenes/hand-made-blend.ts'
import { smallBlend } from '../../../fixtures/scenes/small-blend.ts'
import { sceneFolder } from './scene-folder.ts'
import { zstdOf, zstdRuns } from './zstd-bytes.ts'

const CODES = [
  'not_a_blend',
  'blend_truncated',
  'blend_corrupt',
  'blend_too_large',
  'blend_big_endian',
  'blend_unsupported_format',
  'blend_no_scene',
]
const SMALL = { unfoldedBytesMax: 1_000_000, unfoldedBytesFree: 100_000, unfoldedRatioMax: 10 }

describe('bytes that nobody vouches for', () => {
  const scratch = sceneFolder()

  it.each([
    ['nothing', Buffer.alloc(0), 'not_a_blend'],
    ['three letters', Buffer.from('BLE'), 'blend_truncated'],
    ['text', Buffer.from('This is not a scene.'), 'not_a_blend'],
    ['a bad version', Buffer.from('BLENDER-v3x4........'), 'not_a_blend'],
    ['a bad long header', Buffer.from('BLENDER17/01v0500...'), 'not_a_blend'],
    ['a header alone', Buffer.from('BLENDER-v304'), 'blend_truncated'],
    ['a gzip of text', gzipSync('This is not a scene.'), 'not_a_blend'],
    ['a gzip magic alone', Buffer.from([0x1f, 0x8b]), 'blend_truncated'],
    ['a zstd of text', zstdOf(Buffer.from('This is not a scene.')), 'not_a_blend'],
    ['a zstd magic alone', zstdOf(Buffer.alloc(0)).subarray(0, 4), 'blend_truncated'],
    ['no scene', blendFile('wide', 500, []), 'blend_corrupt'],
  ])('are refused when they are %s', async (_name, bytes, code) => {
    expect(await scratch.refusal(bytes)).toBe(code)
  })

  it('are refused without scene, without struct table, or with impossible values', async () => {
    const sceneless = smallBlend()
    sceneless.write('OB', sceneless.indexOf('SC\0\0'))
    expect(await scratch.refusal(sceneless)).toBe('blend_no_scene')
    expect(await scratch.refusal(smallBlend({ withStructTable: false }))).toBe('blend_corrupt')
    expect(await scratch.refusal(smallBlend({ scene: { 'r.frs_sec_base': Number.NaN } }))).toBe('blend_corrupt')
    expect(await scratch.refusal(smallBlend({ scene: { 'r.frs_sec_base': 0 } }))).toBe('blend_corrupt')
    expect(await scratch.refusal(smallBlend({ scene: { 'r.xsch': -5 } }))).toBe('blend_corrupt')
  })

  it.each([
    [-1, 'blend_corrupt'],
    [Number.MIN_SAFE_INTEGER, 'blend_corrupt'],
    [2 ** 40, 'blend_truncated'],
  ])('are refused when a block says it has %d bytes', async (saidLength, code) => {
    const others = (): RawBlock[] => [
      { code: 'ME', address: 5n, structIndex: 0, count: 1, bytes: Buffer.alloc(8), saidLength },
    ]
    expect(await scratch.refusal(smallBlend({ others }))).toBe(code)
  })

  it('are refused when a data-block or the struct table says it is huge, before memory is taken', async () => {
    for (const code of ['SC', 'IM', 'GLOB', 'DNA1']) {
      const others = (): RawBlock[] => [
        { code, address: 5n, structIndex: 0, count: 1, bytes: Buffer.alloc(8), saidLength: 17 * 1024 * 1024 },
      ]
      expect(await scratch.refusal(smallBlend({ others }))).toBe('blend_too_large')
    }
  })

  it('do not hang the reader with lists and groups that run in a ring', async () => {
    const ring = (structs: HandMadeStructs): RawBlock[] => [
      structs.block('DATA', 0x30n, 'IDProperty', { type: 6, 'data.group.first': 0x31n }),
      structs.block('DATA', 0x31n, 'IDProperty', { type: 1, name: 'a', next: 0x31n }),
    ]
    expect(await scratch.refusal(smallBlend({ scene: { 'id.properties': 0x30n }, owned: ring }))).toBe('blend_corrupt')
  })

  it('are refused when parts of a scene that matter had to be left out', async () => {
    const crowd = (structs: HandMadeStructs): RawBlock[] => {
      const marker = structs.block('DATA', 0n, 'TimeMarker', {})
      return Array.from({ length: 20_001 }, (_, index) => ({ ...marker, address: BigInt(0x1000 + index) }))
    }
    expect(await scratch.refusal(smallBlend({ owned: crowd }))).toBe('read')
    expect(
      await scratch.refusal(
        smallBlend({ scene: { camera: 0n, 'markers.first': BigInt(0x1000 + 20_000) }, owned: crowd }),
      ),
    ).toBe('blend_too_large')
  })

  it('are refused when they decompress to more than their size allows', async () => {
    const bulk = smallBlend({
      others: () => [{ code: 'ME', address: 5n, structIndex: 0, count: 1, bytes: Buffer.alloc(4_000_000) }],
    })
    expect(await scratch.refusal(gzipSync(bulk), SMALL)).toBe('blend_too_large')
    expect(await scratch.refusal(zstdRuns(bulk.subarray(0, 3_000), 0, 40), SMALL)).toBe('blend_too_large')
    expect(await scratch.refusal(bulk, SMALL)).toBe('read')
    expect(await scratch.refusal(gzipSync(bulk))).toBe('read')
  })

  it('are refused when cut off anywhere, in every layout and compression', async () => {
    const whole = smallBlend()
    const forms = [whole, smallBlend({ layout: 'narrow64', version: 304 }), gzipSync(whole), zstdOf(whole, 701)]
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...forms),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        async (form, share) => {
          // The last 40 bytes of compressed forms may be checksums after the end block.
          const cut = Math.floor(share * (form.length - 40))
          expect(['blend_truncated', 'not_a_blend']).toContain(await scratch.refusal(form.subarray(0, cut)))
        },
      ),
      { numRuns: 200 },
    )
  })

  it('give facts or a refusal, whatever bits are turned', async () => {
    const properties = (structs: HandMadeStructs): RawBlock[] => [
      structs.block('DATA', 0x30n, 'IDProperty', { type: 6, 'data.group.first': 0x31n }),
      structs.block('DATA', 0x31n, 'IDProperty', { type: 6, name: 'cycles', 'data.group.first': 0x32n }),
      structs.block('DATA', 0x32n, 'IDProperty', { type: 1, name: 'samples', 'data.val': 12 }),
    ]
    const others = (structs: HandMadeStructs): RawBlock[] => [
      structs.block('IM', 0x40n, 'Image', { 'id.name': 'IMWood', filepath: '//wood.png', source: 1 }),
    ]
    const parts = { scene: { 'id.properties': 0x30n }, owned: properties, others }
    const whole = smallBlend(parts)
    const forms = [
      whole,
      smallBlend({ ...parts, layout: 'narrow32', version: 279 }),
      gzipSync(whole),
      zstdOf(whole, 701),
    ]
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...forms), flips, async (form, changes) => {
        const bytes = Buffer.from(form)
        for (const [place, bits] of changes) bytes[place % bytes.length]! ^= bits
        const result = await scratch.read(bytes)
        if (result.ok) SceneFacts.parse(result.value)
        else expect(CODES).toContain(result.code)
      }),
      { numRuns: 800 },
    )
  })
})
