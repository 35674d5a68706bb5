import { describe, expect, test } from 'vitest'
import { applyInspection } from '../../../../shared/domain/splitting/apply-inspection.ts'
import { inspectionOf, planJob } from '../../../../shared/domain/splitting/plan-job.ts'
import type { Inspection } from '../../../../shared/protocol/inspection.ts'
import { JobPlan, type JobRequest } from '../../../../shared/protocol/job.ts'
import { LIMITS } from '../../../../shared/protocol/limits.ts'
import { HASH, aScene, aSceneInspection, anInspection } from '../records.ts'

type Missing = Inspection['missingFiles'][number]
const WOOD: Missing = { kind: 'image', path: '//wood.png', effect: 'picture', usedBy: 'material "Floor"' }
const ONCE_THERE = [{ path: '//wood.png', reason: 'not packed' }]

function planOf(request: Omit<JobRequest, 'scene'> = {}, missingFiles = ONCE_THERE): JobPlan {
  const planned = planJob({ scene: HASH, ...request }, aScene({}, { missingFiles }))
  if (!planned.ok) throw new Error(planned.detail)
  return planned.plan
}

function after(missingFiles: Missing[], request: Omit<JobRequest, 'scene'> = {}, change: Partial<Inspection> = {}) {
  return applyInspection(planOf(request), {}, anInspection({ missingFiles, ...change }))
}

function detail(result: ReturnType<typeof after>): string {
  return result.ok ? '' : result.detail
}

function notes(result: ReturnType<typeof after>): string {
  return result.ok ? result.plan.notes.join() : ''
}

describe('before Blender has looked', () => {
  test('files that seem to be missing are a warning, which goes once it has', () => {
    expect(planOf().notes).toEqual([expect.stringMatching(/^may be missing: \/\/wood\.png \(not packed\)/)])
    expect(notes(after([]))).not.toMatch(/wood/)
  })

  test('the warning fits into the record, however long the paths are, and counts the rest', () => {
    const many = Array.from({ length: 40 }, (_, index) => ({ path: `//${index}${'/deep'.repeat(200)}`, reason: 'x' }))
    const plan = planOf({}, many)
    expect(JobPlan.safeParse(plan).success).toBe(true)
    expect(plan.notes[0]).toMatch(/ and 28 more\./)
  })
})

describe('a file that changes the picture and is not here', () => {
  test('is refused with what uses it', () => {
    expect(after([WOOD])).toMatchObject({ ok: false, code: 'scene_missing_files' })
    expect(detail(after([WOOD]))).toMatch(
      /^a file that the picture needs is not here:\n {2}\/\/wood\.png: image of material "Floor"\n/,
    )
  })

  test('is a note where that was allowed', () => {
    expect(notes(after([WOOD], { allowMissingFiles: true }))).toMatch(/^rendered although a file .*\n.*wood/)
  })

  test('comes before those that change nothing, of which there is only a note', () => {
    const spare: Missing = { kind: 'image', path: '//spare.png', effect: 'nothing' }
    expect(detail(after([spare, WOOD]))).not.toMatch(/spare/)
    expect(notes(after([spare]))).toMatch(/nothing that is rendered uses them: \/\/spare\.png/)
  })

  test('with an absolute path is told to be on one machine only', () => {
    expect(detail(after([{ ...WOOD, path: '/home/ann/wood.png' }]))).toMatch(/your machine only/)
    expect(detail(after([WOOD]))).not.toMatch(/your machine only/)
  })

  test('is one of many: a line each, and a count of the rest', () => {
    const many = Array.from({ length: 50 }, (_, index) => ({ ...WOOD, path: `//${index}${'/deep'.repeat(99)}` }))
    const text = detail(after(many, {}, { missingForPicture: 70 }))
    expect(text).toMatch(/^70 files/)
    expect(text).toMatch(/\n {2}and 58 more\n/)
    expect(text.length).toBeLessThan(LIMITS.messageLengthMax)
  })

  test('is no reason to refuse where it is a sound', () => {
    expect(notes(after([{ kind: 'sound', path: '//hum.wav', effect: 'sound' }]))).toMatch(/will not be heard: \/\/hum/)
  })
})

describe('a member of a set', () => {
  const member: Missing = { ...WOOD, path: '//fire_0003.png', frames: '3-5', count: 3 }

  test('is demanded by the frames that show it, and named with these', () => {
    expect(detail(after([member], { frames: '4-9' }))).toMatch(/fire_0003\.png: image .*first of 3 files, frame 4-5\n/)
    expect(after([member], { frames: '6-9' }).ok).toBe(true)
  })

  test('makes another look necessary for frames that were not looked at', () => {
    const scene = aScene({}, { inspections: [aSceneInspection({ framesLooked: '1-10' })] })
    expect(inspectionOf(scene, planOf({ frames: '2-3' }))).toBeDefined()
    expect(inspectionOf(scene, planOf({ frames: '9-11' }))).toBeUndefined()
  })

  test('is named with its tiles', () => {
    expect(detail(after([{ ...WOOD, tiles: '1003' }]))).toMatch(/tile 1003/)
  })
})
