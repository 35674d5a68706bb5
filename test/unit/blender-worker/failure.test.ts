import { expect, test } from 'vitest'
import { failureOf, WorkFailure } from '../../../blender-worker/failure.ts'
import { Failure } from '../../../shared/protocol/failure.ts'

test('a full disk is told as such wherever it shows', () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
  expect(failureOf(full, 'blender_crashed').code).toBe('disk_full')
  expect(
    failureOf(
      new Error('copying failed', { cause: Object.assign(new Error('quota'), { code: 'EDQUOT' }) }),
      'blender_crashed',
    ).code,
  ).toBe('disk_full')
})

test('what nobody foresaw is told with its message under the code of the place', () => {
  expect(failureOf(new TypeError('surprise'), 'upload_failed')).toEqual({ code: 'upload_failed', message: 'surprise' })
})

test('however much Blender said, the failure fits into its message, and the last words are the last', () => {
  const failure = failureOf(
    new WorkFailure('blender_crashed', 'x'.repeat(10_000), { lastWords: `${'y'.repeat(20_000)}the end` }),
    'blender_crashed',
  )
  expect(Failure.safeParse(failure).success).toBe(true)
  expect(failure.lastWords).toMatch(/the end$/)
})
