import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AUDIT_RATE_DEFAULT, planJob } from '../../../../shared/domain/splitting/plan-job.ts'
import { JobPlan, JobRequest } from '../../../../shared/protocol/job.ts'
import { LIMITS } from '../../../../shared/protocol/limits.ts'
import type { SceneSettings } from '../../../../shared/protocol/scene-facts.ts'
import { HASH, aScene, sceneSettings } from '../records.ts'

function planOf(request: Omit<JobRequest, 'scene'> = {}, settings: Partial<SceneSettings> = {}): JobPlan {
  const planned = planJob({ scene: HASH, ...request }, aScene(settings))
  if (!planned.ok) throw new Error(`${planned.code}: ${planned.detail}`)
  return JobPlan.parse(planned.plan)
}

function refusalOf(
  request: Omit<JobRequest, 'scene'>,
  settings: Partial<SceneSettings> = {},
  change: Parameters<typeof aScene>[1] = {},
) {
  return planJob({ scene: HASH, ...request }, aScene(settings, change))
}

describe('what a request leaves out', () => {
  test('comes from the scene', () => {
    const plan = planOf(
      {},
      {
        frameStart: 5,
        frameEnd: 11,
        frameStep: 3,
        fps: 25,
        resolutionX: 1920,
        resolutionY: 1080,
        resolutionPercentage: 50,
        output: { fileFormat: 'OPEN_EXR', colorDepth: 32, colorMode: 'RGBA', path: '//', quality: 90 },
      },
    )
    expect(plan).toMatchObject({
      sceneName: 'Scene',
      frames: '5-11:3',
      frameCount: 3,
      width: 960,
      height: 540,
      format: 'exr',
      fps: 25,
      chunk: 1,
      renderTaskCount: 3,
      auditRate: AUDIT_RATE_DEFAULT,
      video: 'mp4',
      engine: 'CYCLES',
    })
    expect(plan.tiles).toBeUndefined()
    expect(plan.settings.format).toBeUndefined()
  })

  test('makes no video of a still', () => {
    expect(planOf({}, { frameStart: 7, frameEnd: 7 }).video).toBe('none')
    expect(planOf({ frames: '3' }).video).toBe('none')
    expect(planOf({ frames: '3', video: 'webm' }).video).toBe('webm')
  })

  test('is PNG for the frames of a scene that writes a film, with as many bits as that needs', () => {
    const film = { fileFormat: 'FFMPEG', colorMode: 'RGB', path: '//', quality: 90 } as const
    expect(planOf({}, { output: { ...film, colorDepth: 8 } })).toMatchObject({
      format: 'png',
      settings: { format: { file: 'png', colorDepth: '8' } },
    })
    expect(planOf({}, { output: { ...film, colorDepth: 10 } }).settings.format?.colorDepth).toBe('16')
  })

  test('takes the active scene, or the one that was asked for', () => {
    const two = aScene({}, {})
    const scene = {
      ...two,
      facts: { ...two.facts, scenes: [sceneSettings(), sceneSettings({ name: 'Close-up', frameEnd: 2 })] },
    }
    const plan = planJob({ scene: HASH, settings: { scene: 'Close-up' } }, scene)
    expect(plan.ok && plan.plan).toMatchObject({
      sceneName: 'Close-up',
      frameCount: 2,
      settings: { scene: 'Close-up' },
    })
    const other = planJob({ scene: HASH, settings: { scene: 'Missing' } }, scene)
    expect(other).toMatchObject({ ok: false, code: 'scene_not_in_file' })
    expect(!other.ok && other.detail).toMatch(/"Scene", "Close-up"/)
  })
})

describe('the size of the image', () => {
  test.each<[JobRequest['settings'], Partial<SceneSettings>, number, number]>([
    [undefined, {}, 640, 360],
    [{ resolution: { percentage: 33 } }, {}, 211, 118],
    [{ resolution: { width: 100, height: 7 } }, { resolutionPercentage: 50 }, 100, 7],
    [{ resolution: { percentage: 200 } }, { resolutionPercentage: 50 }, 1280, 720],
    [undefined, { border: { used: true, crop: true, xMin: 0.25, xMax: 0.75, yMin: 0.5, yMax: 1 } }, 320, 180],
    [undefined, { border: { used: true, crop: false, xMin: 0.25, xMax: 0.75, yMin: 0.5, yMax: 1 } }, 640, 360],
    [undefined, { border: { used: false, crop: true, xMin: 0.25, xMax: 0.75, yMin: 0.5, yMax: 1 } }, 640, 360],
  ])('%j of %j is %i x %i', (settings, facts, width, height) => {
    expect(planOf(settings === undefined ? {} : { settings }, facts)).toMatchObject({ width, height })
  })

  test.each<[JobRequest['settings'], Partial<SceneSettings>]>([
    [{ resolution: { percentage: 1 } }, { resolutionX: 99, resolutionY: 99 }],
    [{ resolution: { percentage: 32_767 } }, {}],
    [undefined, { resolutionX: 0 }],
    [undefined, { resolutionPercentage: 0 }],
    [undefined, { border: { used: true, crop: true, xMin: 0.5, xMax: 0.5, yMin: 0, yMax: 1 } }],
    [undefined, { border: { used: true, crop: true, xMin: 0.9, xMax: 0.1, yMin: 0, yMax: 1 } }],
  ])('%j of %j is refused', (settings, facts) => {
    expect(refusalOf(settings === undefined ? {} : { settings }, facts)).toMatchObject({
      ok: false,
      code: 'resolution_invalid',
    })
  })
})

describe('a job is refused', () => {
  test('without a camera, with what to do about it', () => {
    const refused = refusalOf({}, { hasCamera: false })
    expect(refused).toMatchObject({ ok: false, code: 'scene_no_camera' })
    expect(!refused.ok && refused.detail).toMatch(/add one in Blender/)
  })

  test.each<[string, Omit<JobRequest, 'scene'>, Partial<SceneSettings>]>([
    ['frames_empty', { frames: ' ' }, {}],
    ['frames_empty', {}, { frameStart: 10, frameEnd: 1 }],
    ['frames_invalid', { frames: 'all' }, {}],
    ['frames_too_many', { frames: '1-1000000000' }, {}],
    ['frames_too_many', {}, { frameStart: 1, frameEnd: 1_000_000 }],
    ['tiles_invalid', { tiles: { columns: 64, rows: 1 }, settings: { resolution: { width: 63, height: 100 } } }, {}],
    ['tiles_invalid', { tiles: { columns: 2, rows: 2 }, chunk: 2 }, {}],
    ['tiles_not_exact', { tiles: { columns: 2, rows: 2 } }, { hasSequencerStrips: true }],
    ['engine_unknown', {}, { engine: 'LUXCORE' }],
    ['engine_unknown', {}, { engine: 'BLENDER_RENDER' }],
    ['ocio_invalid', { settings: { ocio: 'config/aces.ocio' } }, {}],
    ['tiles_not_exact', { tiles: { columns: 2, rows: 2 } }, { hasSequencerStrips: true }],
    ['tiles_not_exact', { tiles: { columns: 2, rows: 2 } }, { hasSequencerStrips: true }],
    ['format_invalid', { settings: { format: { file: 'jpeg', colorDepth: '16' } } }, {}],
    ['format_invalid', { settings: { format: { file: 'exr', colorDepth: '8' } } }, {}],
    ['too_many_tasks', { frames: '1-1000', tiles: { columns: 64, rows: 64 } }, {}],
  ])('%s: %j of %j', (code, request, facts) => {
    const refused = refusalOf(request, facts)
    expect(refused).toMatchObject({ ok: false, code })
    expect(!refused.ok && refused.detail.length).toBeGreaterThan(20)
  })
})

describe('tasks', () => {
  test('are one for each chunk, the last one shorter', () => {
    expect(planOf({ frames: '1-10', chunk: 4 })).toMatchObject({ chunk: 4, renderTaskCount: 3 })
    expect(planOf({ frames: '1-10', chunk: 100 }).renderTaskCount).toBe(1)
  })

  test('are one for each tile of each frame, with overscan where sampling is adaptive', () => {
    expect(planOf({ frames: '1-3', tiles: { columns: 2, rows: 3 } })).toMatchObject({
      renderTaskCount: 18,
      tiles: { columns: 2, rows: 3, overscanPx: 8 },
    })
    expect(
      planOf({ tiles: { columns: 2, rows: 1 } }, { cycles: { useAdaptiveSampling: false } }).tiles?.overscanPx,
    ).toBe(0)
    expect(planOf({ tiles: { columns: 2, rows: 1 } }, { engine: 'BLENDER_EEVEE' }).tiles?.overscanPx).toBe(0)
  })

  test('one tile is no tiles', () => {
    expect(planOf({ tiles: { columns: 1, rows: 1 }, chunk: 2 }).tiles).toBeUndefined()
  })

  test('may be as many as the limit', () => {
    expect(planOf({ frames: `1-${LIMITS.framesPerJobMax}`, tiles: { columns: 5, rows: 2 } }).renderTaskCount).toBe(
      LIMITS.tasksPerJobMax,
    )
  })
})

test('whatever a valid scene and a valid request say, the plan can be stored or the refusal has a code', () => {
  const name = fc.oneof(fc.constant('Scene'), fc.constant(''), fc.constant('x'.repeat(256)))
  const facts = fc.record({
    name,
    frameStart: fc.integer({ min: -20, max: 20 }),
    frameEnd: fc.integer({ min: -20, max: 300_000 }),
    frameStep: fc.integer({ min: -1, max: 5 }),
    fps: fc.double({ min: 1e-9, max: 1e6, noNaN: true }),
    resolutionX: fc.integer({ min: 0, max: 70_000 }),
    resolutionY: fc.integer({ min: 0, max: 70_000 }),
    resolutionPercentage: fc.integer({ min: 0, max: 200 }),
    engine: fc.constantFrom('CYCLES', 'CYCLES', 'BLENDER_EEVEE', '', 'X'),
    cycles: fc.record({
      useAdaptiveSampling: fc.constantFrom(false, false, true),
      samples: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
    }),
  })
  const request = fc.record({
    frames: fc.option(fc.constantFrom('1', '1-10', '-4-4:2', '1-200000', ''), { nil: undefined }),
    chunk: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
    tiles: fc.option(fc.record({ columns: fc.integer({ min: 1, max: 64 }), rows: fc.integer({ min: 1, max: 64 }) }), {
      nil: undefined,
    }),
    sampleRanges: fc.option(fc.integer({ min: 1, max: 256 }), { nil: undefined }),
    auditRate: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
  })
  fc.assert(
    fc.property(facts, request, (settings, asked) => {
      const planned = planJob(
        {
          scene: HASH,
          ...JobRequest.omit({ scene: true })
            .partial()
            .parse(JSON.parse(JSON.stringify({ ...asked, ...(asked.frames === '' ? { frames: ' ' } : {}) }))),
        },
        aScene(settings),
      )
      if (planned.ok) {
        expect(JobPlan.safeParse(JSON.parse(JSON.stringify(planned.plan))).error).toBeUndefined()
        expect(planned.frames.length).toBe(planned.plan.frameCount)
      } else {
        expect(planned.code).not.toBe('internal')
      }
    }),
    { numRuns: 300 },
  )
})
