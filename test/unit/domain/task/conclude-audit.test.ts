import { describe, expect, test } from 'vitest'
import type { Change, Decision } from '../../../../shared/domain/decision.ts'
import { AUDIT_ROUNDS_MAX, candidatesOf, concludeAudit } from '../../../../shared/domain/task/conclude-audit.ts'
import type { Pair } from '../../../../shared/domain/verification/settle-dispute.ts'
import { auditTaskId, renderTaskId, type WorkerId } from '../../../../shared/protocol/ids.ts'
import type { TaskRecord } from '../../../../shared/protocol/task.ts'
import { NOW, aFrame, aJob, aTask, anAttempt, leasedTo, worker } from '../records.ts'

const [anna, bert, carl, dora] = [worker('anna'), worker('bert'), worker('carl'), worker('dora')]
const id = renderTaskId(0)

function checked(workerId: WorkerId, rounds: number, change: Partial<TaskRecord> = {}): TaskRecord {
  return aTask({
    state: 'verifying',
    epoch: 1,
    attempts: [anAttempt(1, workerId, { outcome: 'rendered', drawnForAudit: true })],
    auditRounds: rounds,
    ...change,
  })
}
function audit(round: number, workerId: WorkerId): TaskRecord {
  return aTask({
    id: auditTaskId(id, round),
    kind: 'audit',
    audits: id,
    state: 'completed',
    epoch: 1,
    attempts: [anAttempt(1, workerId, { outcome: 'rendered' })],
    canonical: { taskId: auditTaskId(id, round), epoch: 1 },
  })
}
const openAudit = (round: number, change: Partial<TaskRecord> = {}) =>
  aTask({ id: auditTaskId(id, round), kind: 'audit', audits: id, avoid: [anna], ...change })

/** Candidates whose letters are the same agree, the task itself being first. */
function pairs(task: TaskRecord, audits: readonly TaskRecord[], letters: string): Pair[] {
  const keys = candidatesOf(task, audits).map((candidate) => candidate.key)
  return keys.flatMap((a, index) =>
    keys.slice(index + 1).map((b, offset): Pair => ({
      a,
      b,
      verdict: letters[index] === letters[index + 1 + offset] ? 'agreed' : 'refuted',
    })),
  )
}
function conclude(
  task: TaskRecord,
  audits: readonly TaskRecord[],
  letters: string,
  eligible: readonly WorkerId[] = [anna, bert],
  job = aJob(),
): Change {
  const decision: Decision = concludeAudit(job, task, {
    audits,
    frames: [aFrame()],
    pairs: pairs(task, audits, letters),
    eligible,
    now: NOW,
  })
  if (!decision.ok) throw new Error(decision.detail)
  return decision
}
const byId = (change: Change) => Object.fromEntries((change.tasks ?? []).map((task) => [task.id, task]))
const credits = (change: Change) => (change.effects ?? []).filter((effect) => effect.type === 'credit_worker')

describe('a result that its audit agrees with', () => {
  test("counts from then on, and so does its worker's work", () => {
    const change = conclude(checked(anna, 1), [audit(1, bert)], 'xx')
    expect(byId(change)[id]).toMatchObject({
      state: 'completed',
      verdict: 'agreed',
      canonical: { taskId: id, epoch: 1 },
      attempts: [{ verdict: 'agreed' }],
    })
    expect(byId(change)[auditTaskId(id, 1)]).toMatchObject({ state: 'completed', verdict: 'agreed' })
    expect(change.frames).toEqual([aFrame({ state: 'delivering', tasksLeft: 0 })])
    expect(credits(change)).toEqual([{ type: 'credit_worker', workerId: anna, completed: 1 }])
  })
})

describe('a result that its audit contradicts', () => {
  test('goes to a third worker when there is one', () => {
    const change = conclude(checked(anna, 1), [audit(1, bert)], 'xy', [anna, bert, carl])
    expect(byId(change)[auditTaskId(id, 2)]).toMatchObject({
      state: 'queued',
      kind: 'audit',
      avoid: [anna, bert],
      audits: id,
    })
    expect(byId(change)[id]).toMatchObject({
      state: 'verifying',
      auditRounds: 2,
      note: expect.stringMatching(/third worker/),
    })
    expect(change.frames ?? []).toEqual([])
    expect(credits(change)).toEqual([])
  })

  test('and has only these two is rendered again by both, and the job says so', () => {
    const change = conclude(checked(anna, 1), [audit(1, bert)], 'xy')
    expect(byId(change)[auditTaskId(id, 2)]).toMatchObject({ only: anna, avoid: [anna, bert] })
    expect(byId(change)[auditTaskId(id, 3)]).toMatchObject({ only: bert, avoid: [anna, bert] })
    expect(byId(change)[id]).toMatchObject({ auditRounds: 3, note: expect.stringMatching(/both render it again/) })
    expect(change.events?.[0]?.type).toBe('result_disputed')
  })

  test('by both of them twice waits for somebody new', () => {
    const change = conclude(checked(anna, 3), [audit(1, bert), audit(2, anna), audit(3, bert)], 'xyxy')
    expect(byId(change)[auditTaskId(id, 4)]).toMatchObject({ avoid: [anna, bert] })
    expect(byId(change)[auditTaskId(id, 4)]?.only).toBeUndefined()
    expect(byId(change)[id]?.note).toMatch(/waiting for a worker other than these/)
  })

  test('and by a third worker is refuted: the other result counts, nobody renders it again', () => {
    const change = conclude(checked(anna, 2), [audit(1, bert), audit(2, carl)], 'xyy', [anna, bert, carl])
    expect(byId(change)[id]).toMatchObject({
      state: 'completed',
      verdict: 'refuted',
      canonical: { taskId: auditTaskId(id, 1), epoch: 1 },
    })
    expect(credits(change)).toEqual([{ type: 'credit_worker', workerId: anna, refuted: 1 }])
    expect(change.events?.map((event) => event.type)).toEqual(['result_refuted', 'audit_settled'])
    expect(change.frames?.[0]?.state).toBe('delivering')
  })

  test('while a third agrees with it leaves the auditor blamed', () => {
    const change = conclude(checked(anna, 2), [audit(1, bert), audit(2, carl)], 'xyx', [anna, bert, carl])
    expect(byId(change)[id]?.verdict).toBe('agreed')
    expect(byId(change)[auditTaskId(id, 1)]?.verdict).toBe('refuted')
    expect(credits(change)).toEqual([
      { type: 'credit_worker', workerId: anna, completed: 1 },
      { type: 'credit_worker', workerId: bert, refuted: 1 },
    ])
  })

  test('again and again by different workers fails the job in the end, without blame', () => {
    const workers = Array.from({ length: AUDIT_ROUNDS_MAX }, (_, index) => worker(`w${index}`))
    const audits = workers.map((workerId, index) => audit(index + 1, workerId))
    const change = conclude(checked(anna, AUDIT_ROUNDS_MAX), audits, 'abcdefgh', [anna, ...workers, dora])
    expect(change.job).toMatchObject({
      state: 'failed',
      failure: { code: 'result_disputed', message: expect.stringMatching(/may not be deterministic/) },
    })
    expect(byId(change)[id]?.state).toBe('failed')
    expect(credits(change)).toEqual([])
  })
})

describe('renderings that cannot be compared', () => {
  const among = (
    task: TaskRecord,
    audits: readonly TaskRecord[],
    verdict: Pair['verdict'],
    eligible: readonly WorkerId[],
  ): Change => {
    const told = pairs(task, audits, 'xyz').map((pair): Pair => ({
      ...pair,
      verdict,
      why: '0001.raw.exr: the file is tiled',
    }))
    const decision = concludeAudit(aJob(), task, { audits, frames: [aFrame()], pairs: told, eligible, now: NOW })
    if (!decision.ok) throw new Error(decision.detail)
    return decision
  }

  test('because the farm reads neither let the work go on unchecked, say so and blame nobody', () => {
    const held = { ...openAudit(2), state: 'leased' as const, epoch: 1, attempts: [anAttempt(1, carl)] }
    const change = among(checked(anna, 2, { note: 'disputed' }), [audit(1, bert), held], 'unread', [anna, bert, carl])
    expect(byId(change)[id]).toMatchObject({
      state: 'completed',
      verdict: 'unverified',
      canonical: { taskId: id, epoch: 1 },
      attempts: [{ verdict: 'unverified' }],
    })
    expect(byId(change)[id]?.note).toBeUndefined()
    expect(byId(change)[auditTaskId(id, 2)]?.state).toBe('canceled')
    expect(change.frames).toEqual([aFrame({ state: 'delivering', tasksLeft: 0 })])
    expect(credits(change)).toEqual([{ type: 'credit_worker', workerId: anna, completed: 1 }])
    expect(change.events).toEqual([
      {
        type: 'audit_unread',
        taskId: id,
        message:
          `frame 1 is not checked: what ${anna} and ${bert} rendered cannot be compared, ` +
          'which is not their fault: 0001.raw.exr: the file is tiled',
      },
    ])
  })

  test('because it does not read one of them go to a third worker, and nobody is said to disagree', () => {
    const change = among(checked(anna, 1), [audit(1, bert)], 'grey', [anna, bert, carl])
    expect(byId(change)[auditTaskId(id, 2)]).toMatchObject({ state: 'queued', avoid: [anna, bert] })
    expect(byId(change)[id]?.note).toBe(
      `what ${anna} and ${bert} rendered of frame 1 cannot be compared: ` +
        '0001.raw.exr: the file is tiled; a third worker renders it',
    )
    expect(credits(change)).toEqual([])
  })

  test('again and again fail the job with the reason', () => {
    const workers = Array.from({ length: AUDIT_ROUNDS_MAX }, (_, index) => worker(`w${index}`))
    const change = among(
      checked(anna, AUDIT_ROUNDS_MAX),
      workers.map((each, index) => audit(index + 1, each)),
      'grey',
      [anna, ...workers],
    )
    expect(change.job?.failure).toMatchObject({
      code: 'result_disputed',
      message: expect.stringMatching(/cannot be compared: 0001.raw.exr: the file is tiled$/),
    })
  })
})

describe('a conclusion', () => {
  test('is not drawn from a comparison that lacks one of the renderings', () => {
    const [task, audits] = [checked(anna, 3), [audit(1, bert), audit(2, carl), audit(3, dora)]]
    const early = pairs(task, audits.slice(0, 2), 'xyx')
    expect(
      concludeAudit(aJob(), task, {
        audits,
        frames: [aFrame()],
        pairs: early,
        eligible: [anna, bert, carl, dora],
        now: NOW,
      }),
    ).toEqual({ ok: true })
    expect(
      concludeAudit(aJob(), task, {
        audits: audits.slice(0, 2),
        frames: [aFrame()],
        pairs: early,
        eligible: [anna, bert, carl, dora],
        now: NOW,
      }),
    ).toEqual({ ok: true })
  })

  test('waits for whoever is still at it while the question is open', () => {
    expect(conclude(checked(anna, 2), [audit(1, bert), openAudit(2)], 'xy', [anna, bert, carl])).toEqual({ ok: true })
  })

  test('calls off the audits that are not needed any more', () => {
    const held = {
      ...leasedTo(carl),
      ...openAudit(3),
      state: 'leased' as const,
      epoch: 1,
      attempts: [anAttempt(1, carl)],
    }
    const change = conclude(checked(anna, 3), [audit(1, bert), openAudit(2), held], 'xx')
    expect(byId(change)[auditTaskId(id, 2)]?.state).toBe('canceled')
    expect(byId(change)[auditTaskId(id, 3)]).toMatchObject({ state: 'canceled', attempts: [{ outcome: 'canceled' }] })
    expect(change.effects).toContainEqual(expect.objectContaining({ type: 'cancel_lease', workerId: carl }))
  })

  test(
    'changes nothing when the task is no longer verifying, the ' + 'job not active, or there is one rendering only',
    () => {
      expect(conclude({ ...checked(anna, 1), state: 'completed' }, [audit(1, bert)], 'xx')).toEqual({ ok: true })
      expect(conclude(checked(anna, 1), [audit(1, bert)], 'xx', [], aJob({ state: 'canceled' }))).toEqual({ ok: true })
      expect(conclude(checked(anna, 1), [openAudit(1)], 'x')).toEqual({ ok: true })
    },
  )

  test('of a dispute clears the note that told of it', () => {
    const change = conclude(checked(anna, 2, { note: 'disputed' }), [audit(1, bert), audit(2, carl)], 'xyx', [])
    expect(byId(change)[id]?.note).toBeUndefined()
  })
})

describe('a scene that comes out otherwise each time', () => {
  const again = [audit(1, bert), audit(2, anna), audit(3, bert)]

  test('ends its job with that, and nobody is blamed, once everybody here contradicts itself', () => {
    const change = conclude(checked(anna, 3), again, 'wxyz')
    expect(change.job).toMatchObject({
      state: 'failed',
      failure: { code: 'scene_not_repeatable', message: expect.stringMatching(/^the scene is not repeatable: /) },
    })
    expect(byId(change)[id]?.state).toBe('failed')
    expect(credits(change)).toEqual([])
  })

  test('is shown to a third worker first where one is here, which then renders it twice as well', () => {
    const third = conclude(checked(anna, 3), again, 'wxyz', [anna, bert, carl])
    expect(byId(third)[auditTaskId(id, 4)]).toMatchObject({ state: 'queued', avoid: [anna, bert] })
    const twice = conclude(checked(anna, 4), [...again, audit(4, carl)], 'vwxyz', [anna, bert, carl])
    expect(byId(twice)[auditTaskId(id, 5)]).toMatchObject({ state: 'queued', only: carl })
    const over = conclude(checked(anna, 5), [...again, audit(4, carl), audit(5, carl)], 'uvwxyz', [anna, bert, carl])
    expect(over.job?.failure?.code).toBe('scene_not_repeatable')
  })

  test('is suspected when three workers all disagree: each renders it again, though others are here', () => {
    const change = conclude(checked(anna, 2), [audit(1, bert), audit(2, carl)], 'xyz', [anna, bert, carl, dora])
    expect(Object.values(byId(change)).map(({ only }) => only)).toEqual([undefined, anna, bert, carl])
  })

  test('is not suspected any more once one worker rendered it twice alike: somebody else is waited for', () => {
    const change = conclude(checked(anna, 3), again, 'wxwz')
    expect(byId(change)[auditTaskId(id, 4)]).toMatchObject({ state: 'queued', avoid: [anna, bert] })
    expect(byId(change)[auditTaskId(id, 4)]?.only).toBeUndefined()
  })
})
