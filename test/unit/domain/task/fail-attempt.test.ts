import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Change, Decision } from '../../../../shared/domain/decision.ts'
import {
  cancelTask,
  expireLease,
  failAttempt,
  rejectResult,
  releaseLease,
} from '../../../../shared/domain/task/fail-attempt.ts'
import { triesUsed } from '../../../../shared/domain/task/attempts.ts'
import { act } from '../../../../shared/domain/lifecycle/task.ts'
import { ATTEMPTS_MAX, grantLease } from '../../../../shared/domain/task/grant-lease.ts'
import { FAILURES, FailureCode } from '../../../../shared/protocol/failure.ts'
import { auditTaskId, renderTaskId, type WorkerId } from '../../../../shared/protocol/ids.ts'
import { JOB_STATES } from '../../../../shared/protocol/job.ts'
import { LIMITS } from '../../../../shared/protocol/limits.ts'
import type { FrameState, TaskRecord } from '../../../../shared/protocol/task.ts'
import { TaskRecord as TaskSchema } from '../../../../shared/protocol/task.ts'
import { NOW, aFinish, aFrame, aJob, aPlan, aTask, anAttempt, capabilities, leasedTo, worker } from '../records.ts'

const [anna, bert] = [worker('anna'), worker('bert')]
const failure = (code: FailureCode) => ({ code, message: `it was ${code}`, lastWords: 'the last words' })

function granted(decision: Decision): Change {
  if (!decision.ok) throw new Error(`${decision.code}: ${decision.detail}`)
  return decision
}
function taskOf(decision: Decision): TaskRecord {
  const [task] = granted(decision).tasks ?? []
  if (task === undefined) throw new Error('no task was written')
  return task
}
const credits = (decision: Decision) =>
  (granted(decision).effects ?? []).filter((effect) => effect.type === 'credit_worker')

describe('a failed attempt', () => {
  test.each(FailureCode.options.filter((code) => FAILURES[code] === 'worker'))(
    "%s is the worker's fault: somebody else shall try",
    (code) => {
      const decision = failAttempt(aJob(), leasedTo(anna), {
        workerId: anna,
        epoch: 1,
        failure: failure(code),
        now: NOW,
      })
      expect(taskOf(decision)).toMatchObject({
        state: 'queued',
        avoid: [anna],
        attempts: [{ outcome: 'failed', failure: { code } }],
      })
      expect(credits(decision)).toEqual([{ type: 'credit_worker', workerId: anna, failed: 1 }])
    },
  )

  test.each(FailureCode.options.filter((code) => FAILURES[code] === 'scene'))(
    "%s is the scene's fault: nobody is blamed, and another worker says whether it is so",
    (code) => {
      const decision = failAttempt(aJob(), leasedTo(anna), {
        workerId: anna,
        epoch: 1,
        failure: failure(code),
        now: NOW,
      })
      expect(taskOf(decision)).toMatchObject({ state: 'queued', avoid: [anna] })
      expect(credits(decision)).toEqual([])
    },
  )

  test.each(['blender_crashed', 'no_progress'] as const)(
    '%s of a Blender that is older than the scene is not its fault, and both versions are named',
    (code) => {
      const job = aJob()
      const decision = failAttempt(
        { ...job, plan: { ...job.plan, blender: { savedBy: '4.5', why: '' } } },
        leasedTo(anna),
        { workerId: anna, epoch: 1, failure: failure(code), machine: capabilities(), now: NOW },
      )
      expect(credits(decision)).toEqual([])
      expect(taskOf(decision).attempts[0]?.failure).toMatchObject({
        code: 'blend_unreadable',
        message: expect.stringContaining('Blender 3.4.1 is older than Blender 4.5, which saved the scene') as string,
      })
    },
  )

  test.each(FailureCode.options.filter((code) => FAILURES[code] === 'farm'))(
    "%s is the farm's fault: the same worker may try again at once",
    (code) => {
      const decision = failAttempt(aJob(), leasedTo(anna), {
        workerId: anna,
        epoch: 1,
        failure: failure(code),
        now: NOW,
      })
      expect(taskOf(decision)).toMatchObject({ state: 'queued', avoid: [] })
      expect(granted(decision).effects).toContainEqual({
        type: 'queue_tasks',
        tasks: [{ taskId: renderTaskId(0), epoch: 1 }],
      })
      expect(credits(decision)).toEqual([])
    },
  )

  test('of a task that not everybody may have is announced, not queued for anybody', () => {
    const decision = granted(
      failAttempt(aJob(), leasedTo(anna), { workerId: anna, epoch: 1, failure: failure('gpu_error'), now: NOW }),
    )
    expect(decision.effects?.map((effect) => effect.type)).toEqual(['announce_work', 'credit_worker'])
  })

  test('by somebody who does not hold the lease is refused', () => {
    expect(
      failAttempt(aJob(), leasedTo(anna), { workerId: bert, epoch: 1, failure: failure('gpu_error'), now: NOW }),
    ).toMatchObject({ ok: false, code: 'lease_unknown' })
    expect(
      failAttempt(aJob(), leasedTo(anna), { workerId: anna, epoch: 2, failure: failure('gpu_error'), now: NOW }),
    ).toMatchObject({ ok: false, code: 'lease_unknown' })
    const again = leasedTo(anna, {
      epoch: 2,
      attempts: [anAttempt(1, anna, { outcome: 'expired' }), anAttempt(2, anna)],
    })
    expect(
      failAttempt(aJob(), again, { workerId: anna, epoch: 1, failure: failure('gpu_error'), now: NOW }),
    ).toMatchObject({ ok: false, code: 'lease_stale' })
  })

  test('of a job that is over cancels the task', () => {
    for (const state of ['completed', 'failed', 'canceled', 'deleting'] as const) {
      expect(
        taskOf(
          failAttempt(aJob({ state }), leasedTo(anna), {
            workerId: anna,
            epoch: 1,
            failure: failure('gpu_error'),
            now: NOW,
          }),
        ).state,
      ).toBe('canceled')
    }
  })
})

describe('a poison scene', () => {
  test("stops its job after as many faults of its own as the limit says, with Blender's last words", () => {
    let task = aTask()
    for (let fault = 1; fault <= LIMITS.sceneFaultsMax; fault++) {
      task = taskOf(grantLease(aJob(), task, { workerId: worker(`w${fault}`), others: [], now: NOW }))
      const decision = granted(
        failAttempt(aJob(), task, {
          workerId: worker(`w${fault}`),
          epoch: fault,
          failure: failure('blender_error'),
          now: NOW,
        }),
      )
      task = taskOf(decision)
      if (fault < LIMITS.sceneFaultsMax) {
        expect(decision.job).toBeUndefined()
        expect(task.state).toBe('queued')
      } else {
        expect(decision.job).toMatchObject({
          state: 'failed',
          endedAt: NOW,
          failure: {
            code: 'poison_scene',
            lastWords: 'the last words',
            message: expect.stringMatching(/it was blender_error/),
          },
        })
        expect(task.state).toBe('failed')
        expect(decision.effects).toContainEqual({ type: 'drop_queue' })
      }
    }
  })
})

describe('tries', () => {
  const attempt = (task: TaskRecord, end: (task: TaskRecord, workerId: WorkerId) => Decision, number: number) =>
    end(
      taskOf(grantLease(aJob(), task, { workerId: worker(`w${number}`), others: [], now: task.notBefore ?? NOW })),
      worker(`w${number}`),
    )

  test('of a task are bounded, whatever goes wrong and in whatever order', () => {
    const ends = fc.infiniteStream(
      fc.constantFrom('blender_crashed', 'interrupted', 'upload_failed', 'expire', 'release'),
    )
    fc.assert(
      fc.property(ends, (stream) => {
        let task = aTask()
        for (let number = 1; number <= ATTEMPTS_MAX; number++) {
          const how = stream.next().value
          const decision = granted(
            attempt(
              task,
              (held, workerId) => {
                if (how === 'expire') return expireLease(aJob(), held, held.epoch, NOW)
                if (how === 'release') return releaseLease(aJob(), held, workerId, held.epoch, NOW)
                return failAttempt(aJob(), held, {
                  workerId,
                  epoch: held.epoch,
                  failure: failure(FailureCode.parse(how)),
                  now: NOW,
                })
              },
              number,
            ),
          )
          task = TaskSchema.parse(JSON.parse(JSON.stringify(taskOf(decision))))
          expect(decision.job?.failure?.code).toBe(task.state === 'failed' ? 'tries_exhausted' : undefined)
          if (task.state === 'failed') break
        }
        expect(task.state).toBe('failed')
      }),
      { numRuns: 30 },
    )
  })

  test("that were given back or ended by the farm's fault are free", () => {
    let task = aTask()
    for (let number = 1; number < ATTEMPTS_MAX; number++)
      task = taskOf(attempt(task, (held, workerId) => releaseLease(aJob(), held, workerId, held.epoch, NOW), number))
    expect(task).toMatchObject({ state: 'queued', avoid: [], epoch: ATTEMPTS_MAX - 1 })
  })

  test("by a worker's fault end the job after the limit", () => {
    let task = aTask()
    for (let number = 1; number <= LIMITS.triesPerTaskMax; number++) {
      expect(task.state).toBe('queued')
      task = taskOf(attempt(task, (held) => expireLease(aJob(), held, held.epoch, NOW), number))
    }
    expect(task.state).toBe('failed')
  })
})

describe('an expired lease', () => {
  test('goes to another worker, and the one that was silent is told', () => {
    const decision = granted(expireLease(aJob(), leasedTo(anna), 1, NOW))
    expect(taskOf(decision)).toMatchObject({
      state: 'queued',
      avoid: [anna],
      attempts: [{ outcome: 'expired', endedAt: NOW }],
    })
    expect(decision.effects).toContainEqual(expect.objectContaining({ type: 'cancel_lease', workerId: anna, epoch: 1 }))
  })

  test('that was renewed by a later one, or handed in, changes nothing', () => {
    for (const state of ['queued', 'verifying', 'completed', 'failed', 'canceled'] as const)
      expect(expireLease(aJob(), aTask({ state, epoch: 1 }), 1, NOW)).toEqual({ ok: true })
    expect(
      expireLease(
        aJob(),
        leasedTo(bert, { epoch: 2, attempts: [anAttempt(1, anna, { outcome: 'expired' }), anAttempt(2, bert)] }),
        1,
        NOW,
      ),
    ).toEqual({ ok: true })
  })
})

describe('a result that is rejected when its file is read', () => {
  const rendered = (change: Partial<TaskRecord> = {}) =>
    aTask({
      state: 'completed',
      epoch: 1,
      attempts: [anAttempt(1, anna, { outcome: 'rendered' })],
      canonical: { taskId: renderTaskId(0), epoch: 1 },
      verdict: 'agreed',
      ...change,
    })
  const tiles = aJob({ plan: aPlan({ tiles: { columns: 2, rows: 1, overscanPx: 0 } }) })

  test('goes to another worker, and its frame back to rendering', () => {
    const decision = granted(
      rejectResult(aJob(), rendered(), {
        frames: [aFrame({ state: 'delivering', tasksLeft: 0 })],
        epoch: 1,
        reason: 'wrong hash',
        now: NOW,
      }),
    )
    expect(taskOf(decision)).toMatchObject({
      state: 'queued',
      verdict: 'unverified',
      avoid: [anna],
      attempts: [{ outcome: 'rejected', verdict: 'refuted' }],
    })
    expect(taskOf(decision).canonical).toBeUndefined()
    expect(decision.frames).toEqual([aFrame({ state: 'rendering', tasksLeft: 1 })])
    expect(credits(decision)).toEqual([{ type: 'credit_worker', workerId: anna, failed: 1 }])
  })

  test('blames nobody where it may be another file that is wrong', () => {
    const decision = granted(
      rejectResult(aJob(), rendered(), {
        frames: [aFrame({ state: 'delivering', tasksLeft: 0 })],
        epoch: 1,
        reason: 'they differ',
        now: NOW,
        related: [],
        fault: 'nobody',
      }),
    )
    expect(taskOf(decision)).toMatchObject({
      state: 'queued',
      verdict: 'unverified',
      avoid: [anna],
      attempts: [{ outcome: 'rejected', verdict: 'unverified' }],
    })
    expect(credits(decision)).toEqual([])
  })

  test(
    'because the farm does not read it blames the farm, costs no try, ' +
      'and stops the job the second time with the reason',
    () => {
      const frames = [aFrame({ state: 'delivering', tasksLeft: 0 })]
      const why = '0001.raw.exr: the file is tiled; scanline files are read'
      const once = granted(rejectResult(aJob(), rendered(), { frames, epoch: 1, reason: why, now: NOW, fault: 'farm' }))
      const task = taskOf(once)
      expect(task).toMatchObject({
        state: 'queued',
        attempts: [{ outcome: 'rejected', verdict: 'unverified', failure: { code: 'result_unread', message: why } }],
      })
      expect(triesUsed(task)).toBe(0)
      expect(credits(once)).toEqual([])
      expect(once.events?.[0]?.message).toMatch(/^0001.raw.exr: the file is tiled.*its worker is not to blame/)
      const anew = {
        ...rendered(),
        epoch: 2,
        attempts: [...task.attempts, anAttempt(2, bert, { outcome: 'rendered' })],
        canonical: { taskId: task.id, epoch: 2 },
      }
      const twice = granted(rejectResult(aJob(), anew, { frames, epoch: 2, reason: why, now: NOW, fault: 'farm' }))
      expect(twice.job).toMatchObject({
        state: 'failed',
        failure: {
          code: 'assembly_failed',
          message: `task ${task.id} (frame 1) was rendered 2 times, and the farm does not read what that gave: ${why}`,
        },
      })
      expect(credits(twice)).toEqual([])
    },
  )

  test('as often as a task may be tried tells of the last file what was wrong with it', () => {
    let task = aTask()
    let decision: Change = { ok: true }
    for (let number = 1; number <= LIMITS.triesPerTaskMax; number++) {
      const held = {
        ...task,
        state: 'completed' as const,
        epoch: number,
        attempts: [...task.attempts, anAttempt(number, worker(`w${number}`), { outcome: 'rendered' })],
        canonical: { taskId: task.id, epoch: number },
      }
      decision = granted(
        rejectResult(aJob(), held, {
          frames: [aFrame({ state: 'delivering', tasksLeft: 0 })],
          epoch: number,
          reason: `0001.raw.exr: cut off at ${number}`,
          now: NOW,
        }),
      )
      task = taskOf(decision)
    }
    expect(decision.job?.failure).toEqual({
      code: 'tries_exhausted',
      message: `task ${task.id} (frame 1) failed 8 times, the last time: 0001.raw.exr: cut off at 8`,
    })
  })

  test('of a finish sends its frame back to finishing, not to rendering', () => {
    const decision = granted(
      rejectResult(
        tiles,
        rendered({
          ...aFinish(),
          state: 'completed',
          epoch: 1,
          attempts: [anAttempt(1, anna, { outcome: 'rendered' })],
        }),
        { frames: [aFrame({ state: 'delivering', tasksLeft: 0 })], epoch: 1, reason: 'wrong', now: NOW },
      ),
    )
    expect(decision.frames).toEqual([aFrame({ state: 'finishing', tasksLeft: 0 })])
  })

  test.each<[FrameState, boolean]>([
    ['rendering', true],
    ['stitching', true],
    ['finishing', false],
    ['delivering', false],
    ['delivered', false],
  ])('of a tile while its frame is %s is taken back: %s', (state, back) => {
    const decision = granted(
      rejectResult(tiles, rendered({ tile: 0 }), {
        frames: [aFrame({ state, tasksLeft: 0 })],
        epoch: 1,
        reason: 'wrong',
        now: NOW,
      }),
    )
    expect((decision.tasks ?? []).length > 0).toBe(back)
  })

  test(
    'of a frame that was delivered already changes nothing; of a chunk that ' +
      'is not delivered whole, all of it is rendered again',
    () => {
      expect(
        rejectResult(aJob(), rendered(), {
          frames: [aFrame({ state: 'delivered', tasksLeft: 0 })],
          epoch: 1,
          reason: 'late',
          now: NOW,
        }),
      ).toEqual({ ok: true })
      const chunk = [
        aFrame({ state: 'delivered', tasksLeft: 0 }),
        aFrame({ number: 2, position: 1, state: 'delivering', tasksLeft: 0 }),
      ]
      expect(
        granted(
          rejectResult(aJob(), rendered({ frames: [1, 2] }), { frames: chunk, epoch: 1, reason: 'wrong', now: NOW }),
        ).frames?.map((frame) => [frame.state, frame.tasksLeft]),
      ).toEqual([
        ['rendering', 1],
        ['rendering', 1],
      ])
    },
  )

  test('of a job that is not active any more changes nothing', () => {
    for (const state of JOB_STATES.filter((each) => each !== 'active'))
      expect(
        rejectResult(aJob({ state }), rendered(), {
          frames: [aFrame({ state: 'delivering', tasksLeft: 0 })],
          epoch: 1,
          reason: 'late',
          now: NOW,
        }),
      ).toEqual({ ok: true })
  })

  test('a second time, or of an older epoch, changes nothing', () => {
    const once = taskOf(
      rejectResult(aJob(), rendered(), {
        frames: [aFrame({ state: 'delivering', tasksLeft: 0 })],
        epoch: 1,
        reason: 'wrong',
        now: NOW,
      }),
    )
    expect(rejectResult(aJob(), once, { frames: [aFrame()], epoch: 1, reason: 'wrong', now: NOW })).toEqual({
      ok: true,
    })
    const anew = rendered({
      epoch: 2,
      attempts: [anAttempt(1, anna, { outcome: 'rejected' }), anAttempt(2, bert, { outcome: 'rendered' })],
      canonical: { taskId: renderTaskId(0), epoch: 2 },
    })
    expect(
      rejectResult(aJob(), anew, {
        frames: [aFrame({ state: 'delivering', tasksLeft: 0 })],
        epoch: 1,
        reason: 'wrong',
        now: NOW,
      }),
    ).toEqual({ ok: true })
  })

  test(
    'cancels the audits of it that are open: there is nothing to check, ' +
      'and one of them might go to whoever renders it now',
    () => {
      const id = renderTaskId(0)
      const audit = (round: number, change: Partial<TaskRecord>) =>
        aTask({ id: auditTaskId(id, round), kind: 'audit', audits: id, ...change })
      const audits = [
        audit(1, {
          state: 'completed',
          epoch: 1,
          attempts: [anAttempt(1, bert, { outcome: 'rendered' })],
          canonical: { taskId: auditTaskId(id, 1), epoch: 1 },
        }),
        audit(2, {}),
        audit(3, { state: 'leased', epoch: 1, attempts: [anAttempt(1, worker('carl'))] }),
      ]
      const decision = granted(
        rejectResult(aJob(), rendered({ state: 'verifying', canonical: undefined, auditRounds: 3 }), {
          frames: [aFrame()],
          epoch: 1,
          reason: 'wrong',
          now: NOW,
          related: audits,
        }),
      )
      expect(decision.tasks?.map((task) => [task.id, task.state])).toEqual([
        [id, 'queued'],
        [auditTaskId(id, 2), 'canceled'],
        [auditTaskId(id, 3), 'canceled'],
      ])
      expect(decision.effects).toContainEqual(
        expect.objectContaining({ type: 'cancel_lease', workerId: worker('carl'), taskId: auditTaskId(id, 3) }),
      )
    },
  )

  test(
    'of an audit does not go to whoever rendered what it checks, ' + 'though somebody else had when the audit was made',
    () => {
      const checked = aTask({
        state: 'verifying',
        epoch: 2,
        attempts: [anAttempt(1, bert, { outcome: 'rejected' }), anAttempt(2, worker('carl'), { outcome: 'rendered' })],
        auditRounds: 2,
      })
      const audit = rendered({
        id: auditTaskId(checked.id, 1),
        kind: 'audit',
        audits: checked.id,
        avoid: [bert],
        canonical: { taskId: auditTaskId(checked.id, 1), epoch: 1 },
      })
      expect(
        taskOf(rejectResult(aJob(), audit, { frames: [], epoch: 1, reason: 'wrong', now: NOW, related: [checked] })),
      ).toMatchObject({ state: 'queued', avoid: [bert, anna, worker('carl')] })
    },
  )

  test('is not blamed on the worker whose own result was refuted before, when the result of an audit counts', () => {
    const decision = rejectResult(
      aJob(),
      rendered({ canonical: { taskId: auditTaskId(renderTaskId(0), 1), epoch: 1 } }),
      { frames: [aFrame({ state: 'delivering', tasksLeft: 0 })], epoch: 1, reason: 'wrong', now: NOW },
    )
    expect(taskOf(decision).state).toBe('queued')
    expect(credits(decision)).toEqual([])
  })
})

test('a canceled task takes its lease back, once', () => {
  const canceled = granted(cancelTask(leasedTo(anna), NOW, 'the job is canceled'))
  expect(taskOf(canceled)).toMatchObject({ state: 'canceled', attempts: [{ outcome: 'canceled', endedAt: NOW }] })
  expect(canceled.effects).toEqual([
    { type: 'cancel_lease', workerId: anna, taskId: renderTaskId(0), epoch: 1, reason: 'the job is canceled' },
  ])
  expect(cancelTask(taskOf(canceled), NOW, 'again')).toEqual({ ok: true })
  expect(granted(cancelTask(act(aTask(), 'fail'), NOW, 'again')).tasks).toBeUndefined()
})
