import { describe, expect, test } from 'vitest'
import { readPythonReport, readVitestReport, tallyLine } from '../../tally.mjs'

const report = (change: object) =>
  JSON.stringify({
    numPassedTests: 3,
    numFailedTests: 0,
    numPendingTests: 0,
    numTodoTests: 0,
    testResults: [],
    ...change,
  })

describe('the tally of a vitest run', () => {
  test('counts what passed, failed and was skipped', () => {
    expect(readVitestReport(report({ numFailedTests: 2, numPendingTests: 1 }), 1)).toEqual({
      passed: 3,
      failed: 2,
      skipped: 1,
    })
  })
  test('takes a run without a report for a failure', () => {
    expect(readVitestReport('', 0)).toEqual({ passed: 0, failed: 1, skipped: 0 })
    expect(readVitestReport('{"numPassed', 0).failed).toBe(1)
  })
  test('takes a file that could not be loaded for a failure', () => {
    expect(readVitestReport(report({ testResults: [{ status: 'failed', assertionResults: [] }] }), 1).failed).toBe(1)
  })
  test('takes an error outside of every test for a failure', () => {
    expect(readVitestReport(report({}), 1).failed).toBe(1)
    expect(readVitestReport(report({}), 0).failed).toBe(0)
  })
})

describe('the tally of a Python suite', () => {
  test('counts what passed, failed and was skipped', () => {
    expect(readPythonReport('Ran 7 tests in 0.1s\n\nFAILED (failures=1, errors=2, skipped=1)', 1)).toEqual({
      passed: 3,
      failed: 3,
      skipped: 1,
    })
    expect(readPythonReport('Ran 7 tests in 0.1s\n\nOK', 0)).toEqual({ passed: 7, failed: 0, skipped: 0 })
  })
  test('takes a suite that ran nothing, or broke, for a failure', () => {
    expect(readPythonReport('Traceback', 1).failed).toBe(1)
    expect(readPythonReport('Ran 0 tests in 0.0s\n\nOK', 0).failed).toBe(1)
  })
})

test('the last line names skipped tests only if there are some', () => {
  expect(tallyLine({ passed: 2, failed: 1, skipped: 0 })).toBe('2 passed, 1 failed')
  expect(tallyLine({ passed: 2, failed: 0, skipped: 4 })).toBe('2 passed, 0 failed, 4 skipped')
})
