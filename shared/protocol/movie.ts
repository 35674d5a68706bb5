import { z } from 'zod'
import { LIMITS } from './limits.ts'

/** A word of Blender's own: MPEG4, H264, PERC_LOSSLESS. */
const Word = z.string().max(40)
const Kbits = z.int().min(0).max(10_000_000)
const Frame = z.int().min(LIMITS.frameNumberMin).max(LIMITS.frameNumberMax)

/** Frames per second as a fraction: 24000/1001. */
const Rate = z.strictObject({ numerator: z.int().min(1).max(1e9), denominator: z.int().min(1).max(1e9) })
const Bitrates = z.strictObject({ average: Kbits, min: Kbits, max: Kbits, buffer: Kbits })
const SampleRate = z.int().min(1_000).max(1_000_000)

/** What a scene says of the movie that it writes, in Blender's own words. */
export const SceneMovie = z.strictObject({
  container: Word,
  codec: Word,
  colorMode: z.enum(['BW', 'RGB', 'RGBA']),
  /** Bits per channel. */
  colorDepth: z.int().min(8).max(32),
  /** Constant rate factor, 0 for lossless; null where bitrates are given. */
  crf: z.int().min(0).max(100).nullable(),
  /** In kilobits per second. */
  bitrates: Bitrates,
  preset: Word,
  /** Frames from one key frame to the next. */
  gop: z.int().min(0).max(10_000),
  /** Null: as the codec likes. */
  bFrames: z.int().min(0).max(100).nullable(),
  proresProfile: Word.optional(),
  /** Of Motion JPEG, percent. */
  quality: z.int().min(0).max(100),
  rate: Rate,
  audio: z.strictObject({ codec: Word, kbits: Kbits, rate: SampleRate, channels: Word }),
  /** There is something to hear: strips of sound, or speakers. */
  hasSound: z.boolean(),
})
export type SceneMovie = z.infer<typeof SceneMovie>

const MovieContainer = z.enum(['mp4', 'mov', 'mkv', 'webm', 'avi', 'ogg', 'flv', 'mpeg1', 'mpeg2', 'dv'])
export type MovieContainer = z.infer<typeof MovieContainer>

const MovieCodec = z.enum([
  'h264',
  'h265',
  'av1',
  'vp9',
  'prores',
  'ffv1',
  'qtrle',
  'png',
  'huffyuv',
  'dnxhd',
  'dv',
  'mpeg1',
  'mpeg2',
  'mpeg4',
  'flv1',
  'theora',
  'rawvideo',
  'mjpeg',
])
export type MovieCodec = z.infer<typeof MovieCodec>
const AudioCodec = z.enum(['aac', 'ac3', 'flac', 'mp2', 'mp3', 'opus', 'pcm', 'vorbis'])
export type AudioCodec = z.infer<typeof AudioCodec>

/** The movie that a job makes of its frames, as it was decided. */
export const MoviePlan = z.strictObject({
  container: MovieContainer,
  codec: MovieCodec,
  alpha: z.boolean(),
  /** Bits per channel. */
  depth: z.int().min(8).max(32),
  crf: z.int().min(0).max(100).optional(),
  bitrates: Bitrates.optional(),
  preset: z.enum(['best', 'good', 'realtime']),
  gop: z.int().min(0).max(10_000).optional(),
  bFrames: z.int().min(0).max(100).optional(),
  /** 0 (422 Proxy) to 5 (4444 XQ). */
  proresProfile: z.int().min(0).max(5).optional(),
  /** Percent. */
  quality: z.int().min(0).max(100).optional(),
  rate: Rate,
})
export type MoviePlan = z.infer<typeof MoviePlan>

/**
 * The sound of a job's movie. It is mixed by the worker that delivers one of the frames, as another file of that result
 * (role sound): so it is committed to, audited and recovered as that frame is.
 */
export const SoundPlan = z.strictObject({
  /** The frame whose task mixes it. */
  frame: Frame,
  /** It is mixed from the beginning of this frame to the end of the other. */
  first: Frame,
  last: Frame,
  codec: AudioCodec,
  kbits: Kbits,
  /** Samples per second. */
  rate: SampleRate,
  channels: z.int().min(1).max(8),
})
export type SoundPlan = z.infer<typeof SoundPlan>

/** As Blender names files of these containers. */
export const MOVIE_ENDINGS: Readonly<Record<MovieContainer, string>> = {
  mp4: 'mp4',
  mov: 'mov',
  mkv: 'mkv',
  webm: 'webm',
  avi: 'avi',
  ogg: 'ogv',
  flv: 'flv',
  mpeg1: 'mpg',
  mpeg2: 'dvd',
  dv: 'dv',
}
