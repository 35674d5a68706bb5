import { describe, expect, test } from 'vitest'
import { applyInspection } from '../../../../shared/domain/splitting/apply-inspection.ts'
import { describePlan } from '../../../../shared/domain/splitting/describe-plan.ts'
import { planJob } from '../../../../shared/domain/splitting/plan-job.ts'
import { RANGES_INEXACT } from '../../../../shared/domain/splitting/samples.ts'
import type { Inspection } from '../../../../shared/protocol/inspection.ts'
import { JobPlan, JobRequest } from '../../../../shared/protocol/job.ts'
import { LIMITS } from '../../../../shared/protocol/limits.ts'
import { PlanView } from '../../../../shared/protocol/plan.ts'
import type { SceneSettings } from '../../../../shared/protocol/scene-facts.ts'
import { HASH, aScene, aSceneInspection, anInspection } from '../records.ts'

const SPLITTABLE: Partial<SceneSettings> = { cycles: { useAdaptiveSampling: false, samples: 64 } }
type Asked = Omit<JobRequest, 'scene'>

function planned(request: Asked, settings = SPLITTABLE, change: Parameters<typeof aScene>[1] = {}) {
  return planJob({ scene: HASH, ...request }, aScene(settings, change))
}

function planOf(request: Asked, settings = SPLITTABLE, change: Parameters<typeof aScene>[1] = {}): JobPlan {
  const found = planned(request, settings, change)
  if (!found.ok) throw new Error(`${found.code}: ${found.detail}`)
  return JobPlan.parse(found.plan)
}

const inspected = (found: Partial<Inspection>, request: Asked = { sampleRanges: 4 }) =>
  applyInspection(planOf(request), {}, anInspection(found, SPLITTABLE))

describe('a job with ranges of samples', () => {
  test('has a task for each range of each frame, put together as one tile', () => {
    expect(planOf({ frames: '1-3', sampleRanges: 4 })).toMatchObject({
      tiles: { columns: 1, rows: 1, overscanPx: 0 },
      samples: { total: 64, ranges: 4 },
      renderTaskCount: 12,
    })
  })

  test('has one for each range of each tile', () => {
    expect(planOf({ frames: '1', tiles: { columns: 2, rows: 1 }, sampleRanges: 3 })).toMatchObject({
      tiles: { columns: 2, rows: 1, overscanPx: 0 },
      samples: { total: 64, ranges: 3 },
      renderTaskCount: 6,
    })
  })

  test('says that it is not bit-identical', () => {
    expect(planOf({ sampleRanges: 2 }).notes).toContain(RANGES_INEXACT)
    const view = describePlan({ scene: HASH, sampleRanges: 2 }, aScene(SPLITTABLE))
    if (!view.ok) throw new Error(view.detail)
    expect(PlanView.parse({ ...view.plan, estimate: null })).toMatchObject({
      exactness: {
        exact: false,
        why: [RANGES_INEXACT, expect.stringContaining('the file alone')],
        samples: { splittable: true, reasons: [] },
      },
      tasks: { finish: 10, rule: expect.stringMatching(/64 samples in 2 ranges.*merged by weight/) },
    })
  })

  test("splits the samples that were asked for, else the scene's own, else those that Blender takes by default", () => {
    expect(planOf({ sampleRanges: 2, settings: { samples: 9 } }).samples).toEqual({ total: 9, ranges: 2 })
    expect(planOf({ sampleRanges: 2 }, { cycles: { useAdaptiveSampling: false } }).samples).toEqual({
      total: 4_096,
      ranges: 2,
    })
  })

  test('is a job like any other when one range is asked for, or nothing is said', () => {
    for (const request of [{}, { sampleRanges: 1 }]) expect(planOf(request)).not.toHaveProperty('samples')
    expect(planOf({ sampleRanges: 1, chunk: 5 })).toMatchObject({ chunk: 5, renderTaskCount: 2 })
    expect(planOf({ sampleRanges: 1 }, {})).not.toHaveProperty('tiles')
  })
})

describe('ranges are refused', () => {
  test.each<[string, Asked, Partial<SceneSettings>, RegExp]>([
    ['samples_not_splittable', { sampleRanges: 2 }, { engine: 'BLENDER_EEVEE' }, /only Cycles.*without sample ranges/],
    [
      'samples_not_splittable',
      { sampleRanges: 2 },
      { cycles: { useAdaptiveSampling: true } },
      /adaptive sampling.*switch it off/,
    ],
    ['samples_not_splittable', { sampleRanges: 2 }, { cycles: {} }, /adaptive sampling/],
    [
      'samples_not_splittable',
      { sampleRanges: 2 },
      { cycles: { useAdaptiveSampling: false, useDenoising: true } },
      /denois.*switch it off/,
    ],
    ['samples_not_splittable', { sampleRanges: 2 }, { ...SPLITTABLE, hasSequencerStrips: true }, /sequencer/],
    ['samples_invalid', { sampleRanges: 65 }, SPLITTABLE, /64 samples cannot be split into 65.*at least one/],
    ['samples_invalid', { sampleRanges: 5, settings: { samples: 4 } }, SPLITTABLE, /4 samples/],
    ['samples_invalid', { sampleRanges: 2, chunk: 2 }, SPLITTABLE, /chunk/],
    [
      'tiles_invalid',
      { sampleRanges: 2, tiles: { columns: 64, rows: 1 }, settings: { resolution: { width: 63, height: 9 } } },
      SPLITTABLE,
      /63x9/,
    ],
    [
      'too_many_tasks',
      { sampleRanges: 64, frames: '1-1000', tiles: { columns: 16, rows: 1 } },
      SPLITTABLE,
      /1024000 tasks.*sample ranges/,
    ],
  ])('%s: %j of %j', (code, request, facts, why) => {
    expect(planned(request, facts)).toMatchObject({ ok: false, code, detail: expect.stringMatching(why) })
  })

  test('by the schema, when there are more than can be merged', () => {
    expect(JobRequest.safeParse({ scene: HASH, sampleRanges: LIMITS.sampleRangesMax + 1 }).success).toBe(false)
    expect(JobRequest.safeParse({ scene: HASH, sampleRanges: 0 }).success).toBe(false)
  })

  test('and a plan is made without them', () => {
    const view = describePlan(
      { scene: HASH, sampleRanges: 2, tiles: { columns: 2, rows: 1 } },
      aScene({ cycles: { useAdaptiveSampling: true } }),
    )
    if (!view.ok) throw new Error(view.detail)
    expect(PlanView.parse({ ...view.plan, estimate: null })).toMatchObject({
      refusal: { code: 'samples_not_splittable' },
      plan: { tiles: { columns: 2 } },
      exactness: { exact: true, samples: { splittable: false, reasons: [expect.stringContaining('adaptive')] } },
    })
    expect(view.plan.plan).not.toHaveProperty('samples')
  })
})

describe('Blender has the last word', () => {
  test('on the number of samples, which the file need not hold', () => {
    const told = inspected({ sampleRanges: { samples: 50, reasons: [] } })
    expect(told).toMatchObject({
      ok: true,
      plan: {
        samples: { total: 50, ranges: 4 },
        notes: expect.arrayContaining([expect.stringContaining('50 samples')]),
      },
    })
    expect(inspected({ sampleRanges: { samples: 3, reasons: [] } })).toMatchObject({
      ok: false,
      code: 'samples_invalid',
    })
    expect(
      inspected({ sampleRanges: { samples: 50, reasons: [] } }, { sampleRanges: 4, settings: { samples: 8 } }),
    ).toMatchObject({ ok: true, plan: { samples: { total: 8, ranges: 4 } } })
  })

  test('which may be animated: then it must be asked for', () => {
    expect(inspected({ sampleRanges: { samples: null, reasons: [] } })).toMatchObject({
      ok: false,
      code: 'samples_not_splittable',
      detail: expect.stringContaining('ask for a number'),
    })
    expect(
      inspected({ sampleRanges: { samples: null, reasons: [] } }, { sampleRanges: 4, settings: { samples: 8 } }),
    ).toMatchObject({ ok: true })
  })

  test('on how many its pattern can be split in', () => {
    expect(inspected({ sampleRanges: { samples: 64, samplesMax: 63, reasons: [] } })).toMatchObject({
      ok: false,
      code: 'samples_not_splittable',
      detail: expect.stringMatching(/more than 63 samples \(64\)/),
    })
    expect(inspected({ sampleRanges: { samples: 64, samplesMax: 64, reasons: [] } })).toMatchObject({ ok: true })
  })

  test.each<[string, Partial<Inspection>]>([
    [
      'what only Blender sees',
      { sampleRanges: { samples: 64, reasons: ['a shadow catcher is a quotient of all samples'] } },
    ],
    ['several views', { stereo: true }],
    [
      'what keeps frames from being put together',
      { tiling: { exact: false, overscanPx: 0, reasons: ['Freestyle draws its lines over the whole image'] } },
    ],
    ['unbaked simulations', { history: [{ object: 'Flag', kind: 'cloth' }] }],
  ])('on %s', (_, found) => {
    expect(inspected(found)).toMatchObject({
      ok: false,
      code: 'samples_not_splittable',
      detail: expect.stringContaining('without sample ranges'),
    })
  })

  test('and tiles are refused as tiles', () => {
    expect(
      inspected(
        { tiling: { exact: false, overscanPx: 0, reasons: ['Freestyle'] } },
        { sampleRanges: 2, tiles: { columns: 2, rows: 1 } },
      ),
    ).toMatchObject({ ok: false, code: 'tiles_not_exact' })
  })

  test('an inspection that did not look for ranges does not count for them: the scene is looked at again', () => {
    const { sampleRanges: _, ...old } = aSceneInspection({}, SPLITTABLE)
    const plan = describePlan({ scene: HASH, sampleRanges: 2 }, aScene(SPLITTABLE, { inspections: [old] }))
    expect(plan).toMatchObject({ ok: true, plan: { inspected: null, tasks: { inspect: 1 } } })
    expect(describePlan({ scene: HASH }, aScene(SPLITTABLE, { inspections: [old] }))).toMatchObject({
      ok: true,
      plan: { tasks: { inspect: 0 } },
    })
    expect(applyInspection(planOf({ sampleRanges: 2 }), {}, old)).toMatchObject({
      ok: false,
      code: 'samples_not_splittable',
      detail: expect.stringContaining('update it'),
    })
  })
})
