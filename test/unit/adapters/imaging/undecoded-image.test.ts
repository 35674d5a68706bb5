import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { farmImaging } from '../../../../shared/adapters/imaging/imaging.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-undecoded-'))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

/** Headers of images of 48 x 32 px, as Blender writes them. */
const HEADERS: Readonly<Record<string, Buffer>> = {
  tga: Buffer.from('00000a0000000000000000003000200020080200', 'hex'),
  bmp: Buffer.from('424d36120000000000003600000028000000300000002000000001001800', 'hex'),
  rgb: Buffer.from('01da01010003003000200004', 'hex'),
  hdr: Buffer.from('#?RADIANCE\n# Created with Blender\nFORMAT=32-bit_rle_rgbe\n\n-Y 32 +X 48\nxx'),
  dpx: withSize('53445058', 772, 4, (bytes, at, value) => bytes.writeUInt32BE(value, at)),
  cin: withSize('802a5fd7', 200, 4, (bytes, at, value) => bytes.writeUInt32BE(value, at)),
  jp2: Buffer.from(
    '0000000c6a5020200d0a870a00000014667479706a703220000000006a7032200000002d6a7032680000001669686472' +
      '00000020000000300003070700000000000f',
    'hex',
  ),
  j2c: Buffer.from('ff4fff51003200000000003000000020000000000000000000000030', 'hex'),
  avif: Buffer.concat([
    Buffer.from('0000001c667479706176696600000000', 'hex'),
    Buffer.from('0000001469737065000000000000003000000020', 'hex'),
  ]),
}

function withSize(magic: string, at: number, bytes: number, write: (to: Buffer, at: number, value: number) => void) {
  const header = Buffer.alloc(1_000)
  header.write(magic, 'hex')
  write(header, at, 48)
  write(header, at + bytes, 32)
  return header
}

describe.each(Object.entries(HEADERS))('a .%s image', (ending, header) => {
  test('is known by its content, and by its size as the header tells it', async () => {
    const path = join(folder, `image-${ending}`)
    await writeFile(path, header)
    expect(await farmImaging.ending(path)).toBe(ending)
    expect(await farmImaging.isUndecoded(path)).toBe(true)
    expect(await farmImaging.check(path, { width: 48, height: 32 })).toEqual({ ok: true })
    expect(await farmImaging.check(path, { width: 48, height: 33 })).toMatchObject({
      ok: false,
      code: 'sizes_differ',
      message: 'the image has 48 x 32 px, not 48 x 33',
    })
  })

  test('that ends before its size is told is damaged', async () => {
    const path = join(folder, `cut-${ending}`)
    await writeFile(path, header.subarray(0, 17))
    const found = await farmImaging.check(path, { width: 48, height: 32 })
    if (ending === 'rgb' || ending === 'tga') expect(found.ok).toBe(true)
    else expect(found).toMatchObject({ ok: false, code: 'corrupt' })
  })
})
