import { describe, expect, test } from 'vitest'
import { planMovie } from '../../../../shared/domain/splitting/movie.ts'
import { MoviePlan, SceneMovie, SoundPlan } from '../../../../shared/protocol/movie.ts'

const FOUND: SceneMovie = {
  container: 'MPEG4',
  codec: 'H264',
  colorMode: 'RGB',
  colorDepth: 8,
  crf: 23,
  bitrates: { average: 6_000, min: 0, max: 9_000, buffer: 1_792 },
  preset: 'GOOD',
  gop: 18,
  bFrames: null,
  quality: 90,
  rate: { numerator: 24_000, denominator: 1_001 },
  audio: { codec: 'AAC', kbits: 192, rate: 48_000, channels: 'STEREO' },
  hasSound: true,
}
const PLAN = { video: 'scene', width: 64, height: 48 } as const

function planned(
  found: Partial<SceneMovie> = {},
  plan: Partial<Parameters<typeof planMovie>[0]> = {},
  frames = [1, 2],
) {
  const { change, notes } = planMovie({ ...PLAN, ...plan }, SceneMovie.parse({ ...FOUND, ...found }), frames)
  if (change.movie !== undefined) MoviePlan.parse(change.movie)
  if (change.sound !== undefined) SoundPlan.parse(change.sound)
  return { ...change, notes }
}

describe('the movie of a scene that writes one', () => {
  test('has its container, codec, quality and rate', () => {
    expect(planned()).toEqual({
      movie: {
        ...{ container: 'mp4', codec: 'h264', alpha: false, depth: 8, crf: 23, preset: 'good', gop: 18, quality: 90 },
        rate: { numerator: 24_000, denominator: 1_001 },
      },
      sound: { frame: 1, first: 1, last: 2, codec: 'aac', kbits: 192, rate: 48_000, channels: 2 },
      notes: [],
    })
  })

  test('has its bit rates where it gives those', () => {
    const { movie } = planned({ crf: null, codec: 'MPEG2', container: 'MPEG2' })
    expect(movie).toMatchObject({ container: 'mpeg2', codec: 'mpeg2', bitrates: FOUND.bitrates })
    expect(movie).not.toHaveProperty('crf')
  })

  test.each([
    ['WEBM', 'WEBM', undefined],
    ['QUICKTIME', 'PRORES', '4444'],
    ['QUICKTIME', 'QTRLE', undefined],
    ['QUICKTIME', 'PNG', undefined],
    ['MKV', 'FFV1', undefined],
  ])('keeps the alpha channel in %s with %s %s', (container, codec, proresProfile) => {
    const found = {
      container,
      codec,
      colorMode: 'RGBA',
      ...(proresProfile === undefined ? {} : { proresProfile }),
    } as const
    expect(planned({ ...found, hasSound: false })).toMatchObject({ movie: { alpha: true }, notes: [] })
  })

  test.each([
    ['H264', undefined],
    ['PRORES', '422_HQ'],
  ])('is told to lose it with %s %s', (codec, proresProfile) => {
    const found = {
      container: 'QUICKTIME',
      codec,
      colorMode: 'RGBA',
      ...(proresProfile === undefined ? {} : { proresProfile }),
    } as const
    const { movie, notes } = planned(found)
    expect(movie?.alpha).toBe(false)
    expect(notes).toEqual([expect.stringMatching(/no alpha channel, because its codec/)])
  })

  test.each([
    [{ codec: 'NONE' }, 'mp4', 'h264', /codec NONE, .* becomes H\.264/],
    [{ codec: 'DV', container: 'DV' }, 'mkv', 'h264', /720x576 or 720x480 px only/],
    [{ codec: 'DNXHD', container: 'QUICKTIME' }, 'mov', 'h264', /256x120 px at least/],
    [{ codec: 'H264', container: 'WEBM' }, 'mkv', 'h264', /WEBM cannot have the codec H264/],
  ])('is the nearest where it cannot be had, and says so: %o', (found, container, codec, words) => {
    const { movie, notes } = planned(found)
    expect(movie).toMatchObject({ container, codec })
    expect(notes[0]).toMatch(words)
  })

  test('has even sizes where its codec wants them, and says so', () => {
    expect(planned({}, { width: 35 }).notes).toEqual([expect.stringMatching(/has 36x48 px/)])
    expect(planned({ codec: 'PNG', container: 'QUICKTIME' }, { width: 35 }).notes).toEqual([])
  })

  test('of images is a plain video, if one is asked for', () => {
    expect(planMovie({ ...PLAN }, undefined, [1])).toEqual({
      change: { video: 'mp4' },
      notes: [expect.stringMatching(/writes images and no movie/)],
    })
    expect(planMovie({ ...PLAN, video: 'mp4' }, undefined, [1])).toEqual({ change: {}, notes: [] })
  })
})

describe('the sound of a video', () => {
  test('is mixed over the frames of the job, beside the first of them', () => {
    expect(planned({}, {}, [7, 8, 20]).sound).toMatchObject({ frame: 7, first: 7, last: 20 })
    expect(planned({}, {}, [-3, -2, 4]).sound).toMatchObject({ frame: -3, first: 4, last: 4 })
  })

  test('is that of the scene in a video of another kind, too', () => {
    expect(planned({}, { video: 'webm' })).toEqual({
      sound: expect.objectContaining({ codec: 'opus' }),
      notes: ['sound of AAC does not go into webm: it becomes opus'],
    })
  })

  test('is left out where there is nothing to hear, no codec for it, no video, or the job wants none', () => {
    expect(planned({ hasSound: false })).not.toHaveProperty('sound')
    expect(planned({ audio: { ...FOUND.audio, codec: 'NONE' } })).not.toHaveProperty('sound')
    expect(planned({}, { video: 'none' })).toEqual({ notes: [] })
    expect(planned({}, { audio: 'none' }).notes).toEqual(['the video has no sound, as the job asks'])
    expect(planned({}, { audio: 'none' })).not.toHaveProperty('sound')
  })

  test('that was asked for and is not there is told', () => {
    expect(planned({ audio: { ...FOUND.audio, codec: 'NONE' } }, { audio: 'scene' }).notes).toEqual([
      expect.stringMatching(/no sound: the scene sets no audio codec/),
    ])
  })
})
