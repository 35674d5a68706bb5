import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isDrawn } from '../../../../shared/domain/verification/audit-draw.ts'
import { auditTaskId, renderTaskId } from '../../../../shared/protocol/ids.ts'
import { aFinish, aJob, anAttempt, aPlan, aTask, worker } from '../records.ts'

const job = (auditRate: number, renderTaskCount = 10) => aJob({ plan: aPlan({ auditRate, renderTaskCount }) })
const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

describe('the audit lottery', () => {
  test('draws whoever mixes the sound of the movie, as there is only one', () => {
    const sound = { frame: 1, first: 1, last: 9, codec: 'aac', kbits: 192, rate: 48_000, channels: 2 } as const
    const film = aJob({ plan: aPlan({ auditRate: 1e-9, renderTaskCount: 10, sound }) })
    expect(isDrawn(film, aTask({ id: renderTaskId(3), frames: [1] }), 0.5, 0.9)).toBe(true)
    expect(isDrawn(film, aTask({ id: renderTaskId(3), frames: [2] }), 0.5, 0.9)).toBe(false)
  })

  test('at rate 0 draws nothing, at rate 1 everything', () => {
    fc.assert(
      fc.property(fraction, fraction, fc.nat(9), (draw, lucky, index) => {
        expect(isDrawn(job(0), aTask({ id: renderTaskId(index) }), draw, lucky)).toBe(false)
        expect(isDrawn(job(1), aTask({ id: renderTaskId(index) }), draw, lucky)).toBe(true)
      }),
    )
    expect(isDrawn(job(0), aFinish(), 0, 0)).toBe(false)
  })

  test('at any other rate draws one render task at least, exactly one when every ticket loses', () => {
    fc.assert(
      fc.property(fraction, fc.integer({ min: 1, max: 40 }), (lucky, count) => {
        const drawn = Array.from({ length: count }, (_, index) =>
          isDrawn(job(1e-9, count), aTask({ id: renderTaskId(index) }), 0.5, lucky),
        )
        expect(drawn.filter(Boolean)).toHaveLength(1)
      }),
    )
  })

  test('draws below the rate and not at it', () => {
    expect(isDrawn(job(0.1), aTask({ id: renderTaskId(3) }), 0.0999, 0)).toBe(true)
    expect(isDrawn(job(0.1), aTask({ id: renderTaskId(3) }), 0.1, 0)).toBe(false)
  })

  test('always draws a finish, never an audit', () => {
    expect(isDrawn(job(1e-9), aFinish(), 0.99, 0)).toBe(true)
    expect(isDrawn(job(1), aTask({ id: auditTaskId(renderTaskId(0), 1), kind: 'audit' }), 0, 0)).toBe(false)
  })

  test('draws no finish of an anchor, and every render task of one as of anybody', () => {
    expect(isDrawn(job(1), aFinish(), 0, 0, true)).toBe(false)
    expect(isDrawn(job(1), aTask({ id: renderTaskId(3) }), 0.5, 0, true)).toBe(true)
  })

  test('draws what replaces a result that was to be audited', () => {
    expect(isDrawn(job(1e-9), aTask({ id: renderTaskId(3), auditRounds: 1 }), 0.99, 0)).toBe(true)
  })

  test('draws what follows a result that was drawn and never came', () => {
    const attempts = [anAttempt(1, worker('anna'), { outcome: 'failed', drawnForAudit: true })]
    expect(isDrawn(job(1e-9), aTask({ id: renderTaskId(3), attempts }), 0.99, 0)).toBe(true)
    expect(isDrawn(job(1e-9), aTask({ id: renderTaskId(3), attempts: [anAttempt(1, worker('anna'))] }), 0.99, 0)).toBe(
      false,
    )
  })
})
