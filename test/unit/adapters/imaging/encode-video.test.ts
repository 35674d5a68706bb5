import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ffmpegEncoder } from '../../../../shared/adapters/imaging/encode-video.ts'
import type { VideoRequest } from '../../../../shared/ports/imaging.ts'
import {
  MOVIE_ENDINGS,
  type MovieCodec,
  type MovieContainer,
  type MoviePlan,
} from '../../../../shared/protocol/movie.ts'
import { waveFile } from './waves.ts'

const run = promisify(execFile)
const [WIDTH, HEIGHT, FRAMES] = [32, 24, 3]
const RATE = { numerator: 24_000, denominator: 1_001 }

let folder: string
let images: string[]
const pixels: Buffer[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-encode-'))
  images = Array.from({ length: FRAMES }, (_, index) => join(folder, `${index}.png`))
  for (const [index, path] of images.entries()) {
    const raw = Buffer.from(Array.from({ length: WIDTH * HEIGHT * 4 }, (_, at) => (at * 7 + index * 50) % 256))
    pixels.push(raw)
    await sharp(raw, { raw: { width: WIDTH, height: HEIGHT, channels: 4 } })
      .png()
      .toFile(path)
  }
})

afterAll(() => rm(folder, { recursive: true, force: true }))

function movie(container: MovieContainer, codec: MovieCodec, change: Partial<MoviePlan> = {}): MoviePlan {
  return { container, codec, alpha: false, depth: 8, crf: 20, preset: 'realtime', rate: RATE, ...change }
}

async function encoded(as: VideoRequest['as'], change: Partial<VideoRequest> = {}): Promise<string> {
  const path = join(folder, `movie.${typeof as === 'string' ? as : MOVIE_ENDINGS[as.container]}`)
  const result = await ffmpegEncoder(undefined).encode({ images, rate: RATE, as, outputPath: path, ...change })
  expect(result).toMatchObject({ ok: true })
  return path
}

async function streams(path: string): Promise<Record<string, unknown>[]> {
  const entries = 'stream=codec_name,pix_fmt,r_frame_rate,sample_rate,channels,nb_read_frames,profile'
  const { stdout } = await run('ffprobe', [
    ...['-v', 'error', '-count_frames', '-show_entries', entries, '-of', 'json', path],
  ])
  return JSON.parse(stdout).streams
}

async function decoded(path: string, format: string): Promise<Buffer> {
  const { stdout } = await run('ffmpeg', ['-v', 'error', '-i', path, '-f', 'rawvideo', '-pix_fmt', format, '-'], {
    encoding: 'buffer',
  })
  return stdout
}

describe('a movie', () => {
  test.each([
    ['mp4', 'h264', {}, 'h264', 'yuv420p'],
    ['mov', 'h264', { depth: 10 }, 'h264', 'yuv420p10le'],
    ['mkv', 'h264', { crf: 0 }, 'h264', 'yuv444p'],
    ['mp4', 'h265', {}, 'hevc', 'yuv420p'],
    ['webm', 'vp9', {}, 'vp9', 'yuv420p'],
    ['mov', 'prores', { proresProfile: 3 }, 'prores', 'yuv422p10le'],
    ['avi', 'mpeg4', { crf: undefined, bitrates: { average: 600, min: 0, max: 900, buffer: 200 } }, 'mpeg4', 'yuv420p'],
    ['mpeg2', 'mpeg2', {}, 'mpeg2video', 'yuv420p'],
    ['ogg', 'theora', {}, 'theora', 'yuv420p'],
    ['avi', 'mjpeg', { quality: 90 }, 'mjpeg', 'yuvj420p'],
  ] as const)('in %s is written as %s %o', async (container, codec, { ...change }, name, pixelFormat) => {
    const { crf, ...settings } = movie(container, codec, change as Partial<MoviePlan>)
    const path = await encoded(crf === undefined ? settings : { ...settings, crf })
    expect((await streams(path))[0]).toMatchObject({ codec_name: name, pix_fmt: pixelFormat })
  })

  test.each([
    ['mkv', 'ffv1', 'bgra'],
    ['mov', 'qtrle', 'argb'],
    ['mov', 'png', 'rgba'],
    ['avi', 'huffyuv', 'bgra'],
  ] as const)('in %s as %s has every pixel of the frames, and their alpha', async (container, codec, pixelFormat) => {
    const path = await encoded(movie(container, codec, { alpha: true }))
    expect((await streams(path))[0]).toMatchObject({ pix_fmt: pixelFormat })
    expect((await decoded(path, 'rgba')).equals(Buffer.concat(pixels))).toBe(true)
  })

  test('keeps alpha in VP9 and ProRes 4444', async () => {
    const prores = await encoded(movie('mov', 'prores', { alpha: true, proresProfile: 4 }))
    expect((await streams(prores))[0]).toMatchObject({
      codec_name: 'prores',
      pix_fmt: expect.stringMatching(/^yuva444p/),
    })
    const { stdout } = await run('ffprobe', [
      ...['-v', 'error', '-show_entries', 'stream_tags=alpha_mode', '-of', 'csv=p=0'],
      await encoded(movie('webm', 'vp9', { alpha: true })),
    ])
    expect(stdout.trim()).toBe('1')
  })

  test('of one frame has one, at a rate that is no whole number', async () => {
    const path = await encoded(movie('mp4', 'h264'), { images: images.slice(0, 1) })
    expect((await streams(path))[0]).toMatchObject({ r_frame_rate: '24000/1001', nb_read_frames: '1' })
  })

  test.each(['aac', 'mp3', 'opus', 'pcm'] as const)('has its sound as %s, as long as the picture', async (codec) => {
    const path = join(folder, 'mixed.wav')
    const samples = Array.from({ length: 48_000 }, (_, index) => Math.round(8_000 * Math.sin(index / 20)))
    await writeFile(path, waveFile(samples, { channels: 2 }))
    const sound = { path, frames: [5, 6, 9], first: 5, codec, kbits: 128, rate: 48_000, channels: 2 }
    const [picture, heard] = await streams(await encoded(movie('mkv', 'h264'), { sound }))
    expect(picture).toMatchObject({ nb_read_frames: '3' })
    expect(heard).toMatchObject({
      codec_name: codec === 'pcm' ? 'pcm_s16le' : codec,
      sample_rate: '48000',
      channels: 2,
    })
    if (codec !== 'pcm') return
    const { stdout } = await run('ffmpeg', ['-v', 'error', '-i', join(folder, 'movie.mkv'), '-f', 's16le', '-'], {
      encoding: 'buffer',
    })
    expect(stdout.length / 4).toBe(3 * 2_002)
  })
})
