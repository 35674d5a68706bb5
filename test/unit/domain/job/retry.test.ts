import { describe, expect, test } from 'vitest'
import { retryJob } from '../../../../shared/domain/job/retry.ts'
import { auditIds, currentAttempts, triesUsed } from '../../../../shared/domain/task/attempts.ts'
import { HISTORY_KEPT, reopenTask } from '../../../../shared/domain/task/reopen.ts'
import { ATTEMPTS_MAX } from '../../../../shared/domain/task/grant-lease.ts'
import { auditTaskId, renderTaskId } from '../../../../shared/protocol/ids.ts'
import { JOB_STATES } from '../../../../shared/protocol/job.ts'
import { LIMITS } from '../../../../shared/protocol/limits.ts'
import { TaskRecord } from '../../../../shared/protocol/task.ts'
import { NOW, aFinish, aJob, aTask, anAttempt, worker } from '../records.ts'

const ANNA = worker('anna')
const expired = (count: number) =>
  Array.from({ length: count }, (_, index) => anAttempt(index + 1, ANNA, { outcome: 'expired' }))

describe('a task that is reopened', () => {
  test('has all its tries back and avoids nobody, and its newest attempts stay as its history', () => {
    const failed = aTask({ state: 'failed', epoch: 20, attempts: expired(20), avoid: [ANNA], note: 'it failed' })
    const [task] = reopenTask(failed).tasks ?? []
    if (task === undefined) throw new Error('not reopened')
    expect(task).toMatchObject({ state: 'queued', epoch: 20, avoid: [], triesFrom: 20 })
    expect(task).not.toHaveProperty('note')
    expect(task.attempts.map(({ epoch }) => epoch)).toEqual(
      expired(20)
        .slice(-HISTORY_KEPT)
        .map(({ epoch }) => epoch),
    )
    expect([triesUsed(task), currentAttempts(task)]).toEqual([0, []])
    expect(reopenTask(failed).effects).toEqual([{ type: 'queue_tasks', tasks: [{ taskId: task.id, epoch: 20 }] }])
  })

  test('fits its record with every attempt it may have from then on', () => {
    const full = [
      ...expired(HISTORY_KEPT),
      ...Array.from({ length: ATTEMPTS_MAX }, (_, index) => anAttempt(index + 17, ANNA)),
    ]
    expect(TaskRecord.safeParse(aTask({ epoch: full.length, attempts: full, triesFrom: HISTORY_KEPT })).success).toBe(
      true,
    )
  })

  test('is only checked anew where its result is there, and audits of before decide nothing', () => {
    const canceled = aTask({
      state: 'canceled',
      epoch: 2,
      attempts: [anAttempt(1, ANNA, { outcome: 'failed' }), anAttempt(2, ANNA, { outcome: 'rendered' })],
      auditRounds: 3,
    })
    const [task, audit] = reopenTask(canceled).tasks ?? []
    expect(task).toMatchObject({ state: 'verifying', auditRounds: 4, auditsFrom: 3 })
    expect(audit).toMatchObject({
      id: auditTaskId(renderTaskId(0), 4),
      state: 'queued',
      audits: renderTaskId(0),
      avoid: [ANNA],
    })
    expect(task === undefined ? [] : auditIds(task)).toEqual([audit?.id])
  })

  test('is only one that failed or was canceled; a finish is not put into the queue for everybody', () => {
    for (const state of ['queued', 'leased', 'delivering', 'verifying', 'completed'] as const)
      expect(reopenTask(aTask({ state }))).toEqual({})
    expect(reopenTask(aFinish({ state: 'canceled' })).effects).toEqual([])
  })
})

describe('a retry', () => {
  const failure = { code: 'poison_scene', message: 'it failed' }

  test.each(JOB_STATES)('of a job that is %s', (state) => {
    const decision = retryJob(aJob({ state, endedAt: NOW, failure }), undefined, 'ada')
    if (state === 'failed' || state === 'canceled') {
      expect(decision).toMatchObject({ ok: true, job: { state: 'active', tasksPlanned: 0, revision: 1 } })
      expect(decision.ok && [decision.job?.failure, decision.job?.endedAt]).toEqual([undefined, undefined])
    } else if (state === 'completed' || state === 'deleting')
      expect(decision).toMatchObject({ ok: false, code: 'conflict' })
    else expect(decision).toEqual({ ok: true })
  })

  test('goes back to where the job was', () => {
    const { startedAt: _never, ...early } = aJob({ state: 'canceled' })
    expect(retryJob(early, undefined, 'ada')).toMatchObject({ job: { state: 'planning' } })
    const inspection = aTask({ kind: 'inspect', state: 'canceled' })
    expect(retryJob(early, inspection, 'ada')).toMatchObject({
      job: { state: 'inspecting' },
      tasks: [{ state: 'queued' }],
    })
    // Its lease is not taken back yet: the record is written all the same, so that this cannot happen unseen.
    expect(retryJob(early, { ...inspection, state: 'leased' }, 'ada')).toMatchObject({ tasks: [{ state: 'leased' }] })
  })

  test('is refused when the scene itself stands against it, and when there were enough', () => {
    const { startedAt: _never, ...early } = aJob({ state: 'failed', failure: { code: 'tiles_not_exact', message: '' } })
    expect(retryJob(early, aTask({ kind: 'inspect', state: 'completed' }), 'ada')).toMatchObject({
      ok: false,
      code: 'conflict',
      detail: expect.stringContaining('tiles_not_exact'),
    })
    expect(retryJob(aJob({ state: 'failed', revision: LIMITS.revisionsPerJobMax }), undefined, 'ada')).toMatchObject({
      ok: false,
      code: 'conflict',
    })
  })
})
