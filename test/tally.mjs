// How many tests passed, failed and were skipped, from what the runners wrote. What cannot be read counts as failed.

/** @typedef {{ passed: number, failed: number, skipped: number }} Tally */

/**
 * @param {string} report the text of vitest's JSON report; empty when it wrote none
 * @param {number} exitCode
 * @returns {Tally}
 */
export function readVitestReport(report, exitCode) {
  const parsed = jsonOrNull(report)
  if (parsed === null) return { passed: 0, failed: 1, skipped: 0 }
  const passed = parsed.numPassedTests ?? 0
  const skipped = (parsed.numPendingTests ?? 0) + (parsed.numTodoTests ?? 0)
  // A file that cannot be loaded has no tests to count.
  const brokenFiles = (parsed.testResults ?? []).filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length
  const failed = (parsed.numFailedTests ?? 0) + brokenFiles
  // An error outside of every test shows in the exit code alone.
  return { passed, failed: failed === 0 && exitCode !== 0 ? 1 : failed, skipped }
}

/**
 * @param {string} said what unittest wrote to standard error
 * @param {number} exitCode
 * @returns {Tally}
 */
export function readPythonReport(said, exitCode) {
  const ran = Number(/^Ran (\d+) tests?/m.exec(said)?.[1] ?? 0)
  const counted = (name) => Number(new RegExp(`\\b${name}=(\\d+)`).exec(said)?.[1] ?? 0)
  const failed = counted('failures') + counted('errors')
  const skipped = counted('skipped')
  const trueFailed = failed === 0 && (exitCode !== 0 || ran === 0) ? 1 : failed
  return { passed: Math.max(0, ran - failed - skipped), failed: trueFailed, skipped }
}

/** @param {Tally} tally */
export function tallyLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

function jsonOrNull(text) {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
