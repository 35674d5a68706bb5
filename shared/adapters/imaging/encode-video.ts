import { spawn } from 'node:child_process'
import { access, constants, rm, symlink, mkdtemp } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { VideoEncoder, VideoRequest } from '../../ports/imaging.ts'
import { codecWay, colorTags, filterFor, MUXERS, soundFlags } from './movie-arguments.ts'
import { cutWave } from './wave.ts'

const run = promisify(execFile)

/** Encoders by preference for each container, with the settings that make a good small file of a rendering. */
const ENCODERS: Record<'mp4' | 'webm', readonly { name: string; flags: readonly string[] }[]> = {
  mp4: [
    { name: 'libx264', flags: ['-preset', 'medium', '-crf', '18', '-movflags', '+faststart'] },
    { name: 'libopenh264', flags: ['-b:v', '12M', '-movflags', '+faststart'] },
  ],
  webm: [
    { name: 'libvpx-vp9', flags: ['-crf', '24', '-b:v', '0', '-row-mt', '1', '-cpu-used', '3'] },
    { name: 'libsvtav1', flags: ['-crf', '28', '-preset', '7'] },
    { name: 'libaom-av1', flags: ['-crf', '28', '-b:v', '0', '-cpu-used', '6'] },
  ],
}

/**
 * Rendered sRGB pixels to BT.709 video, with a size of even numbers (one row or column repeated where it is odd, since
 * 4:2:0 video has none) and without alpha.
 */
const FILTER = 'pad=ceil(iw/2)*2:ceil(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv,format=yuv420p'
const COLOR_TAGS = ['-colorspace', 'bt709', '-color_primaries', 'bt709', '-color_trc', 'bt709', '-color_range', 'tv']

/** Lines of ffmpeg's own words kept for an error. */
const LAST_WORDS = 15

/**
 * Video by ffmpeg. `configured` is the operator's own path; without it ffmpeg-static, if its binary is really there,
 * then the PATH.
 */
export function ffmpegEncoder(configured: string | undefined): VideoEncoder {
  return { encode: (request) => encode(configured, request) }
}

/** The first ffmpeg that answers, or null. A configured one that does not answer is not silently passed over. */
async function findFfmpeg(configured: string | undefined): Promise<string | null> {
  if (configured !== undefined) return (await answers(configured)) ? configured : null
  const shipped: unknown = shippedFfmpeg()
  if (typeof shipped === 'string' && (await isExecutable(shipped)) && (await answers(shipped))) return shipped
  return (await answers('ffmpeg')) ? 'ffmpeg' : null
}

/** The path in which ffmpeg-static would have its binary; the package may be absent, and the binary too. */
function shippedFfmpeg(): unknown {
  try {
    return createRequire(import.meta.url)('ffmpeg-static')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return null
    throw error
  }
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}

async function answers(command: string): Promise<boolean> {
  return run(command, ['-version'], { timeout: 10_000 }).then(
    () => true,
    () => false,
  )
}

async function encode(configured: string | undefined, request: VideoRequest): ReturnType<VideoEncoder['encode']> {
  const ffmpeg = await findFfmpeg(configured)
  if (ffmpeg === null) {
    const which =
      configured === undefined
        ? 'ffmpeg-static has no binary here and there is no ffmpeg in the PATH'
        : `the configured ${configured} does not answer to -version`
    return {
      ok: false,
      code: 'ffmpeg_missing',
      message: `no video: ${which}. Install it (Debian: apt-get install ffmpeg) or set TILEWORK_FFMPEG to its path`,
    }
  }
  const { stdout } = await run(ffmpeg, ['-hide_banner', '-encoders'], { maxBuffer: 4 * 1024 ** 2 })
  const way = wayOf(request, (name) => new RegExp(`\\s${name}\\s`).test(stdout))
  if (typeof way === 'string')
    return {
      ok: false,
      code: 'encode_failed',
      message: `${ffmpeg} has none of the encoders ${way}; install a full ffmpeg, or choose another video (mp4, webm)`,
    }

  const first = request.images[0]
  if (first === undefined) return { ok: false, code: 'encode_failed', message: 'there is no image to make a video of' }
  const folder = await mkdtemp(join(dirname(request.outputPath), '.sequence-'))
  try {
    // Numbered without gaps, whatever the frames are called, because ffmpeg stops at the first gap.
    await Promise.all(
      request.images.map((image, index) =>
        symlink(image, join(folder, `${String(index).padStart(8, '0')}${extname(first)}`)),
      ),
    )
    const sound = join(folder, 'sound.wav')
    if (request.sound !== undefined) {
      const cut = await cutWave(request.sound.path, sound, { ...request.sound, rate: request.rate })
      if (!cut.ok) return { ok: false, code: 'encode_failed', message: cut.message }
    }
    const rate = `${request.rate.numerator}/${request.rate.denominator}`
    const lines = await runFfmpeg(
      ffmpeg,
      [
        ...['-hide_banner', '-nostdin', '-y', '-loglevel', 'error', '-progress', 'pipe:1'],
        ...['-framerate', rate, '-start_number', '0', '-i', join(folder, `%08d${extname(first)}`)],
        ...(request.sound === undefined ? ['-an'] : ['-i', sound, '-map', '0:v:0', '-map', '1:a:0']),
        ...['-vf', way.filter, '-c:v', way.encoder, ...way.flags, '-r', rate],
        ...(request.sound === undefined ? [] : soundFlags(request.sound)),
        ...[...way.muxer, request.outputPath],
      ],
      request,
    )
    return lines === null
      ? { ok: true, codec: way.encoder }
      : { ok: false, code: 'encode_failed', message: `ffmpeg (${way.encoder}) failed: ${lines}` }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface Way {
  readonly encoder: string
  readonly filter: string
  readonly flags: readonly string[]
  readonly muxer: readonly string[]
}

/** How the picture is encoded by this ffmpeg; the names of the encoders of which it has none. */
function wayOf({ as }: VideoRequest, has: (encoder: string) => boolean): Way | string {
  if (typeof as === 'string') {
    const found = ENCODERS[as].find(({ name }) => has(name))
    if (found === undefined) return ENCODERS[as].map(({ name }) => name).join(', ')
    return { encoder: found.name, filter: FILTER, flags: [...found.flags, ...COLOR_TAGS], muxer: ['-f', as] }
  }
  const { encoders, pixels, flags } = codecWay(as)
  const encoder = encoders.find(has)
  if (encoder === undefined) return encoders.join(', ')
  return { encoder, filter: filterFor(pixels), flags: [...flags, ...colorTags(pixels)], muxer: MUXERS[as.container] }
}

/** Null when it went well, else its last words. */
function runFfmpeg(ffmpeg: string, args: readonly string[], request: VideoRequest): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(ffmpeg, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(request.signal === undefined ? {} : { signal: request.signal }),
      killSignal: 'SIGKILL',
    })
    const said: string[] = []
    child.stderr
      .setEncoding('utf8')
      .on(
        'data',
        (text: string) =>
          said.push(...text.split('\n').filter((line) => line.trim() !== '')) &&
          said.splice(0, said.length - LAST_WORDS),
      )
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const frame = /frame=(\d+)/.exec(text)?.[1]
      if (frame !== undefined) request.onProgress?.(Math.min(1, Number(frame) / request.images.length))
    })
    child.on('error', reject)
    child.on('close', (code) => resolve(code === 0 ? null : said.join(' | ') || `exit code ${code}`))
  })
}
