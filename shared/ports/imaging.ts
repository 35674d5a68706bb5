import type { DisplayDifference } from '../domain/verification/display-verdict.ts'
import type { VerdictMeasures } from '../domain/verification/image-verdict.ts'
import type { MoviePlan, SoundPlan } from '../protocol/movie.ts'
import type { PixelRectangle } from '../protocol/render-settings.ts'

export interface TileFile {
  readonly path: string
  /** Where its kept pixels go, origin top left. */
  readonly placement: PixelRectangle
  /** Overscan to cut off. */
  readonly crop: { readonly left: number; readonly top: number }
}

/** A render of some of the samples of every pixel. */
export interface SampledFile {
  readonly path: string
  readonly samples: number
}

/** An image that is not what it should be; `tileIndex` or `partIndex` where it is one tile's or part's fault. */
export interface ImageRefusal {
  readonly ok: false
  readonly code: string
  readonly message: string
  readonly tileIndex?: number
  readonly partIndex?: number
}

/** Difference of two images with 8 or 16 bits per channel. */
interface DisplayMeasures extends DisplayDifference {
  readonly ok: true
  /** Percent of samples that differ at all. */
  readonly differingPercent: number
}

/**
 * What is done with images on this side of the farm. Files that came from workers are decoded in bounds; what is wrong
 * with them is a value.
 */
export interface Imaging {
  stitch(
    tiles: readonly TileFile[],
    full: { width: number; height: number },
    outputPath: string,
  ): Promise<{ ok: true } | ImageRefusal>
  /** One image with the samples of all parts, weighted by their numbers; the first part must have the first sample. */
  merge(parts: readonly SampledFile[], outputPath: string): Promise<{ ok: true } | ImageRefusal>
  /**
   * What float images must have in common to be parts of one frame: channels, packing, place in the picture. As text
   * that is equal when that is.
   */
  layout(path: string): Promise<{ ok: true; layout: string } | ImageRefusal>
  /** The ending of a file's name that goes with its content; undefined for no image. */
  ending(path: string): Promise<string | undefined>
  /** Whether the image is of a kind that is delivered without being decoded here (Targa, DPX, JPEG 2000, …). */
  isUndecoded(path: string): Promise<boolean>
  /** Decodes the whole image, where its kind is decoded at all, and holds it against the size it must have. */
  check(path: string, size: { width: number; height: number }): Promise<{ ok: true } | ImageRefusal>
  compareLinear(pathA: string, pathB: string): Promise<({ ok: true } & VerdictMeasures) | ImageRefusal>
  compareDisplay(pathA: string, pathB: string): Promise<DisplayMeasures | ImageRefusal>
  /** Whether a sound can be used: WAV of 16 bits, with so many samples per second and channels. */
  checkSound(path: string, wanted: { rate: number; channels: number }): Promise<{ ok: true } | ImageRefusal>
  /** The same sound, but for the rounding of single samples. */
  sameSound(pathA: string, pathB: string): Promise<{ ok: true; same: boolean } | ImageRefusal>
  /** Bit for bit the same samples; what stands in the headers does not count. */
  samePixels(pathA: string, pathB: string): Promise<{ ok: true; same: boolean } | ImageRefusal>
  /** A JPEG no wider than `widthMax`, never larger than the image itself. */
  preview(path: string, outputPath: string, widthMax: number): Promise<{ ok: true } | ImageRefusal>
}

/** A mixed sound (WAV, 16 bits) that begins with frame `first`, of which these frames are heard. */
interface VideoSound extends Pick<SoundPlan, 'first' | 'codec' | 'kbits' | 'rate' | 'channels'> {
  readonly path: string
  readonly frames: readonly number[]
}

export interface VideoRequest {
  /** Images in order of time; numbers play no part, so gaps and any first frame are fine. */
  readonly images: readonly string[]
  /** Frames per second. */
  readonly rate: { readonly numerator: number; readonly denominator: number }
  /** A small file that plays everywhere, or the movie that the scene asks for. */
  readonly as: 'mp4' | 'webm' | MoviePlan
  readonly sound?: VideoSound | undefined
  readonly outputPath: string
  /** Share done, 0 to 1. */
  onProgress?(done: number): void
  readonly signal?: AbortSignal
}

export interface VideoEncoder {
  /**
   * Refused with a message for the user when there is no ffmpeg, no encoder for the container, or the images cannot be
   * encoded.
   */
  encode(
    request: VideoRequest,
  ): Promise<{ ok: true; codec: string } | { ok: false; code: 'ffmpeg_missing' | 'encode_failed'; message: string }>
}
