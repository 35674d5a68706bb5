// What ffmpeg is told to make the movie that Blender would make with the same settings.

import type { AudioCodec, MovieCodec, MovieContainer, MoviePlan } from '../../protocol/movie.ts'

/** How one codec is written: encoders by preference, and the pixels that it takes. */
export interface CodecWay {
  readonly encoders: readonly string[]
  /** ffmpeg's name of the pixel format. */
  readonly pixels: string
  readonly flags: readonly string[]
}

export const MUXERS: Readonly<Record<MovieContainer, readonly string[]>> = {
  mp4: ['-f', 'mp4', '-movflags', '+faststart'],
  mov: ['-f', 'mov'],
  mkv: ['-f', 'matroska'],
  webm: ['-f', 'webm'],
  avi: ['-f', 'avi'],
  ogg: ['-f', 'ogg'],
  flv: ['-f', 'flv'],
  mpeg1: ['-f', 'mpeg'],
  mpeg2: ['-f', 'vob'],
  dv: ['-f', 'dv'],
}

const AUDIO_ENCODERS: Readonly<Record<AudioCodec, readonly string[]>> = {
  aac: ['aac'],
  ac3: ['ac3'],
  flac: ['flac', '-strict', '-2'],
  mp2: ['mp2'],
  mp3: ['libmp3lame'],
  opus: ['libopus'],
  pcm: ['pcm_s16le'],
  vorbis: ['libvorbis'],
}

/** Flags for the sound: its codec, bits and samples per second, and channels. */
export function soundFlags(sound: { codec: AudioCodec; kbits: number; rate: number; channels: number }): string[] {
  const isPacked = sound.codec !== 'pcm' && sound.codec !== 'flac'
  return [
    ...['-c:a', ...AUDIO_ENCODERS[sound.codec]],
    ...(isPacked ? ['-b:a', `${sound.kbits}k`] : []),
    // Opus knows some rates only; ffmpeg takes the nearest that it can have.
    ...(sound.codec === 'opus' ? ['-ar', '48000'] : ['-ar', String(sound.rate)]),
    ...['-ac', String(sound.channels)],
  ]
}

/** How the picture is written. */
export function codecWay(movie: MoviePlan): CodecWay {
  const way = WAYS[movie.codec](movie)
  return { ...way, flags: [...way.flags, ...gopFlags(movie)] }
}

function gopFlags({ codec, gop, bFrames }: MoviePlan): string[] {
  if (['prores', 'ffv1', 'qtrle', 'png', 'huffyuv', 'dnxhd', 'dv', 'rawvideo', 'mjpeg'].includes(codec)) return []
  return [
    ...(gop === undefined ? [] : ['-g', String(gop)]),
    ...(bFrames === undefined || codec === 'vp9' || codec === 'av1' ? [] : ['-bf', String(bFrames)]),
  ]
}

/** Bits per second, where the scene gives those and no constant quality. */
function bitrateFlags({ bitrates }: MoviePlan): string[] {
  if (bitrates === undefined) return []
  const { average, min, max, buffer } = bitrates
  return [
    ...['-b:v', `${average}k`],
    ...(min > 0 ? ['-minrate', `${min}k`] : []),
    ...(max > 0 ? ['-maxrate', `${max}k`] : []),
    ...(buffer > 0 ? ['-bufsize', `${buffer}k`] : []),
  ]
}

function rateFlags(movie: MoviePlan, crf: (factor: number) => readonly string[]): string[] {
  return movie.crf === undefined ? bitrateFlags(movie) : [...crf(movie.crf)]
}

/** 4:2:0 of so many bits; without loss nothing is left out. */
function yuv({ depth, crf, alpha }: MoviePlan): string {
  const sampling = crf === 0 ? '444' : '420'
  return `yuv${alpha ? 'a' : ''}${sampling}p${depth > 8 ? `${Math.min(depth, 12)}le` : ''}`
}

/** What 23 is to H.264 is 28 to H.265, as Blender has it. */
function crfOfH265(crf: number): number {
  return crf === 0 ? 0 : crf + Math.round((crf - 17) / 3) + 3
}

const SPEED = { best: 'slow', good: 'medium', realtime: 'superfast' } as const
const DEADLINE = { best: 'best', good: 'good', realtime: 'realtime' } as const

const WAYS: Readonly<Record<MovieCodec, (movie: MoviePlan) => CodecWay>> = {
  h264: (movie) => ({
    encoders: ['libx264', 'libopenh264'],
    pixels: yuv({ ...movie, alpha: false, depth: Math.min(movie.depth, 10) }),
    flags: ['-preset', SPEED[movie.preset], ...rateFlags(movie, (crf) => ['-crf', String(crf)])],
  }),
  h265: (movie) => ({
    encoders: ['libx265'],
    pixels: yuv({ ...movie, alpha: false }),
    flags: [
      ...['-preset', SPEED[movie.preset]],
      ...rateFlags(movie, (crf) => (crf === 0 ? ['-x265-params', 'lossless=1'] : ['-crf', String(crfOfH265(crf))])),
      ...(movie.container === 'mp4' || movie.container === 'mov' ? ['-tag:v', 'hvc1'] : []),
    ],
  }),
  av1: (movie) => ({
    encoders: ['libaom-av1', 'libsvtav1', 'librav1e'],
    pixels: yuv({ ...movie, alpha: false, crf: undefined, depth: Math.min(movie.depth, 10) }),
    flags: rateFlags(movie, (crf) => ['-crf', String(crf), '-b:v', '0']),
  }),
  vp9: (movie) => ({
    encoders: ['libvpx-vp9'],
    pixels: movie.alpha ? 'yuva420p' : yuv({ ...movie, depth: 8 }),
    flags: [
      ...['-deadline', DEADLINE[movie.preset], '-row-mt', '1'],
      ...rateFlags(movie, (crf) => (crf === 0 ? ['-lossless', '1'] : ['-crf', String(crf), '-b:v', '0'])),
      ...(movie.alpha ? ['-auto-alt-ref', '0'] : []),
    ],
  }),
  prores: ({ alpha, proresProfile = 2 }) => ({
    encoders: ['prores_ks'],
    pixels: proresProfile < 4 ? 'yuv422p10le' : alpha ? 'yuva444p10le' : 'yuv444p10le',
    flags: ['-profile:v', String(proresProfile), '-vendor', 'apl0', ...(alpha ? ['-alpha_bits', '16'] : [])],
  }),
  ffv1: ({ depth, alpha }) => ({
    encoders: ['ffv1'],
    pixels: depth > 8 ? `gbr${alpha ? 'a' : ''}p${Math.min(depth, 16)}le` : 'bgra',
    flags: [],
  }),
  qtrle: ({ alpha }) => ({ encoders: ['qtrle'], pixels: alpha ? 'argb' : 'rgb24', flags: [] }),
  png: ({ alpha, depth }) => ({
    encoders: ['png'],
    pixels: depth > 8 ? (alpha ? 'rgba64be' : 'rgb48be') : alpha ? 'rgba' : 'rgb24',
    flags: [],
  }),
  huffyuv: ({ alpha }) => ({ encoders: ['huffyuv'], pixels: alpha ? 'bgra' : 'rgb24', flags: [] }),
  dnxhd: ({ depth }) => ({
    encoders: ['dnxhd'],
    // The bit rates of DNxHD go with a few sizes only; DNxHR has the same in any.
    pixels: depth > 8 ? 'yuv422p10le' : 'yuv422p',
    flags: ['-profile:v', depth > 8 ? 'dnxhr_hqx' : 'dnxhr_hq'],
  }),
  dv: () => ({ encoders: ['dvvideo'], pixels: 'yuv420p', flags: [] }),
  mpeg1: (movie) => ({ encoders: ['mpeg1video'], pixels: 'yuv420p', flags: bitratesOrQuality(movie) }),
  mpeg2: (movie) => ({ encoders: ['mpeg2video'], pixels: 'yuv420p', flags: bitratesOrQuality(movie) }),
  mpeg4: (movie) => ({ encoders: ['mpeg4'], pixels: 'yuv420p', flags: bitratesOrQuality(movie) }),
  flv1: (movie) => ({ encoders: ['flv'], pixels: 'yuv420p', flags: bitratesOrQuality(movie) }),
  theora: (movie) => ({
    encoders: ['libtheora'],
    pixels: 'yuv420p',
    flags: rateFlags(movie, (crf) => ['-q:v', String(Math.max(0, Math.min(10, Math.round(10 - crf / 4))))]),
  }),
  rawvideo: () => ({ encoders: ['rawvideo'], pixels: 'bgr24', flags: [] }),
  mjpeg: ({ quality = 90 }) => ({
    encoders: ['mjpeg'],
    pixels: 'yuvj420p',
    flags: ['-q:v', String(Math.max(2, Math.min(31, Math.round(2 + (100 - quality) * 0.29))))],
  }),
}

/** Older codecs have steps of quality from 2, the best, to 31. */
function bitratesOrQuality(movie: MoviePlan): string[] {
  return rateFlags(movie, (crf) => ['-q:v', String(Math.max(2, Math.min(31, Math.round(crf / 4))))])
}

/** Whether pixels of this format stand for colours in groups, so that width or height must be even. */
export function filterFor(pixels: string): string {
  const isRgb = /^(rgb|bgr|argb|gbr)/.test(pixels)
  if (isRgb) return `format=${pixels}`
  const [across, down] = pixels.includes('420') ? [2, 2] : pixels.includes('422') ? [2, 1] : [1, 1]
  const pad = across * down === 1 ? '' : `pad=ceil(iw/${across})*${across}:ceil(ih/${down})*${down},`
  // Motion JPEG has the full range of values, all others that of television.
  const range = pixels.startsWith('yuvj') ? 'pc' : 'tv'
  return `${pad}scale=out_color_matrix=bt709:out_range=${range},format=${pixels}`
}

/** What a player is told of the colours. */
export function colorTags(pixels: string): string[] {
  const trc = ['-color_primaries', 'bt709', '-color_trc', 'bt709']
  if (!pixels.startsWith('yuv')) return trc
  return [...trc, '-colorspace', 'bt709', '-color_range', pixels.startsWith('yuvj') ? 'pc' : 'tv']
}
