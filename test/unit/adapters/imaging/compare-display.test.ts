import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import type { Sharp } from 'sharp'
import { describe, expect, test } from 'vitest'
import { checkDisplayImage, compareDisplayImages } from '../../../../shared/adapters/imaging/compare-display.ts'
import { samePixels } from '../../../../shared/adapters/imaging/compare-same-pixels.ts'
import { RGBA_FLOAT, noise, scratchFolder, writeFloats } from './images.ts'

const folder = scratchFolder()
const SIZE = { width: 20, height: 10 }

function image(samples: Uint8Array | Uint16Array, channels: 1 | 2 | 3 | 4, size = SIZE): Sharp {
  return sharp(samples, { raw: { ...size, channels } })
}

async function file(name: string, content: Sharp): Promise<string> {
  const path = join(folder, name)
  await content.toFile(path)
  return path
}

/** 16-bit samples that use all their bits. */
function deep(seed: number): Uint16Array {
  const bytes = noise(20 * 10 * 3 * 2, seed)
  return new Uint16Array(bytes.buffer, bytes.byteOffset, 600)
}

describe('display images are compared as they are stored', () => {
  test('the share that differs at all, and visibly, and by how much', async () => {
    const samples = noise(800).map((byte) => byte >> 1)
    const changed = samples.map((byte, at) =>
      at === 0 ? byte + 1 : at === 5 ? byte + 2 : at === 799 ? byte + 100 : byte,
    )
    const [a, b] = [
      await file('a.png', image(samples, 4).png()),
      await file('b.webp', image(changed, 4).webp({ lossless: true, exact: true })),
    ]
    expect(await compareDisplayImages(a, b)).toEqual({
      ok: true,
      ...SIZE,
      channels: 4,
      bitsPerSample: 8,
      differingPercent: 0.375,
      visiblyDifferingPercent: 0.125,
      worstBlockPercent: 0.5,
      worstLinePercent: 100 / 64,
      largestSpotPixels: 1,
      differenceMax: 100,
    })
    expect(await samePixels(a, b)).toMatchObject({ ok: true, same: false })
  })

  test('16 bits stay 16 bits, and dither is measured on the scale of 8', async () => {
    const samples = deep(1).map((sample) => Math.min(sample, 60_000))
    const changed = samples.map((sample, at) => (at === 1 ? sample + 1 : at === 2 ? sample + 515 : sample))
    const a = await file('deep-a.png', image(samples, 3).toColourspace('rgb16').png())
    const b = await file('deep-b.tiff', image(changed, 3).toColourspace('rgb16').tiff({ compression: 'none' }))
    expect(await samePixels(a, a)).toEqual({ ok: true, same: true })
    const compared = await compareDisplayImages(a, b)
    expect(compared).toMatchObject({ ok: true, bitsPerSample: 16, differenceMax: 515 })
    expect(compared).toMatchObject({
      differingPercent: expect.closeTo(200 / 600),
      visiblyDifferingPercent: expect.closeTo(100 / 600),
    })
  })

  test('gray stays gray', async () => {
    const a = await file('gray.png', image(noise(200), 1).toColourspace('b-w').png())
    expect(await compareDisplayImages(a, a)).toMatchObject({ ok: true, channels: 1, differenceMax: 0 })
  })

  test('a JPEG is the same as itself and not as its source', async () => {
    const samples = noise(600)
    const [png, jpeg] = [
      await file('source.png', image(samples, 3).png()),
      await file('copy.jpg', image(samples, 3).jpeg({ quality: 98 })),
    ]
    expect(await samePixels(jpeg, jpeg)).toEqual({ ok: true, same: true })
    expect(await samePixels(png, jpeg)).toMatchObject({ ok: true, same: false })
  })

  test('a difference below the first band is found', async () => {
    const tall = { width: 16_000, height: 1_500 }
    const samples = Buffer.alloc(tall.width * tall.height * 3, 9)
    const a = await file('tall-a.png', image(samples, 3, tall).png({ compressionLevel: 1 }))
    samples[samples.length - 1] = 90
    const b = await file('tall-b.png', image(samples, 3, tall).png({ compressionLevel: 1 }))
    expect(await compareDisplayImages(a, b)).toMatchObject({ ok: true, differenceMax: 81 })
  }, 60_000)
})

describe('refused', () => {
  test('other sizes, channels, depths and profiles', async () => {
    const a = await file('rgb.png', image(noise(600), 3).png())
    const other = async (name: string, content: Sharp): Promise<string> => file(name, content)
    expect(
      await compareDisplayImages(a, await other('size.png', image(noise(600), 3, { width: 10, height: 20 }).png())),
    ).toMatchObject({ code: 'sizes_differ' })
    expect(await compareDisplayImages(a, await other('rgba.png', image(noise(800), 4).png()))).toMatchObject({
      code: 'channels_differ',
    })
    expect(
      await compareDisplayImages(a, await other('rgb16.png', image(deep(2), 3).toColourspace('rgb16').png())),
    ).toMatchObject({ code: 'channels_differ' })
    expect(
      await compareDisplayImages(a, await other('profile.png', image(noise(600), 3).withIccProfile('p3').png())),
    ).toMatchObject({ code: 'profiles_differ' })
  })

  test('a file cut short, one that is no image, and one kind against the other', async () => {
    const a = await file('whole.png', image(noise(600), 3).png())
    const cut = join(folder, 'cut.png')
    await writeFile(cut, (await readFile(a)).subarray(0, 400))
    expect(await compareDisplayImages(a, cut)).toMatchObject({ ok: false, code: 'corrupt', file: 'b' })
    expect(await checkDisplayImage(cut, SIZE)).toMatchObject({ ok: false, code: 'corrupt' })
    expect(await checkDisplayImage(a, SIZE)).toEqual({ ok: true })
    expect(await checkDisplayImage(a, { width: 20, height: 11 })).toMatchObject({ ok: false, code: 'sizes_differ' })
    const text = join(folder, 'text.png')
    await writeFile(text, 'no image at all')
    expect(await compareDisplayImages(text, a)).toMatchObject({ ok: false, code: 'corrupt', file: 'a' })
    const exr = join(folder, 'linear.exr')
    await writeFloats(exr, { ...SIZE, channels: RGBA_FLOAT }, () => 1)
    expect(await samePixels(a, exr)).toMatchObject({ ok: true, same: false })
  })

  test('files with several images, and ink instead of light', async () => {
    const a = await file(
      'pages.webp',
      sharp(noise(600), { raw: { width: 20, height: 10, channels: 3, pageHeight: 5 } }).webp(),
    )
    expect(await compareDisplayImages(a, a)).toMatchObject({ ok: false, code: 'unsupported' })
    const ink = await file('ink.tiff', image(noise(600), 3).toColourspace('cmyk').tiff())
    expect(await compareDisplayImages(ink, ink)).toMatchObject({ ok: false, code: 'unsupported' })
  })

  test('a missing file is thrown', async () => {
    await expect(compareDisplayImages(join(folder, 'none.png'), join(folder, 'none.png'))).rejects.toThrow('ENOENT')
  })
})

test('a box that hides in the share of all pixels stands out in its block, its lines and as a spot', async () => {
  const size = { width: 600, height: 400 }
  const plain = new Uint8Array(600 * 400 * 3).fill(80)
  const boxed = plain.map((byte, at) => {
    const [x, y] = [Math.floor(at / 3) % 600, Math.floor(at / 1800)]
    return x >= 100 && x < 130 && y >= 50 && y < 80 ? 255 : byte
  })
  const a = await file('plain.png', image(plain, 3, size).png())
  const b = await file('boxed.png', image(boxed, 3, size).png())
  const compared = await compareDisplayImages(a, b)
  expect(compared).toMatchObject({ worstBlockPercent: 100, worstLinePercent: 7.5, largestSpotPixels: 900 })
  expect(compared).toMatchObject({ visiblyDifferingPercent: expect.closeTo(0.375) })
})
