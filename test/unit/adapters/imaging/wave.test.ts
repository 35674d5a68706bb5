import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { farmImaging } from '../../../../shared/adapters/imaging/imaging.ts'
import { cutWave, readWave, sameWave } from '../../../../shared/adapters/imaging/wave.ts'
import { waveFile } from './waves.ts'

const RATE = { numerator: 10, denominator: 1 }

let folder: string
let path: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilework-wave-'))
  path = join(folder, 'sound.wav')
})

afterEach(() => rm(folder, { recursive: true, force: true }))

async function samplesAfter(frames: readonly number[], first: number, rate = RATE): Promise<number[]> {
  const output = join(folder, 'cut.wav')
  expect(await cutWave(path, output, { frames, first, rate })).toEqual({ ok: true })
  const wave = await readWave(output)
  if (!wave.ok) throw new Error(wave.message)
  const bytes = await readFile(output)
  expect(bytes.length).toBe(wave.start + wave.bytes)
  return Array.from({ length: wave.bytes / 2 }, (_, index) => bytes.readInt16LE(wave.start + 2 * index))
}

describe('a sound cut to the frames of a movie', () => {
  // A hundred samples a second and ten frames: ten samples a frame, numbered from 1.
  const counting = Array.from({ length: 50 }, (_, index) => index + 1)
  const of = (frame: number) => Array.from({ length: 10 }, (_, index) => frame * 10 + index + 1)

  test('has as much of each frame as that is shown, with gaps and in their order', async () => {
    await writeFile(path, waveFile(counting, { rate: 100 }))
    expect(await samplesAfter([5, 6, 9], 5)).toEqual([...of(0), ...of(1), ...of(4)])
  })

  test('is silent before and behind what was mixed', async () => {
    await writeFile(path, waveFile(counting, { rate: 100 }))
    const silence = Array.from({ length: 10 }, () => 0)
    expect(await samplesAfter([3, 4, 5, 9, 10], 5)).toEqual([...silence, ...silence, ...of(0), ...of(4), ...silence])
  })

  test('never drifts from the picture, at 23.976 frames a second either', async () => {
    const rate = { numerator: 24_000, denominator: 1_001 }
    await writeFile(
      path,
      waveFile(
        Array.from({ length: 1_000 }, (_, index) => index),
        { rate: 1_000 },
      ),
    )
    const frames = Array.from({ length: 20 }, (_, index) => index + 1)
    expect(await samplesAfter(frames, 1, rate)).toHaveLength(Math.round((20 * 1_001 * 1_000) / 24_000))
    // Each frame alone: together they are as long.
    expect(
      await samplesAfter(
        frames.map((frame) => 2 * frame - 1),
        1,
        rate,
      ),
    ).toHaveLength(834)
  })
})

describe('a sound', () => {
  test.each([
    ['no WAV file', Buffer.from('hello'), 'corrupt', /no WAV file/],
    ['one that is cut off', waveFile([1, 2, 3]).subarray(0, 46), 'corrupt', /cut off/],
    ['one without samples', waveFile([]).subarray(0, 36), 'corrupt', /no samples/],
    ['one of 24 bits', waveFile([1, 2], { bits: 24 }), 'unsupported', /16 bits/],
  ])('is refused where it is %s', async (_what, bytes, code, words) => {
    await writeFile(path, bytes)
    expect(await readWave(path)).toMatchObject({ ok: false, code, message: expect.stringMatching(words) })
  })

  test('must have the rate and channels of the plan', async () => {
    await writeFile(path, waveFile([1, 2], { rate: 44_100 }))
    expect(await farmImaging.checkSound(path, { rate: 44_100, channels: 1 })).toMatchObject({ ok: true })
    expect(await farmImaging.checkSound(path, { rate: 48_000, channels: 2 })).toMatchObject({
      ok: false,
      message: 'the sound has 1 channel(s) of 44100 samples per second, not 2 of 48000',
    })
  })

  test('is the same as another whose samples are rounded otherwise, and as no other', async () => {
    const other = join(folder, 'other.wav')
    await writeFile(path, waveFile([100, -200, 300]))
    for (const [samples, same] of [
      [[100, -200, 300], true],
      [[101, -202, 300], true],
      [[103, -200, 300], false],
      [[100, -200], false],
    ] as const) {
      await writeFile(other, waveFile(samples))
      expect(await sameWave(path, other)).toEqual({ ok: true, same })
    }
  })
})
