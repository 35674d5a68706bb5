import { describe, expect, test } from 'vitest'
import type { Change, Decision } from '../../../../shared/domain/decision.ts'
import { acceptDelivery, commitResult } from '../../../../shared/domain/task/hand-in.ts'
import { cancelTask, expireLease, failAttempt, releaseLease } from '../../../../shared/domain/task/fail-attempt.ts'
import { grantSecondLease, grantLease } from '../../../../shared/domain/task/grant-lease.ts'
import { triesUsed } from '../../../../shared/domain/task/attempts.ts'
import { auditTaskId, renderTaskId } from '../../../../shared/protocol/ids.ts'
import { JOB_STATES } from '../../../../shared/protocol/job.ts'
import { LIMITS } from '../../../../shared/protocol/limits.ts'
import { ATTEMPT_OUTCOMES, TASK_STATES } from '../../../../shared/protocol/task.ts'
import { NOW, aFile, aFinish, aFrame, aJob, aPlan, aTask, anAttempt, leasedTo, worker } from '../records.ts'

const [anna, bert] = [worker('anna'), worker('bert')]
const files = [aFile('final'), aFile('raw')]
const handedIn = (drawn = false) => ({ files, renderSeconds: 2, peakMemoryBytes: 3, drawn })
const delivering = (change: Parameters<typeof aTask>[0] = {}, drawn = false) =>
  leasedTo(anna, { state: 'delivering', attempts: [anAttempt(1, anna, { files, drawnForAudit: drawn })], ...change })
const tiles = aJob({ plan: aPlan({ tiles: { columns: 2, rows: 1, overscanPx: 0 } }) })

function granted(decision: Decision): Change {
  if (!decision.ok) throw new Error(`${decision.code}: ${decision.detail}`)
  return decision
}

describe('a lease', () => {
  test('is granted for a queued task of an active job only, and raises the epoch', () => {
    for (const jobState of JOB_STATES)
      for (const state of TASK_STATES) {
        const decision = grantLease(
          aJob({ state: jobState }),
          aTask({
            state,
            epoch: 2,
            attempts: [anAttempt(1, bert, { outcome: 'failed' }), anAttempt(2, bert, { outcome: 'released' })],
          }),
          { workerId: anna, others: [], now: NOW },
        )
        if (jobState === 'active' && state === 'queued')
          expect(granted(decision).tasks?.[0]).toMatchObject({
            state: 'leased',
            epoch: 3,
            attempts: [{ epoch: 1 }, { epoch: 2 }, { epoch: 3, workerId: anna, outcome: 'running', startedAt: NOW }],
          })
        else expect(decision).toMatchObject({ ok: false, code: 'conflict' })
      }
  })

  test('is not granted to whom the task is not for', () => {
    expect(grantLease(aJob(), aTask({ avoid: [anna] }), { workerId: anna, others: [bert], now: NOW })).toMatchObject({
      ok: false,
      code: 'conflict',
    })
  })
})

describe('a second attempt', () => {
  const slow = leasedTo(anna)

  test('goes to another worker while exactly one is at the task, under an epoch of its own', () => {
    expect(
      granted(grantSecondLease(aJob(), slow, { workerId: bert, others: [anna], now: NOW })).tasks?.[0],
    ).toMatchObject({
      state: 'leased',
      epoch: 2,
      attempts: [
        { workerId: anna, outcome: 'running' },
        { epoch: 2, workerId: bert, outcome: 'running', startedAt: NOW },
      ],
    })
    const twice = leasedTo(anna, { epoch: 2, attempts: [anAttempt(1, anna), anAttempt(2, bert)] })
    expect(grantSecondLease(aJob(), twice, { workerId: worker('carl'), others: [anna, bert], now: NOW })).toMatchObject(
      {
        code: 'conflict',
      },
    )
    for (const state of TASK_STATES.filter((each) => each !== 'leased'))
      expect(grantSecondLease(aJob(), { ...slow, state }, { workerId: bert, others: [anna], now: NOW })).toMatchObject({
        code: 'conflict',
      })
    for (const state of JOB_STATES.filter((each) => each !== 'active'))
      expect(grantSecondLease(aJob({ state }), slow, { workerId: bert, others: [anna], now: NOW })).toMatchObject({
        code: 'conflict',
      })
  })

  test('never goes to who is at it, to who failed it, or to whom an audit must not go', () => {
    expect(grantSecondLease(aJob(), slow, { workerId: anna, others: [bert], now: NOW })).toMatchObject({
      code: 'conflict',
    })
    expect(
      grantSecondLease(aJob(), { ...slow, avoid: [bert] }, { workerId: bert, others: [anna], now: NOW }),
    ).toMatchObject({ code: 'conflict' })
    const audit = leasedTo(anna, {
      id: auditTaskId(renderTaskId(0), 1),
      kind: 'audit',
      audits: renderTaskId(0),
      avoid: [bert],
    })
    expect(grantSecondLease(aJob(), audit, { workerId: bert, others: [anna], now: NOW })).toMatchObject({
      code: 'conflict',
    })
  })

  test('is made only while both may fail within the tries that are left', () => {
    const failed = Array.from({ length: LIMITS.triesPerTaskMax - 1 }, (_, index) =>
      anAttempt(index + 1, worker(`w${index}`), { outcome: 'expired' }),
    )
    const worn = (tries: number) =>
      leasedTo(anna, { epoch: tries + 1, attempts: [...failed.slice(0, tries), anAttempt(tries + 1, anna)] })
    expect(
      grantSecondLease(aJob(), worn(LIMITS.triesPerTaskMax - 2), { workerId: bert, others: [anna], now: NOW }).ok,
    ).toBe(true)
    expect(
      grantSecondLease(aJob(), worn(LIMITS.triesPerTaskMax - 1), { workerId: bert, others: [anna], now: NOW }),
    ).toMatchObject({ code: 'conflict' })
  })

  test('that ends leaves the task with the other, and the other way round; the last to end gives it back', () => {
    const both = leasedTo(anna, { epoch: 2, attempts: [anAttempt(1, anna), anAttempt(2, bert)] })
    const left =
      granted(
        failAttempt(aJob(), both, { workerId: bert, epoch: 2, failure: { code: 'gpu_error', message: '' }, now: NOW }),
      ).tasks?.[0] ?? aTask()
    expect(left).toMatchObject({ state: 'leased', attempts: [{ outcome: 'running' }, { outcome: 'failed' }] })
    expect(granted(expireLease(aJob(), left, 1, NOW)).tasks?.[0]).toMatchObject({
      state: 'queued',
      epoch: 2,
      avoid: [bert, anna],
    })
    expect(granted(releaseLease(aJob(), both, anna, 1, NOW)).tasks?.[0]).toMatchObject({
      state: 'leased',
      attempts: [{ outcome: 'released' }, { outcome: 'running' }],
    })
    expect(granted(expireLease(aJob({ state: 'canceled' }), both, 1, NOW)).tasks?.[0]).toMatchObject({
      state: 'canceled',
      attempts: [{ outcome: 'expired' }, { outcome: 'canceled' }],
    })
    expect(granted(cancelTask(both, NOW, 'enough')).effects).toEqual([
      expect.objectContaining({ workerId: anna, epoch: 1 }),
      expect.objectContaining({ workerId: bert, epoch: 2 }),
    ])
  })
})

describe('a commitment', () => {
  test('cannot be given back: that is a failure of its worker, as if the files had never come', () => {
    const given = granted(releaseLease(aJob(), delivering(), anna, 1, NOW))
    expect(given.tasks?.[0]).toMatchObject({
      state: 'queued',
      avoid: [anna],
      attempts: [{ outcome: 'failed', failure: { code: 'result_withheld' } }],
    })
    expect(given.effects).toContainEqual({ type: 'credit_worker', workerId: anna, failed: 1 })
  })

  test('writes down what was promised and whether it was drawn', () => {
    expect(
      granted(commitResult(aJob(), leasedTo(anna), { workerId: anna, epoch: 1, result: handedIn(true), now: NOW }))
        .tasks?.[0],
    ).toMatchObject({
      state: 'delivering',
      attempts: [{ outcome: 'running', files, renderSeconds: 2, peakMemoryBytes: 3, drawnForAudit: true }],
    })
  })

  test('said twice changes nothing; with other files the second time it is refused', () => {
    expect(commitResult(aJob(), delivering(), { workerId: anna, epoch: 1, result: handedIn(), now: NOW })).toEqual({
      ok: true,
    })
    expect(
      commitResult(aJob(), delivering(), {
        workerId: anna,
        epoch: 1,
        result: { ...handedIn(), files: [files[0] ?? aFile('final'), aFile('raw', 1, { bytes: 99 })] },
        now: NOW,
      }),
    ).toMatchObject({ ok: false, code: 'result_invalid' })
  })

  test('by anybody but the holder of the current epoch of an active job is refused', () => {
    expect(
      commitResult(aJob(), leasedTo(anna), { workerId: bert, epoch: 1, result: handedIn(), now: NOW }),
    ).toMatchObject({ code: 'lease_unknown' })
    expect(
      commitResult(aJob(), leasedTo(anna), { workerId: anna, epoch: 2, result: handedIn(), now: NOW }),
    ).toMatchObject({ code: 'lease_unknown' })
    expect(commitResult(aJob(), aTask(), { workerId: anna, epoch: 1, result: handedIn(), now: NOW })).toMatchObject({
      code: 'lease_unknown',
    })
    for (const outcome of ATTEMPT_OUTCOMES.filter((each) => each !== 'running')) {
      expect(
        commitResult(aJob(), leasedTo(anna, { attempts: [anAttempt(1, anna, { outcome })] }), {
          workerId: anna,
          epoch: 1,
          result: handedIn(),
          now: NOW,
        }),
      ).toMatchObject({ code: 'lease_stale' })
    }
    for (const state of JOB_STATES)
      if (state !== 'active')
        expect(
          commitResult(aJob({ state }), leasedTo(anna), { workerId: anna, epoch: 1, result: handedIn(), now: NOW }),
        ).toMatchObject({ code: 'lease_stale' })
  })

  test('that comes sooner than the job thinks possible is refused, a finish apart', () => {
    const job = aJob({ plan: aPlan({ secondsPerTaskMin: 5 }) })
    expect(
      commitResult(job, leasedTo(anna), { workerId: anna, epoch: 1, result: handedIn(), now: NOW + 4_999 }),
    ).toMatchObject({ code: 'result_invalid', detail: expect.stringMatching(/4.999 s after it was leased/) })
    expect(
      commitResult(job, leasedTo(anna), { workerId: anna, epoch: 1, result: handedIn(), now: NOW + 5_000 }).ok,
    ).toBe(true)
    const finish = aFinish({ state: 'leased', epoch: 1, attempts: [anAttempt(1, anna)] })
    expect(
      commitResult({ ...tiles, plan: { ...tiles.plan, secondsPerTaskMin: 5 } }, finish, {
        workerId: anna,
        epoch: 1,
        result: { ...handedIn(), files: [aFile('final')] },
        now: NOW,
      }).ok,
    ).toBe(true)
  })

  test('of one of two that try the same task overtakes the other, who is told and not blamed', () => {
    const slow = leasedTo(anna, { epoch: 2, attempts: [anAttempt(1, anna), anAttempt(2, bert)] })
    const first = granted(commitResult(aJob(), slow, { workerId: anna, epoch: 1, result: handedIn(), now: NOW }))
    expect(first.tasks?.[0]).toMatchObject({
      state: 'delivering',
      epoch: 2,
      attempts: [
        { outcome: 'running', files },
        { outcome: 'overtaken', endedAt: NOW },
      ],
    })
    expect(first.effects).toEqual([expect.objectContaining({ type: 'cancel_lease', workerId: bert, epoch: 2 })])
    const second = granted(commitResult(aJob(), slow, { workerId: bert, epoch: 2, result: handedIn(), now: NOW }))
    expect(second.tasks?.[0]).toMatchObject({
      state: 'delivering',
      attempts: [{ outcome: 'overtaken' }, { outcome: 'running', files }],
    })
    expect(
      commitResult(aJob(), second.tasks?.[0] ?? aTask(), { workerId: anna, epoch: 1, result: handedIn(), now: NOW }),
    ).toMatchObject({ code: 'lease_stale' })
    const delivered = granted(
      acceptDelivery(aJob(), first.tasks?.[0] ?? aTask(), { frames: [aFrame()], workerId: anna, epoch: 1, now: NOW }),
    )
    expect(delivered.tasks?.[0]).toMatchObject({ state: 'completed', canonical: { epoch: 1 } })
    expect(delivered.effects?.filter((effect) => effect.type === 'credit_worker')).toEqual([
      { type: 'credit_worker', workerId: anna, completed: 1 },
    ])
  })

  test('to files that were not asked for is refused', () => {
    expect(
      commitResult(aJob(), leasedTo(anna), {
        workerId: anna,
        epoch: 1,
        result: { ...handedIn(), files: [aFile('final')] },
        now: NOW,
      }),
    ).toMatchObject({ code: 'result_invalid' })
  })
})

describe('a delivery', () => {
  test('of a whole frame goes on to the assembler and is credited', () => {
    const change = granted(
      acceptDelivery(aJob(), delivering(), { frames: [aFrame()], workerId: anna, epoch: 1, now: NOW }),
    )
    expect(change.tasks?.[0]).toMatchObject({
      state: 'completed',
      canonical: { taskId: renderTaskId(0), epoch: 1 },
      attempts: [{ outcome: 'rendered', endedAt: NOW }],
    })
    expect(change.frames).toEqual([aFrame({ state: 'delivering', tasksLeft: 0 })])
    expect(change.effects).toEqual([
      { type: 'run_step', step: { step: 'deliver', jobId: aJob().id, frame: 1 } },
      { type: 'credit_worker', workerId: anna, completed: 1 },
    ])
  })

  test('of a tile brings its frame one nearer; the last one has it stitched', () => {
    const one = granted(
      acceptDelivery(tiles, delivering({ tile: 0 }), {
        frames: [aFrame({ tasksLeft: 2 })],
        workerId: anna,
        epoch: 1,
        now: NOW,
      }),
    )
    expect(one.frames).toEqual([aFrame({ tasksLeft: 1 })])
    expect(one.effects?.filter((effect) => effect.type === 'run_step')).toEqual([])
    const last = granted(
      acceptDelivery(tiles, delivering({ tile: 1 }), {
        frames: [aFrame({ tasksLeft: 1 })],
        workerId: anna,
        epoch: 1,
        now: NOW,
      }),
    )
    expect(last.frames).toEqual([aFrame({ state: 'stitching', tasksLeft: 0 })])
    expect(last.effects?.[0]).toEqual({ type: 'run_step', step: { step: 'stitch', jobId: aJob().id, frame: 1 } })
  })

  test('of a finish delivers its frame', () => {
    const finish = { ...aFinish(), state: 'delivering' as const, epoch: 1, attempts: [anAttempt(1, anna, { files })] }
    expect(
      granted(
        acceptDelivery(tiles, finish, {
          frames: [aFrame({ state: 'finishing', tasksLeft: 0 })],
          workerId: anna,
          epoch: 1,
          now: NOW,
        }),
      ).frames,
    ).toEqual([aFrame({ state: 'delivering', tasksLeft: 0 })])
  })

  test('that was drawn waits for its audit by somebody else; nothing is credited or assembled yet', () => {
    const change = granted(
      acceptDelivery(aJob(), delivering({}, true), { frames: [aFrame()], workerId: anna, epoch: 1, now: NOW }),
    )
    expect(change.tasks).toMatchObject([
      { state: 'verifying', auditRounds: 1 },
      {
        id: auditTaskId(renderTaskId(0), 1),
        kind: 'audit',
        state: 'queued',
        avoid: [anna],
        audits: renderTaskId(0),
        epoch: 0,
      },
    ])
    expect(change.frames ?? []).toEqual([])
    expect(change.effects).toEqual([{ type: 'announce_work' }])
  })

  test('of an audit has it compared', () => {
    const audit = delivering({ id: auditTaskId(renderTaskId(4), 2), kind: 'audit', audits: renderTaskId(4) })
    expect(
      granted(acceptDelivery(aJob(), audit, { frames: [aFrame()], workerId: anna, epoch: 1, now: NOW })).effects,
    ).toContainEqual({
      type: 'run_step',
      step: { step: 'compare', jobId: aJob().id, taskId: renderTaskId(4), round: 2 },
    })
  })

  test('said twice changes nothing, even after the job went on or ended', () => {
    const done = delivering({ state: 'completed', attempts: [anAttempt(1, anna, { outcome: 'rendered', files })] })
    for (const state of JOB_STATES)
      expect(
        acceptDelivery(aJob({ state }), done, {
          frames: [aFrame({ state: 'delivered', tasksLeft: 0 })],
          workerId: anna,
          epoch: 1,
          now: NOW,
        }),
      ).toEqual({ ok: true })
  })

  test('before its commitment, too late, or for a job that ended is refused', () => {
    expect(
      acceptDelivery(aJob(), leasedTo(anna), { frames: [aFrame()], workerId: anna, epoch: 1, now: NOW }),
    ).toMatchObject({ code: 'result_invalid' })
    expect(
      acceptDelivery(aJob(), delivering({ attempts: [anAttempt(1, anna, { outcome: 'expired' })], state: 'queued' }), {
        frames: [aFrame()],
        workerId: anna,
        epoch: 1,
        now: NOW,
      }),
    ).toMatchObject({ code: 'lease_stale' })
    expect(
      acceptDelivery(aJob({ state: 'canceled' }), delivering(), {
        frames: [aFrame()],
        workerId: anna,
        epoch: 1,
        now: NOW,
      }),
    ).toMatchObject({ code: 'lease_stale' })
    expect(
      acceptDelivery(aJob(), delivering(), { frames: [aFrame()], workerId: bert, epoch: 1, now: NOW }),
    ).toMatchObject({ code: 'lease_unknown' })
  })
})

test('tries count what failed, expired or was rejected, and not what the farm is to blame for', () => {
  const failed = (code: 'gpu_error' | 'upload_failed', epoch: number) =>
    anAttempt(epoch, anna, { outcome: 'failed', failure: { code, message: '' } })
  expect(
    triesUsed(
      aTask({
        attempts: [
          failed('gpu_error', 1),
          failed('upload_failed', 2),
          anAttempt(3, anna, { outcome: 'expired' }),
          anAttempt(4, anna, { outcome: 'released' }),
          anAttempt(5, anna, { outcome: 'rejected' }),
          anAttempt(6, anna),
        ],
      }),
    ),
  ).toBe(3)
})
