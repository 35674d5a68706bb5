import { describe, expect, test } from 'vitest'
import { applyInspection } from '../../../../shared/domain/splitting/apply-inspection.ts'
import { planJob } from '../../../../shared/domain/splitting/plan-job.ts'
import type { Inspection } from '../../../../shared/protocol/inspection.ts'
import { JobPlan, type JobRequest } from '../../../../shared/protocol/job.ts'
import { LIMITS } from '../../../../shared/protocol/limits.ts'
import type { SceneSettings } from '../../../../shared/protocol/scene-facts.ts'
import { HASH, aScene, aSceneInspection, anInspection } from '../records.ts'

const CLOTH = { object: 'Flag', kind: 'cloth' }

function planOf(request: Omit<JobRequest, 'scene'> = {}, settings: Partial<SceneSettings> = {}): JobPlan {
  const planned = planJob({ scene: HASH, ...request }, aScene(settings))
  if (!planned.ok) throw new Error(planned.detail)
  return planned.plan
}

function applied(
  found: Partial<Inspection>,
  request: Omit<JobRequest, 'scene'> = {},
  settings: Partial<SceneSettings> = {},
): JobPlan {
  const plan = applyInspection(planOf(request, settings), {}, anInspection(found, settings))
  if (!plan.ok) throw new Error(`${plan.code}: ${plan.detail}`)
  return JobPlan.parse(plan.plan)
}

function refused(found: Partial<Inspection>, request: Omit<JobRequest, 'scene'> = {}) {
  return applyInspection(planOf(request), {}, anInspection(found))
}

describe('an inspection that finds nothing', () => {
  test('leaves the plan as the file gave it', () => {
    expect(applied({})).toEqual(planOf())
    expect(applied({}, { tiles: { columns: 2, rows: 2 }, chunk: 1 })).toEqual(
      planOf({ tiles: { columns: 2, rows: 2 } }),
    )
  })

  test('and calls everything exact, never makes a plan laxer', () => {
    expect(
      applied({ tiling: { exact: true, overscanPx: 0, reasons: [] } }, { tiles: { columns: 2, rows: 2 } }).tiles
        ?.overscanPx,
    ).toBe(8)
    const denoised = planJob(
      { scene: HASH, tiles: { columns: 2, rows: 2 } },
      aScene({ hasSequencerStrips: true }, { inspections: [aSceneInspection()] }),
    )
    expect(denoised).toMatchObject({ ok: false, code: 'tiles_not_exact' })
  })
})

describe('tiles that Blender says are not exact', () => {
  const found = { tiling: { exact: false, overscanPx: 0, reasons: ['Freestyle draws its lines over the whole image'] } }

  test('are refused with the reason, where tiles were asked for', () => {
    expect(refused(found, { tiles: { columns: 2, rows: 1 } })).toMatchObject({
      ok: false,
      code: 'tiles_not_exact',
      detail: expect.stringMatching(/Freestyle/),
    })
    expect(applied(found).renderTaskCount).toBe(10)
  })

  test('are refused even if the worker gives no reason, or calls unbaked simulations exact', () => {
    expect(
      refused({ tiling: { exact: false, overscanPx: 0, reasons: [] } }, { tiles: { columns: 2, rows: 1 } }),
    ).toMatchObject({ code: 'tiles_not_exact' })
    expect(refused({ history: [CLOTH] }, { tiles: { columns: 2, rows: 1 } })).toMatchObject({
      code: 'tiles_not_exact',
      detail: expect.stringMatching(/cloth of "Flag"/),
    })
  })

  test('have more overscan where Blender asks for it', () => {
    const plan = applied({ tiling: { exact: true, overscanPx: 16, reasons: [] } }, { tiles: { columns: 2, rows: 2 } })
    expect(plan.tiles).toEqual({ columns: 2, rows: 2, overscanPx: 16 })
    expect(plan.notes.join()).toMatch(/16 px/)
  })
})

describe('frames that depend on earlier ones', () => {
  test('become one task, and say so', () => {
    const plan = applied({ history: [CLOTH] }, { frames: '1-10' })
    expect(plan).toMatchObject({ ordered: true, chunk: 10, renderTaskCount: 1, frameCount: 10 })
    expect(plan.notes.join()).toMatch(/cloth of "Flag".*one worker.*bake/)
  })

  test('are refused in EEVEE of 4.2 and later, but for a single frame', () => {
    const found = { history: [CLOTH], engine: 'BLENDER_EEVEE_NEXT', blenderVersion: '4.5.15' }
    const eevee = { frames: '1-10', settings: { engine: 'eevee' as const } }
    expect(refused(found, eevee)).toMatchObject({
      code: 'frames_not_apart',
      detail: expect.stringMatching(/cloth of "Flag".*bake/i),
    })
    expect(applied({ ...found, blenderVersion: '3.4.1' }, eevee)).toMatchObject({
      ordered: true,
      chunk: 10,
    })
  })

  test('are not broken by chunks that were asked for', () => {
    const plan = applied({ history: [CLOTH] }, { frames: '1-10', chunk: 3 })
    expect(plan).toMatchObject({ chunk: 10, renderTaskCount: 1 })
    expect(plan.notes.join()).toMatch(/chunks of 3 frames/)
  })

  test('with gaps between them say what a gap does', () => {
    expect(applied({ history: [CLOTH] }, { frames: '1-10' }).notes.join()).not.toMatch(/anew, as/)
    for (const frames of ['1-3, 7', '1-9:2'])
      expect(applied({ history: [CLOTH] }, { frames }).notes.join()).toMatch(/begins the simulation anew, as/)
  })

  test('fill one task at most, and are refused with the advice to bake beyond it', () => {
    expect(applied({ history: [CLOTH] }, { frames: `1-${LIMITS.framesPerChunkMax}` }).renderTaskCount).toBe(1)
    expect(refused({ history: [CLOTH] }, { frames: `1-${LIMITS.framesPerChunkMax + 1}` })).toMatchObject({
      ok: false,
      code: 'frames_not_apart',
      detail: expect.stringMatching(/Bake/),
    })
  })

  test.each(['rigid bodies', 'soft body', 'geometry nodes simulation', 'something new'])(
    'by %s are refused: rendered in order they are not what Blender shows',
    (kind) => {
      expect(refused({ history: [CLOTH, { object: 'World', kind }] })).toMatchObject({
        ok: false,
        code: 'frames_not_apart',
        detail: expect.stringContaining(kind),
      })
      expect(applied({ history: [{ object: 'World', kind }] }, { frames: '7' })).toMatchObject({
        renderTaskCount: 1,
        frameCount: 1,
      })
    },
  )
})

test('a fluid that is replayed is refused even as a single frame: it shows what was rendered before', () => {
  for (const frames of ['1-10', '7'])
    expect(refused({ history: [{ object: 'Tank', kind: 'replayed fluid' }] }, { frames })).toMatchObject({
      ok: false,
      code: 'frames_not_apart',
      detail: expect.stringMatching(/"Tank".*Modular or All/),
    })
})

describe('what Blender knows better than the file', () => {
  test('a scene without a camera', () => {
    expect(refused({ hasCamera: false })).toMatchObject({ ok: false, code: 'scene_no_camera' })
  })

  test('views that this Blender does not have, where the file says that the scene has them', () => {
    const unknown = { unknownColors: [{ what: 'view' as const, name: 'House Film' }] }
    const color = { display: 'sRGB', view: 'House Film', look: 'None' }
    const plan = planOf()
    expect(applyInspection(plan, aScene({ color }), anInspection(unknown))).toMatchObject({
      ok: false,
      code: 'scene_color_unknown',
      detail: expect.stringContaining('the view "House Film"'),
    })
    expect(applyInspection(plan, {}, anInspection(unknown))).toMatchObject({ code: 'scene_color_unknown' })
    // The one of another scene in the file.
    expect(applyInspection(plan, aScene({ color: { ...color, view: 'Filmic' } }), anInspection(unknown)).ok).toBe(true)
    expect(applied(unknown, { allowMissingFiles: true }).notes.join()).toMatch(/House Film/)
  })

  test('color spaces of images, named with what uses the image', () => {
    expect(
      refused({ unknownColors: [{ what: 'color space', name: 'House', usedBy: 'material "Wall"' }] }),
    ).toMatchObject({ detail: expect.stringContaining('color space "House" of an image of material "Wall"') })
  })

  test("another size than the file says, but for a resolution of the job's own", () => {
    const found = {
      image: { width: 320, height: 180, region: { x: 0, y: 0, width: 320, height: 180 }, cropsToBorder: false },
    }
    expect(refused(found)).toMatchObject({
      ok: false,
      code: 'resolution_invalid',
      detail: expect.stringMatching(/640x360.*320x180/),
    })
    expect(applied(found, { settings: { resolution: { percentage: 50 } } })).toMatchObject({ width: 320 })
  })

  test('the same render region as the file', () => {
    const settings = { border: { used: true, crop: true, xMin: 0.21, xMax: 0.83, yMin: 0.13, yMax: 0.77 } }
    expect(applied({}, {}, settings).region).toEqual(anInspection({}, settings).image.region)
    const moved = anInspection({}, { border: { ...settings.border, crop: true, xMin: 0.22, xMax: 0.84 } })
    expect(applyInspection(planOf({}, settings), {}, moved)).toMatchObject({
      ok: false,
      code: 'resolution_invalid',
    })
  })

  test('more File Output files than a frame may have', () => {
    expect(applied({ fileOutputs: ['Passes'], extraFiles: LIMITS.extraFilesPerFrameMax })).toMatchObject({
      frameCount: 10,
    })
    expect(refused({ fileOutputs: ['Passes'], extraFiles: LIMITS.extraFilesPerFrameMax + 1 })).toMatchObject({
      ok: false,
      code: 'files_too_many',
      detail: expect.stringMatching(/write 251 files beside each frame, 250 is the limit/),
    })
  })

  test('more files than the frames of one task may make together', () => {
    const found = { fileOutputs: ['Passes'], extraFiles: 100 }
    expect(applied(found, { chunk: 4 })).toMatchObject({ chunk: 4 })
    expect(refused(found, { chunk: 5 })).toMatchObject({
      code: 'files_too_many',
      detail: expect.stringMatching(/5 frames in one task make 515 files.*at most 4 frames in a task/),
    })
    const simulated = { ...found, history: [{ object: 'Flag', kind: 'cloth' }] }
    expect(refused(simulated)).toMatchObject({
      code: 'files_too_many',
      detail: expect.stringMatching(/10 frames in one task make 1030 files.*bake the simulations/),
    })
  })

  test('is told in notes where it does not stand in the way', () => {
    const notes = applied({
      leftOut: [{ object: 'Tank', kind: 'fluid' }],
      burnsStamp: true,
      timeLimitSeconds: 30,
      blockedScripts: ['driver of Cube'],
      fileOutputs: ['Depth'],
      gpuCompositor: true,
    }).notes.join('\n')
    for (const word of [
      'the fluid of "Tank", because it is not baked',
      'burned',
      '30 s',
      'driver of Cube',
      'Depth',
      'set to the GPU',
    ])
      expect(notes).toContain(word)
  })
})

describe('what a job names', () => {
  const found = { cameras: ['Front', 'Top'], viewLayers: ['Sky'] }

  test('must be in the scene, else the names there are told', () => {
    expect(refused(found, { settings: { camera: 'Side' } })).toMatchObject({
      code: 'camera_unknown',
      detail: 'settings.camera: scene "Scene" has no camera "Side"; it has "Front", "Top"',
    })
    expect(refused(found, { settings: { viewLayer: 'Ground' } })).toMatchObject({
      code: 'view_layer_unknown',
      detail: expect.stringContaining('it has "Sky"') as string,
    })
    expect(applied(found, { settings: { camera: 'Top', viewLayer: 'Sky' } }).settings).toMatchObject({ camera: 'Top' })
  })

  test('as camera makes up for a scene that has none of its own', () => {
    expect(applied({ ...found, hasCamera: false }, { settings: { camera: 'Top' } }).settings.camera).toBe('Top')
  })

  test('as engine is the one that renders, whichever the file is made for', () => {
    const asked = { settings: { engine: 'workbench' as const } }
    expect(applied({ engine: 'BLENDER_WORKBENCH' }, asked).engine).toBe('BLENDER_WORKBENCH')
    expect(refused({ engine: 'BLENDER_EEVEE' })).toMatchObject({ code: 'engine_unknown' })
  })
})

test('drivers that do not run are named, with what to do', () => {
  expect(applied({ blockedScripts: ['driver of Cube location: beat()'] }).notes.join()).toMatch(
    /what they move stands still: driver of Cube location: beat\(\)\. Bake/,
  )
})
