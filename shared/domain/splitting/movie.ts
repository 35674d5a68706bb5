import type { JobPlan } from '../../protocol/job.ts'
import type { AudioCodec, MovieCodec, MovieContainer, MoviePlan, SceneMovie, SoundPlan } from '../../protocol/movie.ts'

const CONTAINERS: Readonly<Record<string, MovieContainer>> = {
  MPEG4: 'mp4',
  QUICKTIME: 'mov',
  MKV: 'mkv',
  WEBM: 'webm',
  AVI: 'avi',
  OGG: 'ogg',
  FLASH: 'flv',
  MPEG1: 'mpeg1',
  MPEG2: 'mpeg2',
  DV: 'dv',
}
const CODECS: Readonly<Record<string, MovieCodec>> = {
  H264: 'h264',
  H265: 'h265',
  AV1: 'av1',
  WEBM: 'vp9',
  PRORES: 'prores',
  FFV1: 'ffv1',
  QTRLE: 'qtrle',
  PNG: 'png',
  HUFFYUV: 'huffyuv',
  DNXHD: 'dnxhd',
  DV: 'dv',
  MPEG1: 'mpeg1',
  MPEG2: 'mpeg2',
  MPEG4: 'mpeg4',
  FLASH: 'flv1',
  THEORA: 'theora',
  AVI_RAW: 'rawvideo',
  AVI_JPEG: 'mjpeg',
}
/** Codecs that some containers are limited to; the others take any. */
const ONLY: Partial<Record<MovieContainer, readonly MovieCodec[]>> = {
  mp4: ['h264', 'h265', 'av1', 'vp9', 'mpeg4', 'mpeg1', 'mpeg2', 'png'],
  webm: ['vp9', 'av1'],
  ogg: ['theora'],
  flv: ['flv1', 'h264'],
  mpeg1: ['mpeg1', 'mpeg2'],
  mpeg2: ['mpeg2', 'mpeg1'],
  dv: ['dv'],
}
/** Codecs that keep an alpha channel; ProRes in its two profiles of 4444 alone. */
const WITH_ALPHA: readonly MovieCodec[] = ['vp9', 'prores', 'ffv1', 'qtrle', 'png', 'huffyuv']
/** Codecs that are not there for every size, and why. */
const SIZES: Partial<Record<MovieCodec, { fits: (width: number, height: number) => boolean; why: string }>> = {
  dv: {
    fits: (width, height) => width === 720 && (height === 576 || height === 480),
    why: 'which has 720x576 or 720x480 px only',
  },
  dnxhd: { fits: (width, height) => width >= 256 && height >= 120, why: 'which has 256x120 px at least' },
}
/** Codecs whose colours are of two pixels beside each other, or of four. */
const EVEN: readonly MovieCodec[] = [
  ...(['h264', 'h265', 'av1', 'vp9', 'dnxhd', 'mpeg1', 'mpeg2', 'mpeg4', 'flv1', 'theora', 'mjpeg'] as const),
]

const AUDIO_CODECS: Readonly<Record<string, AudioCodec>> = {
  AAC: 'aac',
  AC3: 'ac3',
  FLAC: 'flac',
  MP2: 'mp2',
  MP3: 'mp3',
  OPUS: 'opus',
  PCM: 'pcm',
  VORBIS: 'vorbis',
}
/** Sound that some containers are limited to, the nearest to anything else first. */
const ONLY_SOUND: Partial<Record<MovieContainer, readonly [AudioCodec, ...AudioCodec[]]>> = {
  mp4: ['aac', 'ac3', 'flac', 'mp2', 'mp3', 'opus', 'vorbis'],
  webm: ['opus', 'vorbis'],
  ogg: ['vorbis', 'flac', 'opus'],
  flv: ['aac', 'mp3', 'pcm'],
  mpeg1: ['mp2', 'mp3', 'ac3'],
  mpeg2: ['mp2', 'mp3', 'ac3'],
  dv: ['pcm'],
}
const CHANNELS: Readonly<Record<string, number>> = { MONO: 1, STEREO: 2, SURROUND4: 4, SURROUND51: 6, SURROUND71: 8 }
const PRORES_PROFILES = ['422_PROXY', '422_LT', '422_STD', '422_HQ', '4444', '4444_XQ']

/** What the movie of a job becomes, and what its artist should know of it. */
export interface PlannedMovie {
  readonly change: Pick<JobPlan, 'movie' | 'sound'> & Partial<Pick<JobPlan, 'video'>>
  readonly notes: readonly string[]
}

/**
 * The movie and the sound of a plan, by what Blender says of the scene. The scene's own movie where the plan has the
 * video `scene`: as the scene says where that can be had, else the nearest, which a note tells.
 */
export function planMovie(
  plan: Pick<JobPlan, 'video' | 'audio' | 'width' | 'height'>,
  found: SceneMovie | undefined,
  frames: readonly number[],
): PlannedMovie {
  if (plan.video === 'none') return { change: {}, notes: [] }
  if (found === undefined)
    return plan.video === 'scene'
      ? { change: { video: 'mp4' }, notes: ['the scene writes images and no movie: the video is H.264 in mp4'] }
      : { change: {}, notes: [] }
  if (plan.video !== 'scene') {
    const sound = planSound(plan, found, plan.video, frames)
    return { change: soundOf(sound.sound), notes: sound.notes }
  }
  const { movie, notes } = ownMovie(plan, found)
  const { sound, notes: ofSound } = planSound(plan, found, movie.container, frames)
  return { change: { movie, ...soundOf(sound) }, notes: [...notes, ...ofSound] }
}

function soundOf(sound: SoundPlan | undefined): Pick<JobPlan, 'sound'> {
  return sound === undefined ? {} : { sound }
}

function ownMovie(
  { width, height }: Pick<JobPlan, 'width' | 'height'>,
  found: SceneMovie,
): { movie: MoviePlan; notes: string[] } {
  const notes: string[] = []
  let container = CONTAINERS[found.container] ?? 'mkv'
  let codec = CODECS[found.codec]
  const size = codec === undefined ? undefined : SIZES[codec]
  if (codec === undefined || size?.fits(width, height) === false) {
    const why = size?.why ?? 'which is no codec of this farm'
    notes.push(`the scene's movie has the codec ${found.codec}, ${why}: it becomes H.264`)
    codec = 'h264'
  }
  if (EVEN.includes(codec) && (width % 2 === 1 || height % 2 === 1))
    notes.push(
      `the movie has ${width + (width % 2)}x${height + (height % 2)} px, with the last column or row twice: ` +
        `its codec ${found.codec} has even sizes only, and Blender itself would write no such movie`,
    )
  const takes = ONLY[container]
  if (takes !== undefined && !takes.includes(codec)) {
    notes.push(`a movie in ${found.container} cannot have the codec ${found.codec}: it becomes a Matroska file (.mkv)`)
    container = 'mkv'
  }
  const profile = PRORES_PROFILES.indexOf(found.proresProfile ?? '')
  const keepsAlpha = WITH_ALPHA.includes(codec) && (codec !== 'prores' || profile >= PRORES_PROFILES.indexOf('4444'))
  if (found.colorMode === 'RGBA' && !keepsAlpha)
    notes.push(`the movie has no alpha channel, because its codec ${found.codec} has none; the frames have it`)
  const movie: MoviePlan = {
    container,
    codec,
    alpha: found.colorMode === 'RGBA' && keepsAlpha,
    depth: found.colorDepth,
    ...(found.crf === null ? { bitrates: found.bitrates } : { crf: found.crf }),
    preset: found.preset === 'BEST' ? 'best' : found.preset === 'REALTIME' ? 'realtime' : 'good',
    gop: found.gop,
    ...(found.bFrames === null ? {} : { bFrames: found.bFrames }),
    ...(profile < 0 ? {} : { proresProfile: profile }),
    quality: found.quality,
    rate: found.rate,
  }
  return { movie, notes }
}

function planSound(
  { audio }: Pick<JobPlan, 'audio'>,
  found: SceneMovie,
  container: MovieContainer,
  frames: readonly number[],
): { sound?: SoundPlan; notes: string[] } {
  const named = AUDIO_CODECS[found.audio.codec]
  if (named === undefined) {
    const isHeard = found.hasSound && audio === 'scene'
    return {
      notes: isHeard ? ['the video has no sound: the scene sets no audio codec (Output > Encoding > Audio)'] : [],
    }
  }
  if (!found.hasSound) return { notes: [] }
  if (audio === 'none') return { notes: ['the video has no sound, as the job asks'] }
  const mixed = frames.filter((frame) => frame >= 0)
  const [first, frame] = [mixed.reduce((least, each) => Math.min(least, each), Infinity), frames[0]]
  if (frame === undefined || mixed.length === 0) return { notes: ['frames below 0 have no sound'] }
  const last = mixed.reduce((most, each) => Math.max(most, each), first)
  const takes = ONLY_SOUND[container]
  const codec = takes === undefined || takes.includes(named) ? named : takes[0]
  const notes =
    codec === named ? [] : [`sound of ${found.audio.codec} does not go into ${container}: it becomes ${codec}`]
  const { kbits, rate, channels } = found.audio
  return { sound: { frame, first, last, codec, kbits, rate, channels: CHANNELS[channels] ?? 2 }, notes }
}
