/*
 * `npm test`: sets the machine up for the tests, checks the sources as `npm run check` does, runs every suite, and ends
 * with one line that says how many passed and failed. Arguments go to vitest, to run a part without the checks:
 * npm test -- test/unit
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildIfOld, setUp, SetUpFailed } from '../services/cli/setup/set-up.mjs'
import { runSteps } from './check/run-steps.mjs'
import { AT_ONCE, STEPS } from './check/steps.mjs'
import { installSwift } from './support/install-swift.mjs'
import { readPythonReport, readVitestReport, tallyLine } from './tally.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

process.chdir(ROOT)
const only = process.argv.slice(2)
const tallies = []
try {
  await setUp({ yes: true, tests: true, compile: false })
  installSwift({ log: (line) => process.stderr.write(`${line}\n`) })
  if (only.length === 0)
    tallies.push(await runSteps(STEPS, { atOnce: AT_ONCE, say: (text) => process.stderr.write(text) }))
  // Types that do not fit are a failure, but no reason not to run the rest.
  tallies.push(countedIfBroken(buildIfOld))
  tallies.push(await runVitest(only))
  if (only.length === 0) tallies.push(runPython())
} catch (error) {
  tallies.push(uncounted(error))
}
const sum = tallies.reduce((a, b) => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
}))
process.stdout.write(`${tallyLine(sum)}\n`)
process.exitCode = sum.failed === 0 && sum.passed > 0 ? 0 : 1

function countedIfBroken(work) {
  try {
    work()
    return { passed: 0, failed: 0, skipped: 0 }
  } catch (error) {
    return uncounted(error)
  }
}

/** A failure outside of every test is still one. */
function uncounted(error) {
  process.stderr.write(`${error instanceof SetUpFailed ? error.message : (error.stack ?? error)}\n`)
  return { passed: 0, failed: 1, skipped: 0 }
}

async function runVitest(filters) {
  const folder = mkdtempSync(join(tmpdir(), 'tilework-tests-'))
  const report = join(folder, 'report.json')
  try {
    const args = [
      join('node_modules', 'vitest', 'vitest.mjs'),
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...filters,
    ]
    const child = spawn(process.execPath, args, { stdio: 'inherit' })
    const code = await new Promise((resolve) => child.once('close', (status) => resolve(status ?? 1)))
    return readVitestReport(existsSync(report) ? readFileSync(report, 'utf8') : '', code)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Tests of the Python that runs inside Blender or beside it, where there are some. */
function runPython() {
  const suites = readdirSync(join(ROOT, 'test'), { recursive: true }).filter((path) =>
    /(^|\/)test_[a-z_]+\.py$/.test(path),
  )
  const tallies = suites.map((path) => {
    const { status, stdout, stderr } = spawnSync('python3', [join('test', path)], { encoding: 'utf8' })
    process.stderr.write(stdout + stderr)
    return readPythonReport(stderr, status ?? 1)
  })
  return tallies.reduce(
    (a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }),
    { passed: 0, failed: 0, skipped: 0 },
  )
}
