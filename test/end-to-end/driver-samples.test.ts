// A frame whose samples were rendered in parts, against the same frame rendered in one go.

import { compareVersions } from '../../shared/domain/scheduling/eligibility.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BlenderProcess } from '../../blender-worker/blender/process.ts'
import { mergeSamples } from '../../shared/adapters/imaging/merge-samples.ts'
import { stitchTiles } from '../../shared/adapters/imaging/stitch.ts'
import { type SampleRange, splitSamples } from '../../shared/domain/splitting/samples.ts'
import { type Region, Lab } from '../fixtures/driver/lab.ts'
import { readImage } from '../unit/adapters/imaging/images.ts'

const WHOLE: Region = { x: 0, y: 0, width: 96, height: 54 }
/** Seconds on idle cores; a Blender that compiles its shaders on busy ones takes minutes. */
const TIMEOUT_MS = 480_000
/** Of the larger of the two values, or of this much light where both are darker. Measured: 5e-6 at most. */
const RELATIVE_MAX = 2e-5
const DARK = 1e-3
/** Passes that are those of the first sample: the same bits. */
const OF_FIRST_SAMPLE = /\.(Depth|Position|IndexOB|IndexMA|Object Index|Material Index)\./

let lab: Lab
let blender: BlenderProcess

beforeAll(async () => {
  lab = await Lab.open()
  blender = await lab.start()
}, TIMEOUT_MS)

afterAll(async () => {
  await blender.stop()
  await lab.close()
})

async function part(window: Region, name: string, sampleRange?: SampleRange) {
  const path = lab.path(name)
  const rendered = await blender.run('render', {
    mode: 'tile',
    frame: 1,
    settings: { sampleRange },
    window,
    outputs: { raw: path },
    device: 'CPU',
  })
  if (!rendered.ok) throw new Error(`${rendered.code}: ${rendered.message}`)
  return path
}

async function open(features: string): Promise<void> {
  expect(await blender.run('open', { path: await lab.scene(features) })).toMatchObject({ ok: true })
}

/** The samples of a window in parts, merged. */
async function merged(window: Region, name: string, ranges: readonly SampleRange[]): Promise<string> {
  const parts = []
  for (const [index, range] of ranges.entries())
    parts.push({ path: await part(window, `${name}-part-${index}.exr`, range), samples: range.count })
  const path = lab.path(`${name}-merged.exr`)
  const result = await mergeSamples(parts, path)
  if (!result.ok) throw new Error(result.message)
  return path
}

/** For each channel the largest relative difference. */
async function distance(one: string, other: string): Promise<Map<string, number>> {
  const [a, b] = [await readImage(one), await readImage(other)]
  expect(b.header.channels).toEqual(a.header.channels)
  const [valuesA, valuesB] = [floats(a.pixels), floats(b.pixels)]
  const { width, channels } = a.header
  const found = new Map(channels.map((channel) => [channel.name, 0]))
  for (const [at, value] of valuesA.entries()) {
    const name = channels[Math.floor(at / width) % channels.length]?.name ?? ''
    const other = valuesB[at] ?? Number.NaN
    const relative = Math.abs(value - other) / Math.max(Math.abs(value), Math.abs(other), DARK)
    if (!(relative <= (found.get(name) ?? 0))) found.set(name, relative)
  }
  return found
}

function floats(pixels: Buffer): Float32Array {
  return new Float32Array(pixels.buffer, pixels.byteOffset, pixels.length / 4)
}

describe('samples rendered in parts', () => {
  it('make up every pass of the whole, up to the rounding of sums', { timeout: TIMEOUT_MS }, async () => {
    await open('mergeable-passes,samples-12')
    const whole = await part(WHOLE, 'whole.exr')
    const ranges = splitSamples(12, 5)
    if (!ranges.ok) throw new Error(ranges.detail)
    const found = await distance(whole, await merged(WHOLE, 'fifths', ranges.value))
    expect(found.size).toBeGreaterThan(40)
    for (const [channel, relative] of found) {
      if (OF_FIRST_SAMPLE.test(channel)) expect([channel, relative]).toEqual([channel, 0])
      expect([channel, relative <= RELATIVE_MAX ? 'close' : relative]).toEqual([channel, 'close'])
    }
    // The parts are no copies of one another: each alone is far from the whole.
    const one = await distance(whole, lab.path('fifths-part-1.exr'))
    expect(one.get('ViewLayer.Combined.R')).toBeGreaterThan(0.01)
  })

  it('may be parts of tiles, and are finished like any frame', { timeout: TIMEOUT_MS }, async () => {
    await open('mergeable-passes,samples-12')
    const halves = [
      { x: 0, y: 0, width: 50, height: 54 },
      { x: 50, y: 0, width: 46, height: 54 },
    ]
    const tiles = []
    for (const [index, window] of halves.entries())
      tiles.push({
        path: await merged(window, `half-${index}`, [
          { offset: 0, count: 4 },
          { offset: 4, count: 8 },
        ]),
        placement: window,
        crop: { left: 0, top: 0 },
      })
    const stitched = lab.path('stitched.exr')
    expect(await stitchTiles(tiles, WHOLE, stitched)).toMatchObject({ ok: true })
    const finished = { final: lab.path('finished.png'), raw: lab.path('finished.exr') }
    expect(await blender.run('finish', { frame: 1, stitched, outputs: finished })).toMatchObject({ ok: true })
    expect((await distance(await part(WHOLE, 'again.exr'), finished.raw)).get('ViewLayer.Combined.G')).toBeLessThan(
      RELATIVE_MAX,
    )
  })

  it('leave the scene as it was', { timeout: TIMEOUT_MS }, async () => {
    expect(await blender.run('inspect', {})).toMatchObject({ ok: true, value: { sampling: { samples: 12 } } })
  })
})

describe('refused are', () => {
  it.each([
    ['mergeable-passes,adaptive', 'adaptive sampling'],
    ['mergeable-passes,animated-settings', 'its number of samples is animated'],
  ])('parts of %s', { timeout: TIMEOUT_MS }, async (features, why) => {
    await open(features)
    const refused = await blender.run('render', {
      mode: 'tile',
      frame: 1,
      settings: { sampleRange: { offset: 0, count: 1 } },
      window: WHOLE,
      outputs: { raw: lab.path('none.exr') },
    })
    expect(refused).toMatchObject({
      ok: false,
      code: 'samples_not_splittable',
      blame: 'scene',
      message: expect.stringContaining(why),
    })
  })

  it(
    'parts of a pattern that depends on the number of samples, where Blender cannot be told it',
    { timeout: TIMEOUT_MS },
    async () => {
      await open('mergeable-passes,samples-300')
      const answer = await blender.run('render', {
        mode: 'tile',
        frame: 1,
        settings: { sampleRange: { offset: 0, count: 1 } },
        window: { x: 40, y: 20, width: 4, height: 4 },
        outputs: { raw: lab.path('few.exr') },
      })
      const probed = await blender.run('probe', {})
      if (probed.ok && compareVersions(probed.value.blenderVersion, '4.5') >= 0)
        expect(answer).toMatchObject({ ok: true })
      else
        expect(answer).toMatchObject({
          ok: false,
          code: 'samples_not_splittable',
          message: expect.stringContaining('300'),
        })
    },
  )

  it('samples that the scene does not have, and parts of whole frames', async () => {
    const sampleRange = { offset: 299, count: 2 }
    expect(
      await blender.run('render', {
        mode: 'frame',
        frame: 1,
        settings: { sampleRange },
        outputs: { final: lab.path('no.png') },
      }),
    ).toMatchObject({ ok: false, code: 'bad_command' })
    await open('mergeable-passes,samples-12')
    expect(
      await blender.run('render', {
        mode: 'tile',
        frame: 1,
        settings: { sampleRange: { offset: 11, count: 2 } },
        window: WHOLE,
        outputs: { raw: lab.path('no.exr') },
      }),
    ).toMatchObject({ ok: false, code: 'bad_command', message: expect.stringContaining('the scene has 12') })
  })

  it('at inspection already: all that ranges cannot give, each with its reason', { timeout: TIMEOUT_MS }, async () => {
    const told = async (features: string) => {
      await open(features)
      const found = await blender.run('inspect', {})
      if (!found.ok) throw new Error(found.message)
      return found.value.sampleRanges
    }
    expect(await told('mergeable-passes,samples-12')).toMatchObject({ samples: 12, reasons: [] })
    const reasons = (await told('all-passes,denoise,two-layers,stereo-sides,seen-catcher')).reasons.join('; ')
    for (const why of [
      'Crypto',
      'pass Vector',
      'pass Debug Sample Count',
      'a shadow catcher',
      'samples of its own',
      'several views',
      'denoising',
    ])
      expect(reasons).toContain(why)
  })

  it(
    'parts of a scene whose shadow catcher shows in the image: parts of it do not make up the whole',
    { timeout: TIMEOUT_MS },
    async () => {
      await open('seen-catcher')
      await expect(part(WHOLE, 'catcher.exr', { offset: 0, count: 4 })).rejects.toThrow('shadow catcher')
    },
  )

  it('to be merged: files with Cryptomatte', { timeout: TIMEOUT_MS }, async () => {
    await open('plain')
    await expect(
      merged(WHOLE, 'crypto', [
        { offset: 0, count: 4 },
        { offset: 4, count: 4 },
      ]),
    ).rejects.toThrow('Cryptomatte')
  })
})
