import { describe, expect, test } from 'vitest'
import { takeInspected } from '../../../../shared/domain/task/inspected.ts'
import { grantLease } from '../../../../shared/domain/task/grant-lease.ts'
import { INSPECT_TASK_ID } from '../../../../shared/protocol/ids.ts'
import { JobRecord } from '../../../../shared/protocol/job.ts'
import { TaskRecord } from '../../../../shared/protocol/task.ts'
import { NOW, aJob, aPlan, anInspection, aTask, leasedTo, worker } from '../records.ts'

const ann = worker('ann')
const plan = aPlan({ width: 640, height: 360 })
const job = aJob({ state: 'inspecting', plan, tasksPlanned: 0 })
const task = leasedTo(ann, { id: INSPECT_TASK_ID, kind: 'inspect' })
const take = (inspection = anInspection(), of = job, record = task) =>
  takeInspected(of, record, {
    scene: {},
    workerId: ann,
    epoch: 1,
    told: { inspection, seconds: 2, blenderVersion: '3.4.1' },
    now: NOW,
  })

describe('what a worker found in a scene', () => {
  test('lets its job be planned, and counts as work', () => {
    const taken = take()
    if (!taken.ok) throw new Error(taken.detail)
    expect(JobRecord.parse(taken.job)).toMatchObject({ state: 'planning', plan })
    expect(TaskRecord.parse(taken.tasks?.[0])).toMatchObject({
      state: 'completed',
      canonical: { taskId: INSPECT_TASK_ID, epoch: 1 },
      attempts: [{ outcome: 'rendered', renderSeconds: 2 }],
    })
    expect(taken.effects).toEqual([{ type: 'credit_worker', workerId: ann, completed: 1 }])
  })

  test('ends its job early where it stands in the way', () => {
    const tiled = aJob({ ...job, plan: aPlan({ ...plan, tiles: { columns: 2, rows: 2, overscanPx: 0 } }) })
    const taken = take(anInspection({ tiling: { exact: false, overscanPx: 0, reasons: ['of glow'] } }), tiled)
    expect(taken).toMatchObject({
      ok: true,
      job: { state: 'failed', failure: { code: 'tiles_not_exact', message: expect.stringMatching(/of glow/) } },
      tasks: [{ state: 'completed' }],
    })
  })

  test('said twice changes nothing', () => {
    const first = take()
    const [after] = first.ok ? (first.tasks ?? []) : []
    expect(take(anInspection(), aJob({ ...job, state: 'active' }), after)).toEqual({ ok: true })
  })

  test('of another scene than was asked is no result, nor by another Blender than the worker has', () => {
    expect(take(anInspection({ scene: 'Another' }))).toMatchObject({ ok: false, code: 'result_invalid' })
    expect(take(anInspection({ blenderVersion: '99.0.0' }))).toMatchObject({ ok: false, code: 'result_invalid' })
  })

  test('binds the job to the Blender that looked, and to the denoiser where the scene is denoised', () => {
    expect(take()).toMatchObject({ job: { requirement: { blenderVersionMin: '3.4.1', blenderVersionMax: '3.4.1' } } })
    const denoised = take(
      anInspection({ denoiser: 'here' }),
      aJob({ ...job, requirement: { tags: ['studio-a'], blenderVersionMin: '3.4' } }),
    )
    expect(denoised).toMatchObject({
      job: {
        state: 'planning',
        requirement: { tags: ['studio-a'], blenderVersionMin: '3.4.1', blenderVersionMax: '3.4.1', denoiser: true },
      },
    })
    expect(denoised.ok && denoised.job?.plan.notes).toContainEqual(expect.stringContaining('OpenImageDenoise'))
  })

  test(
    'does not count where the scene is denoised and that Blender cannot: ' +
      'one that can looks again, and nobody is blamed',
    () => {
      const taken = take(anInspection({ denoiser: 'missing' }))
      if (!taken.ok) throw new Error(taken.detail)
      expect(JobRecord.parse(taken.job)).toMatchObject({
        state: 'inspecting',
        plan: job.plan,
        requirement: { denoiser: true },
      })
      expect(taken.tasks).toMatchObject([{ state: 'queued', avoid: [], attempts: [{ outcome: 'released' }] }])
      expect(taken.effects).toEqual([{ type: 'announce_work' }])
    },
  )

  test(
    'is refused from whoever does not hold the lease, of a task that ' +
      'is no inspection, and for a job that is past it',
    () => {
      expect(
        takeInspected(job, task, {
          scene: {},
          workerId: worker('bob'),
          epoch: 1,
          told: { inspection: anInspection(), seconds: 1, blenderVersion: '3.4.1' },
          now: NOW,
        }),
      ).toMatchObject({ ok: false, code: 'lease_unknown' })
      expect(take(anInspection(), job, leasedTo(ann))).toMatchObject({ ok: false, code: 'result_invalid' })
      expect(take(anInspection(), aJob({ state: 'canceled' }))).toMatchObject({ ok: false, code: 'lease_stale' })
    },
  )
})

test('an inspection is leased while the job is inspecting, and nothing else is', () => {
  const queued = aTask({ id: INSPECT_TASK_ID, kind: 'inspect' })
  expect(grantLease(job, queued, { workerId: ann, others: [], now: NOW }).ok).toBe(true)
  expect(grantLease(job, aTask(), { workerId: ann, others: [], now: NOW })).toMatchObject({
    ok: false,
    code: 'conflict',
  })
  expect(grantLease(aJob(), queued, { workerId: ann, others: [], now: NOW })).toMatchObject({
    ok: false,
    code: 'conflict',
  })
})
