import { describe, expect, test } from 'vitest'
import { describePlan, type PlanDescription } from '../../../../shared/domain/splitting/describe-plan.ts'
import { PlanView } from '../../../../shared/protocol/plan.ts'
import type { JobRequest } from '../../../../shared/protocol/job.ts'
import { HASH, aScene, aSceneInspection } from '../records.ts'

function described(request: Omit<JobRequest, 'scene'> = {}, ...scene: Parameters<typeof aScene>): PlanDescription {
  const found = describePlan({ scene: HASH, ...request }, aScene(...scene))
  if (!found.ok) throw new Error(found.detail)
  PlanView.parse({ ...found.plan, estimate: null })
  return found.plan
}

describe('a plan shows', () => {
  test('tasks of whole frames, and the inspection that comes first', () => {
    expect(described({ frames: '1-10', auditRate: 0.2 })).toMatchObject({
      tasks: { inspect: 1, render: 10, finish: 0, audits: 2, rule: 'a task for each frame' },
      tiles: [],
      inspected: null,
      exactness: { exact: true },
    })
    expect(described({}, {}, { inspections: [aSceneInspection()] })).toMatchObject({
      tasks: { inspect: 0 },
      inspected: { by: 'wrk_seer', blenderVersion: '3.4.1' },
    })
  })

  test('tiles with their windows, in pixels of the whole image, and a finish for each frame', () => {
    const border = { used: true, crop: false, xMin: 0.25, xMax: 0.75, yMin: 0.5, yMax: 1 }
    const plan = described({ frames: '1-2', tiles: { columns: 2, rows: 1 }, auditRate: 1 }, { border })
    expect(plan.tasks).toMatchObject({ render: 4, finish: 2, audits: 6 })
    expect(plan.tiles).toEqual([
      { placement: { x: 160, y: 0, width: 160, height: 180 }, window: { x: 160, y: 0, width: 168, height: 180 } },
      { placement: { x: 320, y: 0, width: 160, height: 180 }, window: { x: 312, y: 0, width: 168, height: 180 } },
    ])
  })

  test('no audits where none are wanted, and one at least where some are', () => {
    expect(described({ auditRate: 0 }).tasks.audits).toBe(0)
    expect(described({ frames: '1', auditRate: 0.01 }).tasks.audits).toBe(1)
  })

  test('why frames are not split, and that one task has them all', () => {
    const scene = {
      inspections: [
        aSceneInspection({
          history: [{ object: 'Flag', kind: 'cloth' }],
          tiling: { exact: false, overscanPx: 0, reasons: ['simulations are not baked'] },
        }),
      ],
    }
    const plan = described({}, {}, scene)
    expect(plan.tasks).toMatchObject({ render: 1, rule: expect.stringMatching(/all 10 frames are one task/) })
    expect(plan.exactness.tiles).toEqual({ exact: false, overscanPx: 8, reasons: ['simulations are not baked'] })
  })

  test('what makes even whole frames differ from run to run', () => {
    const plan = described({}, {}, { inspections: [aSceneInspection({ burnsStamp: true, timeLimitSeconds: 5 })] })
    expect(plan.exactness).toMatchObject({
      exact: false,
      why: [expect.stringMatching(/burned/), expect.stringMatching(/time limit/)],
    })
  })
})

describe('a request that would be refused', () => {
  test('for its tiles is planned without them, and told', () => {
    const plan = described({ tiles: { columns: 2, rows: 2 } }, { hasSequencerStrips: true })
    expect(plan).toMatchObject({
      refusal: { code: 'tiles_not_exact' },
      tiles: [],
      tasks: { render: 10 },
      exactness: { tiles: { exact: false, reasons: [expect.stringMatching(/sequencer/)] } },
    })
  })

  test('for missing files lists those that Blender found, in the place of what the file seemed to lack', () => {
    const scene = {
      missingFiles: [{ path: '//wood.png', reason: 'not packed' }],
      inspections: [aSceneInspection({ missingFiles: [{ kind: 'font', path: '//a.ttf' }] })],
    }
    const plan = described({}, {}, scene)
    expect(plan.refusal?.code).toBe('scene_missing_files')
    expect(plan.missingFiles.map((file) => file.path)).toEqual(['//a.ttf'])
  })

  test('for both tells the first and is still planned', () => {
    const plan = described(
      { tiles: { columns: 2, rows: 2 } },
      { hasSequencerStrips: true },
      { inspections: [aSceneInspection({ missingFiles: [{ kind: 'font', path: '//a.ttf' }] })] },
    )
    expect(plan).toMatchObject({ refusal: { code: 'tiles_not_exact' }, tiles: [], missingFiles: [{ path: '//a.ttf' }] })
  })

  test('for anything else is refused as a submission would be', () => {
    expect(describePlan({ scene: HASH, frames: 'x' }, aScene())).toMatchObject({ ok: false, code: 'frames_invalid' })
  })
})
