// Names of the numbers with which a .blend stores its output format.

import type { SceneOutput } from '../../protocol/scene-facts.ts'

const FILE_FORMATS: Readonly<Record<number, string>> = {
  0: 'TARGA',
  1: 'IRIS',
  4: 'JPEG',
  7: 'IRIS',
  14: 'TARGA_RAW',
  15: 'AVI_RAW',
  16: 'AVI_JPEG',
  17: 'PNG',
  20: 'BMP',
  21: 'HDR',
  22: 'TIFF',
  23: 'OPEN_EXR',
  24: 'FFMPEG',
  26: 'CINEON',
  27: 'DPX',
  28: 'OPEN_EXR_MULTILAYER',
  29: 'DDS',
  30: 'JPEG2000',
  // Once formats of their own, now presets of FFmpeg.
  31: 'FFMPEG',
  32: 'FFMPEG',
  33: 'FFMPEG',
  34: 'PSD',
  35: 'WEBP',
  36: 'FFMPEG',
  37: 'AVIF',
}

const COLOR_DEPTHS: Readonly<Record<number, SceneOutput['colorDepth']>> = {
  1: 1,
  2: 8,
  4: 10,
  8: 12,
  16: 16,
  32: 24,
  64: 32,
}

const COLOR_MODES: Readonly<Record<number, SceneOutput['colorMode']>> = { 8: 'BW', 24: 'RGB', 32: 'RGBA' }

/** Blender's name of a stored file format, `UNKNOWN_<n>` for one that came later. */
export function fileFormatName(stored: number): string {
  return FILE_FORMATS[stored] ?? `UNKNOWN_${stored}`
}

/** Bits per channel of a stored depth flag, or null. */
export function colorDepthBits(stored: number): SceneOutput['colorDepth'] {
  return COLOR_DEPTHS[stored] ?? null
}

/** Blender's name of the stored bits per pixel, or null. */
export function colorModeName(stored: number): SceneOutput['colorMode'] {
  return COLOR_MODES[stored] ?? null
}
