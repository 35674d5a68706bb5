import { describe, expect, it } from 'vitest'
import { counts, markdown } from '../../try-scenes/table.ts'
import type { Row } from '../../try-scenes/record.ts'
import { readOptions } from '../../try-scenes/options.ts'
import { bareSettings, cheapSettings, firstFrames, framesOutOfOrder } from '../../try-scenes/settings.ts'
import type { JobPlan } from '../../../shared/protocol/job.ts'
import type { SceneSettings } from '../../../shared/protocol/scene-facts.ts'

const scene = (parts: object): SceneSettings =>
  ({
    frameStart: 1,
    frameEnd: 250,
    resolutionX: 1920,
    resolutionY: 1080,
    resolutionPercentage: 100,
    engine: 'CYCLES',
    cycles: { samples: 128 },
    eeveeSamples: 64,
    output: { fileFormat: 'PNG' },
    ...parts,
  }) as SceneSettings
const plan = (format: string): JobPlan => ({ format }) as JobPlan

describe('frames to try', () => {
  it('go back and forth, and do not lie far from the first', () => {
    expect(framesOutOfOrder(scene({}))).toEqual([25, 1, 13])
    expect(framesOutOfOrder(scene({ frameStart: 7, frameEnd: 8 }))).toEqual([8, 7])
  })

  it('are a still twice', () => {
    expect(framesOutOfOrder(scene({ frameEnd: 1 }))).toEqual([1, 1])
    expect(firstFrames(scene({ frameEnd: 1 }))).toBeUndefined()
  })
})

describe('a scene made cheap', () => {
  it('has the pixels and samples that were asked for, at most', () => {
    expect(cheapSettings(scene({}), { pixels: 160, samples: 4 })).toEqual({ resolution: { percentage: 8 }, samples: 4 })
    expect(
      cheapSettings(scene({ resolutionX: 64, resolutionY: 36, cycles: { samples: 2 } }), { pixels: 160, samples: 4 }),
    ).toEqual({})
    expect(cheapSettings(scene({ engine: 'BLENDER_WORKBENCH' }), { pixels: 160, samples: 4 })).toEqual({
      resolution: { percentage: 8 },
    })
  })

  it('is rendered bare in the format that is delivered, and says so where that is another', () => {
    expect(bareSettings({ samples: 4, resolution: { percentage: 8 } }, scene({}), plan('png'))).toEqual({
      settings: { samples: 4, percentage: 8 },
    })
    expect(bareSettings({}, scene({ output: { fileFormat: 'FFMPEG' } }), plan('png'))).toEqual({
      settings: { still: 'PNG' },
      remark: 'delivered as PNG, the scene says FFMPEG',
    })
    expect(bareSettings({}, scene({ output: { fileFormat: 'TARGA' } }), plan('targa'))).toEqual({ settings: {} })
  })
})

describe('what is typed and printed', () => {
  it('takes several Blenders and one folder', () => {
    expect(readOptions(['/scenes', '--blender', 'blender', '--blender', '/bpy/bin/python'])).toMatchObject({
      folder: '/scenes',
      blenders: ['blender', '/bpy/bin/python'],
      pixels: 160,
    })
    expect(readOptions(['/scenes']).blenders).toEqual(['blender'])
    expect(() => readOptions([])).toThrow(/0 folders were named; name one. usage: npm run try-scenes/)
    expect(() => readOptions(['/scenes', '--seconds', '1.5'])).toThrow(/--seconds 1.5: a whole number/)
  })

  it('begins with what is wrong', () => {
    const row = (name: string, verdict: Row['verdict'], pixels = 0): Row => ({
      scene: name,
      split: 'whole',
      verdict,
      blender: '3.4.1',
      frames: [3, 1],
      pixels,
      files: 2,
      largest: pixels / 10,
      words: ['a | b'],
    })
    const rows = [row('one', 'exact'), row('two', 'different', 5), row('three', 'failed')]
    expect(markdown(rows).split('\n').slice(2)).toEqual([
      '| three | 3.4.1 | whole | failed | 3, 1 | 0 in 2 files | a / b |',
      '| two | 3.4.1 | whole | different | 3, 1 | 5 in 2 files, by 0.50 | a / b |',
      '| one | 3.4.1 | whole | exact | 3, 1 | 0 in 2 files | a / b |',
    ])
    expect(counts(rows)).toBe('1 exact, 1 different, 1 failed')
  })
})
