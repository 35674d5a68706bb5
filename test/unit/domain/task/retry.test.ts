import { describe, expect, test } from 'vitest'
import { mayHave, isPicky } from '../../../../shared/domain/scheduling/task-fit.ts'
import { failAttempt } from '../../../../shared/domain/task/fail-attempt.ts'
import {
  FARM_PAUSE_MAX_MS,
  FARM_PAUSE_MS,
  isDue,
  isTooSmall,
  notBefore,
  outgrownBy,
} from '../../../../shared/domain/task/retry.ts'
import { ATTEMPTS_MAX, grantSecondLease, grantLease } from '../../../../shared/domain/task/grant-lease.ts'
import type { FailureCode } from '../../../../shared/protocol/failure.ts'
import { LIMITS } from '../../../../shared/protocol/limits.ts'
import type { TaskRecord } from '../../../../shared/protocol/task.ts'
import { NOW, aJob, aTask, anAttempt, capabilities, leasedTo, worker } from '../records.ts'

const GIB = 1024 ** 3
const [anna, bert, carl] = [worker('anna'), worker('bert'), worker('carl')]
const failed = (...codes: FailureCode[]) =>
  aTask({
    epoch: codes.length,
    attempts: codes.map((code, index) =>
      anAttempt(index + 1, anna, { outcome: 'failed', failure: { code, message: '' } }),
    ),
  })
const taskOf = (decision: ReturnType<typeof failAttempt>): TaskRecord => {
  const [task] = decision.ok ? (decision.tasks ?? []) : []
  if (task === undefined) throw new Error(`no task was written: ${JSON.stringify(decision)}`)
  return task
}
const memory = (main: number, gpu?: number) =>
  capabilities({
    memoryBytes: main * GIB,
    ...(gpu === undefined ? {} : { devices: [{ kind: 'CUDA', name: 'a card', memoryBytes: gpu * GIB }] }),
  })

describe("a failure that is the farm's own", () => {
  test('is tried again at once the first time, then after pauses that double up to a limit', () => {
    expect(notBefore(failed('upload_failed'), NOW)).toBe(undefined)
    expect(notBefore(failed('upload_failed', 'upload_failed'), NOW)).toBe(NOW + FARM_PAUSE_MS)
    expect(notBefore(failed('upload_failed', 'interrupted', 'upload_failed'), NOW)).toBe(NOW + 2 * FARM_PAUSE_MS)
    expect(notBefore(failed(...Array.from({ length: 30 }, () => 'upload_failed' as const)), NOW)).toBe(
      NOW + FARM_PAUSE_MAX_MS,
    )
  })

  test('counts only in a row: what a worker failed meanwhile begins anew', () => {
    expect(notBefore(failed('upload_failed', 'upload_failed', 'gpu_error', 'upload_failed'), NOW)).toBe(undefined)
  })

  test('lets a task outlast an outage of three hours', () => {
    let [task, at] = [aTask(), NOW]
    for (let attempt = 1; attempt < ATTEMPTS_MAX; attempt++) {
      at = Math.max(at, task.notBefore ?? at)
      task = taskOf(
        failAttempt(aJob(), taskOf(grantLease(aJob(), task, { workerId: anna, others: [], now: at })), {
          workerId: anna,
          epoch: attempt,
          failure: { code: 'upload_failed', message: '' },
          now: at,
        }),
      )
      expect(task.state).toBe('queued')
    }
    expect(at - NOW).toBeGreaterThan(3 * 3_600_000)
  })

  test('keeps the task from everybody until the pause is over, and the next lease ends it', () => {
    const paused = { ...failed('upload_failed', 'upload_failed'), notBefore: NOW + 10 }
    expect(isPicky(paused)).toBe(true)
    expect([isDue(paused, NOW + 9), isDue(paused, NOW + 10)]).toEqual([false, true])
    expect(grantLease(aJob(), paused, { workerId: anna, others: [], now: NOW + 9 })).toMatchObject({
      ok: false,
      code: 'conflict',
    })
    const leased = taskOf(grantLease(aJob(), paused, { workerId: anna, others: [], now: NOW + 10 }))
    expect(leased.state).toBe('leased')
    expect('notBefore' in leased).toBe(false)
  })
})

describe('a task that ran out of memory', () => {
  const ranOut = (task: TaskRecord, machine = memory(16), lastWords = '') =>
    failAttempt(aJob(), task, {
      workerId: anna,
      epoch: 1,
      failure: { code: 'out_of_memory', message: 'Blender ran out of memory', lastWords },
      now: NOW,
      machine,
    })

  test('remembers the most that was not enough, of the card when that is what ran out', () => {
    expect(taskOf(ranOut(leasedTo(anna))).outgrew).toEqual({ memoryBytes: 16 * GIB })
    expect(taskOf(ranOut(leasedTo(anna, { outgrew: { memoryBytes: 32 * GIB } }))).outgrew).toEqual({
      memoryBytes: 32 * GIB,
    })
    expect(taskOf(ranOut(leasedTo(anna), memory(16, 8), 'System is out of GPU memory')).outgrew).toEqual({
      gpuMemoryBytes: 8 * GIB,
    })
    expect(taskOf(ranOut(leasedTo(anna), memory(16), 'System is out of GPU memory')).outgrew).toEqual({
      memoryBytes: 16 * GIB,
    })
    expect(outgrownBy(aTask(), { code: 'gpu_error', message: 'CUDA error' }, memory(16, 8))).toBe(undefined)
  })

  test('goes to a machine with more while one is there that has not failed it', () => {
    const task = taskOf(ranOut(leasedTo(anna)))
    expect(isPicky(task)).toBe(true)
    expect([isTooSmall(task, memory(16)), isTooSmall(task, memory(17))]).toEqual([true, false])
    expect(mayHave(task, bert, [anna, carl], [], [anna, bert])).toBe(false)
    expect(mayHave(task, carl, [anna, bert], [], [anna, bert])).toBe(true)
    expect(
      grantLease(aJob(), task, { workerId: bert, others: [anna, carl], now: NOW, anchors: [], tooSmall: [anna, bert] }),
    ).toMatchObject({ ok: false, code: 'conflict' })
  })

  test('goes to whoever is there when no machine has more, so that nothing waits for ever', () => {
    const task = taskOf(ranOut(leasedTo(anna)))
    expect(mayHave(task, bert, [anna], [], [anna, bert])).toBe(true)
    expect(mayHave({ ...task, avoid: [anna, carl] }, bert, [anna, carl], [], [anna, bert])).toBe(true)
  })

  test('is not tried a second time beside the first on a machine that is too small', () => {
    const slow = leasedTo(carl, { outgrew: { memoryBytes: 16 * GIB } })
    expect(
      grantSecondLease(aJob(), slow, { workerId: bert, others: [carl], now: NOW, anchors: [], tooSmall: [bert] }),
    ).toMatchObject({ ok: false, code: 'conflict' })
    expect(
      grantSecondLease(aJob(), slow, { workerId: bert, others: [carl], now: NOW, anchors: [], tooSmall: [] }).ok,
    ).toBe(true)
  })

  test('says what would help when its tries are used up', () => {
    const worn = Array.from({ length: LIMITS.triesPerTaskMax - 1 }, (_, index) =>
      anAttempt(index + 1, worker(`w${index}`), { outcome: 'failed', failure: { code: 'out_of_memory', message: '' } }),
    )
    const decision = failAttempt(
      aJob(),
      leasedTo(anna, { epoch: worn.length + 1, attempts: [...worn, anAttempt(worn.length + 1, anna)] }),
      {
        workerId: anna,
        epoch: worn.length + 1,
        failure: { code: 'out_of_memory', message: 'no memory is left' },
        now: NOW,
        machine: memory(16),
      },
    )
    expect(decision).toMatchObject({
      ok: true,
      job: {
        failure: {
          code: 'tries_exhausted',
          message: expect.stringMatching(/16 GiB of memory was not enough: connect a machine with more/),
        },
      },
    })
  })
})
