import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Decision } from '../../../../shared/domain/decision.ts'
import { isPicky } from '../../../../shared/domain/scheduling/task-fit.ts'
import {
  cancelTask,
  expireLease,
  failAttempt,
  rejectResult,
  releaseLease,
} from '../../../../shared/domain/task/fail-attempt.ts'
import { acceptDelivery, commitResult } from '../../../../shared/domain/task/hand-in.ts'
import { resultEpoch } from '../../../../shared/domain/task/attempts.ts'
import { grantSecondLease, grantLease } from '../../../../shared/domain/task/grant-lease.ts'
import { type Slice, commitOf, recount, taskCounters } from '../../../../shared/engine/commit/commit.ts'
import { LIMITS } from '../../../../shared/protocol/limits.ts'
import { type TaskId, renderTaskId } from '../../../../shared/protocol/ids.ts'
import type { FrameRecord, TaskRecord } from '../../../../shared/protocol/task.ts'
import type { Versioned } from '../../../../shared/ports/farm-store.ts'
import { NOW, aFile, aFrame, aJob, aPlan, aTask, anAttempt, leasedTo, worker } from '../../domain/records.ts'

const LEASE_MS = 1_000
const sliceOf = (tasks: readonly TaskRecord[] = [], frames: readonly FrameRecord[] = []): Slice => ({
  job: { version: 7, value: aJob() },
  tasks: new Map(tasks.map((task) => [task.id, { version: 3, value: task }])),
  frames: new Map(frames.map((frame) => [frame.number, { version: 4, value: frame }])),
})
const anna = worker('anna')

describe('a change as a commit', () => {
  test("names the version of everything it replaces, and the job's even when it does not write it", () => {
    const task = aTask()
    const commit = commitOf(
      sliceOf([task], [aFrame()]),
      {
        ok: true,
        tasks: [{ ...task, state: 'canceled' }, aTask({ id: renderTaskId(1) })],
        frames: [aFrame({ tasksLeft: 0 })],
      },
      NOW,
      LEASE_MS,
    )
    expect(commit.jobVersion).toBe(7)
    expect(commit.tasks.map(({ id, expected }) => [id, expected])).toEqual([
      [renderTaskId(0), 3],
      [renderTaskId(1), 0],
    ])
    expect(commit.frames.map(({ id, expected }) => [id, expected])).toEqual([[1, 4]])
    expect(commitOf(sliceOf(), { ok: true, job: aJob({ state: 'failed' }) }, NOW, LEASE_MS)).toMatchObject({
      job: { expected: 7 },
    })
  })

  test('begins a lease, keeps it while the result is on its way, and ends it', () => {
    const leases = (before: TaskRecord, after: TaskRecord) =>
      commitOf(sliceOf([before]), { ok: true, tasks: [after] }, NOW, LEASE_MS).leases
    const leased = leasedTo(anna)
    expect(leases(aTask(), leased)).toEqual([{ taskId: leased.id, epoch: 1, expiresAt: NOW + LEASE_MS }])
    expect(leases(leased, { ...leased, state: 'delivering' })).toEqual([])
    expect(leases({ ...leased, state: 'delivering' }, { ...leased, state: 'completed' })).toEqual([
      { taskId: leased.id, epoch: 1, expiresAt: null },
    ])
  })

  test('lists a queued task as picky exactly while not everybody may have it', () => {
    const picky = (before: TaskRecord, after: TaskRecord) =>
      commitOf(sliceOf([before]), { ok: true, tasks: [after] }, NOW, LEASE_MS).picky
    expect(picky(leasedTo(anna), aTask({ avoid: [anna] }))).toEqual([{ taskId: renderTaskId(0), listed: true }])
    expect(picky(aTask({ avoid: [anna] }), leasedTo(anna, { avoid: [anna] }))).toEqual([
      { taskId: renderTaskId(0), listed: false },
    ])
    expect(picky(leasedTo(anna), aTask())).toEqual([])
  })

  test('cuts what others say to the length that an event may have', () => {
    const commit = commitOf(
      sliceOf(),
      { ok: true, events: [{ type: 'attempt_failed', message: 'x'.repeat(2 * LIMITS.messageLengthMax) }] },
      NOW,
      LEASE_MS,
    )
    expect(commit.events).toEqual([{ type: 'attempt_failed', message: 'x'.repeat(LIMITS.messageLengthMax), at: NOW }])
  })
})

/** The least that a store must do: replace records whose version is as expected, and add up. */
class SmallStore {
  readonly tasks = new Map<TaskId, Versioned<TaskRecord>>()
  readonly frames = new Map<number, Versioned<FrameRecord>>()
  readonly counters: Record<string, number> = {}
  readonly leases = new Set<string>()
  readonly picky = new Set<TaskId>()
  job: Versioned<ReturnType<typeof aJob>> = { version: 1, value: aJob() }

  apply(decision: Decision): void {
    if (!decision.ok) return
    const commit = commitOf({ job: this.job, tasks: this.tasks, frames: this.frames }, decision, NOW, LEASE_MS)
    if (commit.job?.value != null) this.job = { version: this.job.version + 1, value: commit.job.value }
    for (const { id, expected, value } of commit.tasks) {
      expect(expected).toBe(this.tasks.get(id)?.version ?? 0)
      if (value !== null) this.tasks.set(id, { version: expected + 1, value })
    }
    for (const { id, expected, value } of commit.frames)
      if (value !== null) this.frames.set(id, { version: expected + 1, value })
    for (const [name, by] of Object.entries(commit.counters)) this.counters[name] = (this.counters[name] ?? 0) + by
    for (const { taskId, epoch, expiresAt } of commit.leases) {
      if (expiresAt === null) this.leases.delete(`${taskId}@${epoch}`)
      else this.leases.add(`${taskId}@${epoch}`)
    }
    for (const { taskId, listed } of commit.picky) {
      if (listed) this.picky.add(taskId)
      else this.picky.delete(taskId)
    }
  }
}

test('after any walk of events the counters, leases and lists are what a recount of the records gives', () => {
  const happening = fc.record({
    index: fc.nat(3),
    who: fc.constantFrom('anna', 'bert', 'carl'),
    what: fc.constantFrom(
      'lease',
      'lease',
      'second',
      'commit',
      'commit',
      'deliver',
      'deliver',
      'fail',
      'scene',
      'expire',
      'release',
      'reject',
      'cancel',
    ),
    drawn: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(happening, { minLength: 30, maxLength: 150, size: 'max' }), (walk) => {
      const store = new SmallStore()
      store.apply({
        ok: true,
        tasks: [0, 1, 2, 3].map((index) => aTask({ id: renderTaskId(index), frames: [index + 1] })),
        frames: [1, 2, 3, 4].map((number) => aFrame({ number, position: number - 1 })),
      })
      let walked = 0
      for (const { index, who, what, drawn } of walk) {
        const task = store.tasks.get(renderTaskId(index))?.value ?? aTask()
        walked += 1_000
        // Of two that are under way, either may be heard of.
        const attempt =
          (drawn
            ? task.attempts.findLast(({ outcome }) => outcome === 'running')
            : task.attempts.find(({ outcome }) => outcome === 'running')) ?? task.attempts.at(-1)
        const [holder, epoch] = [attempt?.workerId ?? worker(who), attempt?.epoch ?? 0]
        const frames = [...store.frames.values()]
          .map((frame) => frame.value)
          .filter((frame) => task.frames.includes(frame.number))
        const job = store.job.value
        const files = [aFile('final', index + 1), aFile('raw', index + 1)]
        if (what === 'lease') store.apply(grantLease(job, task, { workerId: worker(who), others: [], now: NOW }))
        if (what === 'second') store.apply(grantSecondLease(job, task, { workerId: worker(who), others: [], now: NOW }))
        if (what === 'commit')
          store.apply(
            commitResult(job, task, {
              workerId: holder,
              epoch,
              result: { files, renderSeconds: 1, peakMemoryBytes: 1, drawn },
              now: NOW + walked,
            }),
          )
        if (what === 'deliver')
          store.apply(acceptDelivery(job, task, { frames, workerId: holder, epoch, now: NOW + walked }))
        if (what === 'fail')
          store.apply(
            failAttempt(job, task, { workerId: holder, epoch, failure: { code: 'gpu_error', message: '' }, now: NOW }),
          )
        if (what === 'scene')
          store.apply(
            failAttempt(job, task, {
              workerId: holder,
              epoch,
              failure: { code: 'blender_error', message: '' },
              now: NOW,
            }),
          )
        if (what === 'expire') store.apply(expireLease(job, task, epoch, NOW))
        if (what === 'release') store.apply(releaseLease(job, task, holder, epoch, NOW))
        if (what === 'reject')
          store.apply(rejectResult(job, task, { frames, epoch: resultEpoch(task), reason: 'wrong', now: NOW }))
        if (what === 'cancel' && drawn) store.apply(cancelTask(task, NOW, 'over'))
      }
      const tasks = [...store.tasks.values()].map((task) => task.value)
      const frames = [...store.frames.values()].map((frame) => frame.value)
      expect(withoutZeros(store.counters)).toEqual(withoutZeros(recount(aPlan(), tasks, frames)))
      expect([...store.leases].sort()).toEqual(
        tasks
          .flatMap((task) =>
            task.attempts.filter(({ outcome }) => outcome === 'running').map(({ epoch }) => `${task.id}@${epoch}`),
          )
          .sort(),
      )
      expect([...store.picky].sort()).toEqual(
        tasks
          .filter((task) => task.state === 'queued' && isPicky(task))
          .map((task) => task.id)
          .sort(),
      )
      for (const frame of frames) expect(frame.tasksLeft).toBeGreaterThanOrEqual(0)
    }),
    { numRuns: 300 },
  )
})

const withoutZeros = (counters: Record<string, number>) =>
  Object.fromEntries(Object.entries(counters).filter(([, count]) => count !== 0))

test('a task stands in every counter that tells something about it', () => {
  expect(namesOf(aTask())).toEqual(['render.queued', 'waiting.open'])
  expect(namesOf(aTask({ avoid: [anna] }))).toEqual(['render.queued', 'waiting.picky'])
  expect(namesOf(leasedTo(anna))).toEqual(['render.leased', 'running.all'])
  expect(namesOf(aTask({ kind: 'audit', state: 'completed', verdict: 'refuted' }))).toEqual([
    'audit.completed',
    'verdicts.refuted',
  ])
  expect(namesOf(aTask({ state: 'verifying', note: 'disputed', attempts: [anAttempt(1, anna)] }))).toEqual([
    'render.verifying',
    'waiting.disputed',
  ])
})

test("a task that is completed adds to the pace of its job what it took by the farm's clock", () => {
  const attempts = [
    anAttempt(1, anna, { outcome: 'expired', endedAt: NOW + 1 }),
    anAttempt(2, anna, { outcome: 'rendered', startedAt: NOW + 5, endedAt: NOW + 2_005, renderSeconds: 999 }),
  ]
  expect(taskCounters(aPlan(), aTask({ state: 'completed', epoch: 2, attempts }))).toEqual({
    'render.completed': 1,
    'pace.frames.tasks': 1,
    'pace.frames.ms': 2_000,
  })
})

function namesOf(task: TaskRecord): string[] {
  const counters = taskCounters(aPlan(), task)
  expect(Object.values(counters).every((amount) => amount === 1)).toBe(true)
  return Object.keys(counters)
}
