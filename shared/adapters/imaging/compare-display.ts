// Display images (PNG, JPEG, TIFF, WebP) compared sample by sample as they are stored: no color
// management, no scaling of bit depths. Decoded in bands, so memory does not grow with the height.

import { access } from 'node:fs/promises'
import sharp from 'sharp'
import type { Sharp } from 'sharp'
import { DifferenceCount } from './compare-blocks.ts'
import type { DifferenceShapes } from './compare-shapes.ts'

/** Pixels of one image: 16,384 x 16,384. Interlaced files are decoded whole, at up to 8 bytes a pixel. */
export const DISPLAY_PIXELS_MAX = 2 ** 28

/** Decoded bytes of one band of one file. A file of several bands is read once for each, from its start. */
const BAND_BYTES_MAX = 64 * 1024 * 1024

/** Two honest images of one render differ by rounding and dithering, which stays within two steps of 255. */
const DITHER_STEPS = { 8: 2, 16: 2 * 257 } as const

const FORMATS: ReadonlySet<string> = new Set(['png', 'jpeg', 'tiff', 'webp'])
const SPACES = ['srgb', 'b-w', 'rgb16', 'grey16'] as const
const BITS_OF_DEPTH: ReadonlyMap<string, 8 | 16> = new Map([
  ['uchar', 8],
  ['ushort', 16],
])

export interface DisplayRefusal {
  readonly ok: false
  readonly code: 'corrupt' | 'unsupported' | 'too_large' | 'sizes_differ' | 'channels_differ' | 'profiles_differ'
  readonly message: string
  /** The file that cannot be read, or `both` where they do not go together. */
  readonly file: 'a' | 'b' | 'both'
}

export interface DisplayMeasures extends DifferenceShapes {
  readonly ok: true
  readonly width: number
  readonly height: number
  readonly channels: number
  readonly bitsPerSample: 8 | 16
  /** Percent of samples, 0 to 100, that differ at all. */
  readonly differingPercent: number
  /** Percent of samples that differ by more than two steps of 255: more than dithering explains. */
  readonly visiblyDifferingPercent: number
  /** Percent of pixels that differ visibly in the block of 16 x 16 where most do. */
  readonly worstBlockPercent: number
  /** The largest difference of two samples, in steps of their bit depth. */
  readonly differenceMax: number
}

/**
 * Compares two display images of the same size, channels, bit depth and color profile; otherwise, or where a file
 * cannot be decoded, the refusal says why. A file that is not there is thrown.
 */
export async function compareDisplayImages(pathA: string, pathB: string): Promise<DisplayMeasures | DisplayRefusal> {
  const a = await describe(pathA, 'a')
  if (!a.ok) return a
  const b = await describe(pathB, 'b')
  if (!b.ok) return b
  const difference = shapeDifference(a, b)
  if (difference !== undefined) return difference

  let differing = 0
  let visibly = 0
  let differenceMax = 0
  const { width, height, channels, bitsPerSample } = a
  const ditherSteps = DITHER_STEPS[bitsPerSample]
  const count = new DifferenceCount(width, height, { differsAbove: ditherSteps, slightlyAbove: 0 })
  const ofRow = new Float32Array(width)
  for (const { top, rows } of bandsOf(a)) {
    const [bandA, bandB] = await Promise.all([decodeBand(a, top, rows), decodeBand(b, top, rows)])
    if (!bandA.ok) return bandA
    if (!bandB.ok) return bandB
    const [samplesA, samplesB] = [samplesOf(bandA.bytes, bitsPerSample), samplesOf(bandB.bytes, bitsPerSample)]
    for (let row = 0; row < rows; row += 1) {
      ofRow.fill(0)
      const from = row * width * channels
      if (isSameRow(samplesA, samplesB, from, width * channels)) {
        count.addRow(ofRow)
        continue
      }
      for (let sample = 0; sample < width * channels; sample += 1) {
        const steps = Math.abs((samplesA[from + sample] ?? 0) - (samplesB[from + sample] ?? 0))
        if (steps === 0) continue
        differing += 1
        if (steps > ditherSteps) visibly += 1
        if (steps > differenceMax) differenceMax = steps
        const x = Math.floor(sample / channels)
        if (steps > (ofRow[x] ?? 0)) ofRow[x] = steps
      }
      count.addRow(ofRow)
    }
  }
  const { worstBlockPercent, worstLinePercent, largestSpotPixels } = count.shares()
  const percent = 100 / (width * height * channels)
  return {
    ok: true,
    width,
    height,
    channels,
    bitsPerSample,
    differingPercent: differing * percent,
    visiblyDifferingPercent: visibly * percent,
    worstBlockPercent,
    worstLinePercent,
    largestSpotPixels,
    differenceMax,
  }
}

/**
 * Decodes the whole image. Refused when it cannot be, or is not of the given size in px. A file that is not
 * there is thrown.
 */
export async function checkDisplayImage(
  path: string,
  size: { readonly width: number; readonly height: number },
): Promise<{ readonly ok: true } | DisplayRefusal> {
  const image = await describe(path, 'a')
  if (!image.ok) return image
  if (image.width !== size.width || image.height !== size.height) {
    return {
      ok: false,
      code: 'sizes_differ',
      message: `the image has ${image.width} x ${image.height} px, not ${size.width} x ${size.height}`,
      file: 'a',
    }
  }
  for (const { top, rows } of bandsOf(image)) {
    const band = await decodeBand(image, top, rows)
    if (!band.ok) return band
  }
  return { ok: true }
}

interface DisplayImage {
  readonly ok: true
  readonly path: string
  readonly file: 'a' | 'b'
  readonly width: number
  readonly height: number
  readonly channels: number
  readonly bitsPerSample: 8 | 16
  readonly space: (typeof SPACES)[number]
  readonly profile: Buffer
}

function bandsOf(image: DisplayImage): readonly { readonly top: number; readonly rows: number }[] {
  const bandRows = Math.max(1, Math.floor(BAND_BYTES_MAX / (image.width * image.channels * (image.bitsPerSample / 8))))
  return Array.from({ length: Math.ceil(image.height / bandRows) }, (_, index) => {
    const top = index * bandRows
    return { top, rows: Math.min(bandRows, image.height - top) }
  })
}

async function describe(path: string, file: 'a' | 'b'): Promise<DisplayImage | DisplayRefusal> {
  await access(path)
  const refuse = (code: DisplayRefusal['code'], message: string): DisplayRefusal => ({ ok: false, code, message, file })
  const metadata = await decoding(file, () => open(path).metadata())
  if (!metadata.ok) return metadata
  const { format, width, height, channels, depth, space, pages, icc } = metadata.value
  if (!FORMATS.has(format))
    return refuse('unsupported', `${format} files are not compared; PNG, JPEG, TIFF and WebP are`)
  if ((pages ?? 1) > 1) return refuse('unsupported', `the file holds ${pages} images; one is compared`)
  if (width * height > DISPLAY_PIXELS_MAX)
    return refuse('too_large', `${width} x ${height} px; at most ${DISPLAY_PIXELS_MAX} are compared`)
  const bitsPerSample = BITS_OF_DEPTH.get(depth)
  const knownSpace = SPACES.find((each) => each === space)
  if (bitsPerSample === undefined || knownSpace === undefined) {
    return refuse(
      'unsupported',
      `samples of type ${depth} in color space ${space}; gray or RGB of 8 or 16 bits are compared`,
    )
  }
  return {
    ok: true,
    path,
    file,
    width,
    height,
    channels,
    bitsPerSample,
    space: knownSpace,
    profile: icc ?? Buffer.alloc(0),
  }
}

function shapeDifference(a: DisplayImage, b: DisplayImage): DisplayRefusal | undefined {
  const refuse = (code: DisplayRefusal['code'], message: string): DisplayRefusal => ({
    ok: false,
    code,
    message,
    file: 'both',
  })
  if (a.width !== b.width || a.height !== b.height) {
    return refuse('sizes_differ', `${a.width} x ${a.height} px against ${b.width} x ${b.height} px`)
  }
  if (a.channels !== b.channels || a.bitsPerSample !== b.bitsPerSample || a.space !== b.space) {
    const say = (image: DisplayImage): string =>
      `${image.channels} channels of ${image.bitsPerSample} bits (${image.space})`
    return refuse('channels_differ', `${say(a)} against ${say(b)}`)
  }
  // Equal samples under different profiles are different colors.
  return a.profile.equals(b.profile) ? undefined : refuse('profiles_differ', 'the files carry different color profiles')
}

async function decodeBand(
  image: DisplayImage,
  top: number,
  rows: number,
): Promise<{ readonly ok: true; readonly bytes: Buffer } | DisplayRefusal> {
  const band = await decoding(image.file, () =>
    open(image.path)
      .extract({ left: 0, top, width: image.width, height: rows })
      // Without this sharp turns gray into RGB and 16 bits into 8.
      .toColourspace(image.space)
      .raw({ depth: image.bitsPerSample === 16 ? 'ushort' : 'uchar' })
      .toBuffer(),
  )
  if (!band.ok) return band
  const bytes = image.width * rows * image.channels * (image.bitsPerSample / 8)
  if (band.value.length === bytes) return { ok: true, bytes: band.value }
  return {
    ok: false,
    code: 'corrupt',
    message: `rows from ${top} on decode to ${band.value.length} bytes, not ${bytes}`,
    file: image.file,
  }
}

function open(path: string): Sharp {
  return sharp(path, { sequentialRead: true, ignoreIcc: true, limitInputPixels: DISPLAY_PIXELS_MAX })
}

/** libvips reports every trouble as a plain Error with a text; that the file is there was checked before. */
async function decoding<Value>(
  file: 'a' | 'b',
  run: () => Promise<Value>,
): Promise<{ readonly ok: true; readonly value: Value } | DisplayRefusal> {
  try {
    return { ok: true, value: await run() }
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    return {
      ok: false,
      code: /exceeds pixel limit/.test(said) ? 'too_large' : 'corrupt',
      message: `the file cannot be decoded: ${said}`,
      file,
    }
  }
}

/** Compared as bytes: most rows of two honest images are equal, and this is far quicker than sample by sample. */
function isSameRow(a: Uint8Array | Uint16Array, b: Uint8Array | Uint16Array, from: number, samples: number): boolean {
  const bytesOf = (row: Uint8Array | Uint16Array) => Buffer.from(row.buffer, row.byteOffset, row.byteLength)
  return bytesOf(a.subarray(from, from + samples)).equals(bytesOf(b.subarray(from, from + samples)))
}

function samplesOf(bytes: Buffer, bitsPerSample: 8 | 16): Uint8Array | Uint16Array {
  return bitsPerSample === 8 ? bytes : new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1)
}
