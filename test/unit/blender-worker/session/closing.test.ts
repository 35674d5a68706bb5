import { expect, test } from 'vitest'
import { afterClosing } from '../../../../blender-worker/session/closing.ts'
import { CLOSE_CODES } from '../../../../shared/protocol/messages.ts'

const EXPECTED: Record<keyof typeof CLOSE_CODES, object> = {
  going_away: { kind: 'reconnect', wait: 'usual' },
  too_big: { kind: 'reconnect', wait: 'usual' },
  bad_message: { kind: 'reconnect', wait: 'usual' },
  unauthorized: { kind: 'give-up', why: 'unauthorized' },
  replaced: { kind: 'give-up', why: 'replaced' },
  silent: { kind: 'reconnect', wait: 'usual' },
  version: { kind: 'give-up', why: 'version' },
  overloaded: { kind: 'reconnect', wait: 'longer' },
}

test.each(Object.entries(CLOSE_CODES))('close code %s (%i) is acted on as the protocol says', (name, code) => {
  const expected = Object.entries(EXPECTED).find(([key]) => key === name)?.[1]
  expect(afterClosing({ code, reason: 'the reason given' })).toMatchObject({ ...expected, message: expect.any(String) })
})

test.each([
  [401, { kind: 'give-up', why: 'unauthorized' }],
  [403, { kind: 'give-up', why: 'unauthorized' }],
  [426, { kind: 'give-up', why: 'version' }],
  [429, { kind: 'reconnect', wait: 'longer' }],
  [503, { kind: 'reconnect', wait: 'longer' }],
  [404, { kind: 'reconnect', wait: 'usual' }],
  [502, { kind: 'reconnect', wait: 'usual' }],
])('an upgrade answered with HTTP %i is acted on', (httpStatus, expected) => {
  expect(afterClosing({ code: 1006, httpStatus, reason: '' })).toMatchObject(expected)
})

test('a connection that broke without a word is made again', () => {
  expect(afterClosing({ code: 1006, reason: 'ECONNREFUSED' })).toEqual({
    kind: 'reconnect',
    wait: 'usual',
    message: 'the connection ended with code 1006 (ECONNREFUSED)',
  })
})
