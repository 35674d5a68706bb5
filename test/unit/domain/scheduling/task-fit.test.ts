import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isPicky, mayHave } from '../../../../shared/domain/scheduling/task-fit.ts'
import { auditTaskId, renderTaskId } from '../../../../shared/protocol/ids.ts'
import { aFinish, aTask, anAttempt, worker } from '../records.ts'

const [anna, bert, carl] = [worker('anna'), worker('bert'), worker('carl')]
const audit = (change: Parameters<typeof aTask>[0] = {}) =>
  aTask({ id: auditTaskId(renderTaskId(0), 1), kind: 'audit', audits: renderTaskId(0), avoid: [anna], ...change })

describe('a queued task', () => {
  test('that nobody failed may go to anybody and need not be looked for', () => {
    expect(isPicky(aTask())).toBe(false)
    expect(mayHave(aTask(), anna, [bert])).toBe(true)
  })

  test('that somebody failed goes to others while there are others', () => {
    const failed = aTask({ avoid: [anna] })
    expect(isPicky(failed)).toBe(true)
    expect(mayHave(failed, anna, [bert])).toBe(false)
    expect(mayHave(failed, bert, [anna])).toBe(true)
  })

  test('that everybody here failed may be tried by any of them again', () => {
    expect(mayHave(aTask({ avoid: [anna] }), anna, [])).toBe(true)
    expect(mayHave(aTask({ avoid: [anna, bert] }), anna, [bert])).toBe(true)
    expect(mayHave(aTask({ avoid: [anna, bert] }), anna, [bert, carl])).toBe(false)
  })
})

describe('an audit', () => {
  test('never goes to whoever rendered what it checks, not even when nobody else is there', () => {
    expect(mayHave(audit(), anna, [])).toBe(false)
    expect(mayHave(audit(), anna, [bert])).toBe(false)
    expect(mayHave(audit(), bert, [anna])).toBe(true)
  })

  test('that its only auditor failed may be tried by that one again', () => {
    const failed = audit({ avoid: [anna, bert], epoch: 1, attempts: [anAttempt(1, bert, { outcome: 'expired' })] })
    expect(mayHave(failed, bert, [anna])).toBe(true)
    expect(mayHave(failed, anna, [bert])).toBe(false)
    expect(mayHave(failed, bert, [anna, carl])).toBe(false)
    expect(mayHave(failed, carl, [anna, bert])).toBe(true)
  })

  test(
    'that one worker must render waits for it while it is connected, ' + 'and goes to somebody new when it is not',
    () => {
      const bound = audit({ avoid: [anna, bert], only: anna })
      expect(mayHave(bound, anna, [bert])).toBe(true)
      expect(mayHave(bound, bert, [anna])).toBe(false)
      expect(mayHave(bound, carl, [anna, bert])).toBe(false)
      expect(mayHave(bound, carl, [bert])).toBe(true)
      expect(mayHave(bound, bert, [carl])).toBe(false)
    },
  )
})

describe('a finish', () => {
  const finish = aFinish()

  test('is chosen by looking, since it may matter who does it', () => {
    expect(isPicky(finish)).toBe(true)
  })

  test('goes to anybody while no anchor is there', () => {
    expect(mayHave(finish, anna, [bert])).toBe(true)
  })

  test('goes to an anchor only while one is there', () => {
    expect(mayHave(finish, bert, [anna], [anna])).toBe(false)
    expect(mayHave(finish, anna, [bert], [anna])).toBe(true)
  })

  test('goes to somebody else when every anchor has failed it', () => {
    const failed = aFinish({ avoid: [anna] })
    expect(mayHave(failed, bert, [anna], [anna])).toBe(true)
    expect(mayHave(failed, bert, [anna, carl], [anna, carl])).toBe(false)
  })
})

describe('what ran out of memory', () => {
  test('goes to a larger machine, though one that is too small was asked for by name', () => {
    const bound = audit({
      avoid: [anna, bert],
      only: anna,
      epoch: 1,
      attempts: [anAttempt(1, anna, { outcome: 'failed' })],
    })
    expect(
      [anna, carl].map((each) =>
        mayHave(
          bound,
          each,
          [anna, bert, carl].filter((other) => other !== each),
          [],
          [anna],
        ),
      ),
    ).toEqual([false, true])
    expect(mayHave(bound, anna, [bert], [], [anna])).toBe(true)
  })

  test('goes to a larger machine, though an anchor that is too small is there', () => {
    expect(
      [anna, bert].map((each) =>
        mayHave(
          aFinish(),
          each,
          [anna, bert].filter((other) => other !== each),
          [anna],
          [anna],
        ),
      ),
    ).toEqual([false, true])
  })
})

test('where somebody is there that may see a task, somebody may have it', () => {
  const some = fc.subarray([anna, bert, carl, worker('dora')])
  fc.assert(
    fc.property(
      fc.constantFrom('render', 'audit', 'finish'),
      some,
      some,
      some,
      some,
      some,
      fc.option(fc.constantFrom(anna, bert, carl)),
      (kind, here, avoid, tried, anchors, tooSmall, only) => {
        const attempts = tried.map((each, index) => anAttempt(index + 1, each, { outcome: 'failed' }))
        // Only audits are for one worker by name.
        const task = aTask({ kind, avoid, attempts, ...(only === null || kind !== 'audit' ? {} : { only }) })
        const maySee = here.filter(
          (each) => kind !== 'audit' || each === only || !avoid.includes(each) || tried.includes(each),
        )
        const mayHaveIt = here.filter((each) =>
          mayHave(
            task,
            each,
            here.filter((other) => other !== each),
            anchors.filter((each) => here.includes(each)),
            tooSmall,
          ),
        )
        if (maySee.length > 0) expect(mayHaveIt).not.toEqual([])
      },
    ),
    { numRuns: 5_000 },
  )
})
