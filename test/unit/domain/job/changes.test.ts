import { describe, expect, test } from 'vitest'
import { changeJob, pauseJob, resumeJob, takeBackRendering } from '../../../../shared/domain/job/changes.ts'
import { actOnJob, mayDispatch } from '../../../../shared/domain/lifecycle/job.ts'
import { acceptDelivery } from '../../../../shared/domain/task/hand-in.ts'
import { grantSecondLease, grantLease } from '../../../../shared/domain/task/grant-lease.ts'
import { JOB_STATES } from '../../../../shared/protocol/job.ts'
import { NOW, aFile, aFrame, aJob, aTask, anAttempt, leasedTo, worker, aPlan } from '../records.ts'

const ANNA = worker('anna')

describe('a paused job', () => {
  const paused = aJob({ pausedAt: NOW })

  test('gives no lease of any kind, and takes what comes in', () => {
    expect(mayDispatch(paused)).toBe(false)
    for (const kind of ['render', 'finish', 'audit'] as const)
      expect(grantLease(paused, aTask({ kind }), { workerId: ANNA, others: [], now: NOW })).toMatchObject({
        ok: false,
        code: 'conflict',
      })
    for (const job of [paused, aJob({ cap: 9 })])
      expect(
        grantSecondLease(job, leasedTo(ANNA), { workerId: worker('bert'), others: [ANNA], now: NOW }),
      ).toMatchObject({
        ok: false,
        code: 'conflict',
      })
    expect(
      grantLease({ ...paused, state: 'inspecting' }, aTask({ kind: 'inspect' }), {
        workerId: ANNA,
        others: [],
        now: NOW,
      }),
    ).toMatchObject({ ok: false })
    const delivering = aTask({
      state: 'delivering',
      epoch: 1,
      attempts: [anAttempt(1, ANNA, { files: [aFile('final'), aFile('raw')] })],
    })
    expect(
      acceptDelivery(paused, delivering, { frames: [aFrame()], workerId: ANNA, epoch: 1, now: NOW }),
    ).toMatchObject({ ok: true, frames: [{ state: 'delivering' }] })
  })

  test.each(JOB_STATES)('may be one that is %s, unless nothing is left to hand out', (state) => {
    const allowed = ['inspecting', 'planning', 'active'].includes(state)
    expect(pauseJob(aJob({ state }), 'ada', NOW)).toMatchObject(
      allowed ? { ok: true, job: { state, pausedAt: NOW } } : { ok: false, code: 'conflict' },
    )
  })

  test('goes on as it was, and neither pausing nor resuming twice changes anything', () => {
    const job = aJob({ cap: 3 })
    const once = pauseJob(job, 'ada', NOW)
    if (!once.ok || once.job === undefined) throw new Error('not paused')
    expect(pauseJob(once.job, 'ada', NOW + 1)).toEqual({ ok: true })
    expect(resumeJob(once.job, 'ada')).toMatchObject({ ok: true, job })
    expect(resumeJob(job, 'ada')).toEqual({ ok: true })
    expect(resumeJob(aJob({ state: 'failed' }), 'ada')).toMatchObject({ ok: false, code: 'conflict' })
  })

  test('is not paused any more when its last frame is delivered, or when it ends', () => {
    expect(actOnJob(paused, 'encode')).not.toHaveProperty('pausedAt')
    expect(actOnJob(paused, 'cancel')).not.toHaveProperty('pausedAt')
    expect(actOnJob({ ...paused, state: 'planning' }, 'activate')).toMatchObject({ state: 'active', pausedAt: NOW })
  })
})

describe('taking back what is rendered', () => {
  test('queues the task again and blames nobody', () => {
    const change = takeBackRendering(leasedTo(ANNA), NOW, 'the job is paused')
    expect(change.tasks).toMatchObject([{ state: 'queued', avoid: [], attempts: [{ outcome: 'canceled' }] }])
    expect(change.effects?.map((effect) => effect.type)).toEqual(['cancel_lease', 'queue_tasks'])
  })

  test('takes back both attempts of a straggler', () => {
    const change = takeBackRendering(
      leasedTo(ANNA, { epoch: 2, attempts: [anAttempt(1, ANNA), anAttempt(2, worker('bert'))] }),
      NOW,
      'the job is paused',
    )
    expect(change.tasks).toMatchObject([
      { state: 'queued', attempts: [{ outcome: 'canceled' }, { outcome: 'canceled' }] },
    ])
    expect(change.effects?.map((effect) => effect.type)).toEqual(['cancel_lease', 'cancel_lease', 'queue_tasks'])
  })

  test('leaves a result that is on its way, and a task that was taken back often', () => {
    expect(takeBackRendering(leasedTo(ANNA, { state: 'delivering' }), NOW, '')).toEqual({ ok: true })
    const often = Array.from({ length: 33 }, (_, index) =>
      anAttempt(index + 1, ANNA, { outcome: index === 32 ? 'running' : 'canceled' }),
    )
    expect(takeBackRendering(aTask({ state: 'leased', epoch: 33, attempts: often }), NOW, '')).toEqual({ ok: true })
  })
})

describe('a change', () => {
  test('is told in the log, and what is so already changes nothing', () => {
    const job = aJob({ cap: 2 })
    const changed = changeJob(job, { priority: 80, cap: null, name: 'night' }, 'ada')
    expect(changed).toMatchObject({
      ok: true,
      job: { priority: 80, name: 'night' },
      events: [
        {
          type: 'job_changed',
          message:
            'changed by ada: name "night" instead of name "a job"; priority 80 instead ' +
            'of priority 50; no cap instead of a cap of 2 task(s) at a time',
        },
      ],
    })
    expect(changed.ok && changed.job).not.toHaveProperty('cap')
    expect(changeJob(job, { priority: 50, cap: 2 }, 'ada')).toEqual({ ok: true })
  })

  test('of the frames keeps to what the sound of the movie was mixed for', () => {
    const sound = { frame: 1, first: 1, last: 9, codec: 'aac', kbits: 192, rate: 48_000, channels: 2 } as const
    const film = aJob({ plan: aPlan({ frames: '1-9', frameCount: 9, renderTaskCount: 9, sound }) })
    expect(changeJob(film, { frames: '1-4,8' }, 'ada')).toMatchObject({ ok: true })
    for (const frames of ['2-9', '1-10'])
      expect(changeJob(film, { frames }, 'ada')).toMatchObject({
        ok: false,
        code: 'frames_not_apart',
        detail: expect.stringMatching(/sound .* mixed from frame 1 to 9, together with frame 1/),
      })
  })

  test('comes too late for a job that is over', () => {
    expect(changeJob(aJob({ state: 'completed' }), { priority: 1 }, 'ada')).toMatchObject({
      ok: false,
      code: 'conflict',
    })
  })
})
