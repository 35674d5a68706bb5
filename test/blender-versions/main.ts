// Runs the driver's tests with other Blenders: `bpy` wheels of 4.x and 5.x, each in a virtual environment below the cache folder
// (~/.cache/tilework/bpy, about 1.5 GiB each, kept). Needs a Python 3.11 and a package index that has bpy; not part of `npm test`.
// Each step is written to .benchmarks/blender-versions.json when it is over; one that hangs is cut off.
//
//   npm run test:blender-versions [-- 4.2.0 5.0.1]      the versions wanted; those by default
//   --python PATH                                       besides, or instead, a Python that has bpy already (may be repeated)
//   --matrix                                            also the whole matrix of `bench:exactness`
//   --resume                                            leaves out what passed at this commit

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { z } from 'zod'
import { commitHere } from '../benchmarks/exactness/record.ts'

/** One of each series whose wheels run on one Python; the first and the last that exist now. */
const VERSIONS_DEFAULT = ['4.2.0', '4.5.0', '5.0.1']
/** All wheels from 4.1 to 5.0 are made for this one. */
const PYTHON_WANTED = '3.11'
/** A wheel is about 350 MB. */
const INSTALL_TIMEOUT_MS = 30 * 60_000
/** The longest step takes six minutes on two idle cores. */
const STEP_TIMEOUT_MS = 40 * 60_000
const RECORD_PATH = join('.benchmarks', 'blender-versions.json')
const REPORT_PATH = join('.benchmarks', 'blender-versions-step.json')

const VITEST = join('node_modules', 'vitest', 'vitest.mjs')
const STEPS: Readonly<Record<string, readonly string[]>> = {
  'driver and matrix in brief': [VITEST, 'run', '--project', 'heavy', 'test/end-to-end/driver-'],
  'denoising, through a farm too': [VITEST, 'run', '--config', 'test/blender-versions/vitest.config.ts'],
}
const MATRIX = [join('.build', 'test', 'benchmarks', 'exactness', 'main.js'), '--summary', '--resume']

const Step = z.strictObject({ version: z.string(), step: z.string(), passed: z.boolean(), seconds: z.number(), tests: z.array(z.strictObject({ name: z.string(), status: z.string(), why: z.string() })) })
type Step = z.infer<typeof Step>
const Results = z.strictObject({ commit: z.string(), steps: z.array(Step) })
const VitestReport = z.object({ testResults: z.array(z.object({ assertionResults: z.array(z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()).default([]) })) })) })

const run = promisify(execFile)
const { values, positionals } = parseArgs({ allowPositionals: true, options: { python: { type: 'string', multiple: true }, matrix: { type: 'boolean' }, resume: { type: 'boolean' } } })
let interrupted = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (interrupted = true))

const ready: { version: string; python: string }[] = []
const absent: string[] = []
for (const python of values.python ?? []) {
  const version = await blenderVersion(python)
  if (version === undefined) absent.push(`${python} has no bpy that can be imported`)
  else ready.push({ version, python })
}
const wanted = positionals.length > 0 || values.python !== undefined ? positionals : VERSIONS_DEFAULT
for (const version of wanted) {
  const installed = await install(version)
  if ('python' in installed) ready.push({ version, python: installed.python })
  else absent.push(`${version}: ${installed.why}`)
}

const commit = commitHere()
const kept = values.resume === true && existsSync(RECORD_PATH) ? Results.parse(JSON.parse(await readFile(RECORD_PATH, 'utf8'))) : undefined
const done: Step[] = kept?.commit === commit ? kept.steps.filter((step) => step.passed) : []
await mkdir('.benchmarks', { recursive: true })
for (const { version, python } of ready) {
  for (const [step, command] of Object.entries({ ...STEPS, ...(values.matrix === true ? { 'the whole matrix': MATRIX } : {}) })) {
    if (interrupted || done.some((each) => each.version === version && each.step === step)) continue
    console.log(`\nBlender ${version}: ${step}\n`)
    const result = await test(version, python, step, command)
    // Signals at a terminal go to all: what was broken off says nothing.
    if (!interrupted) done.push(result)
    await writeFile(RECORD_PATH, `${JSON.stringify({ commit, steps: done }, null, 1)}\n`)
  }
}

console.log(`\ncommit ${commit}\n`)
for (const { version, step, passed, seconds, tests } of done) {
  console.log(`Blender ${version}, ${step}: ${passed ? 'passed' : 'FAILED'}, ${tests.filter(({ status }) => status === 'passed').length} of ${tests.length} tests in ${Math.round(seconds)} s`)
  for (const { name, status, why } of tests) if (status !== 'passed') console.log(`    ${status}: ${name}${why === '' ? '' : `: ${why}`}`)
}
for (const why of absent) console.log(`not run: ${why}`)
if (interrupted) console.log('interrupted: --resume goes on')
process.exitCode = !interrupted && done.length > 0 && done.every(({ passed }) => passed) ? 0 : 1

async function test(version: string, python: string, step: string, command: readonly string[]): Promise<Step> {
  const begun = performance.now()
  await rm(REPORT_PATH, { force: true })
  const reporting = command[0] === VITEST ? ['--reporter=default', '--reporter=json', `--outputFile.json=${REPORT_PATH}`] : []
  const child = spawn(process.execPath, [...command, ...reporting], { stdio: 'inherit', env: { ...process.env, TILEWORK_TEST_BLENDER: python }, timeout: STEP_TIMEOUT_MS })
  const [code] = await once(child, 'close')
  const report = existsSync(REPORT_PATH) ? VitestReport.parse(JSON.parse(await readFile(REPORT_PATH, 'utf8'))) : { testResults: [] }
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults.map(({ fullName, status, failureMessages }) => ({ name: fullName, status, why: (failureMessages[0] ?? '').split('\n')[0]?.slice(0, 300) ?? '' })))
  return { version, step, passed: code === 0, seconds: (performance.now() - begun) / 1000, tests }
}

/** The Python of a virtual environment with this bpy, made if it is not there. */
async function install(version: string): Promise<{ readonly python: string } | { readonly why: string }> {
  if (!/^\d+\.\d+\.\d+$/.test(version)) return { why: 'a version has three numbers, like 4.2.0' }
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tilework', 'bpy', version)
  const python = join(folder, 'bin', 'python')
  if (existsSync(python) && (await blenderVersion(python)) === version) return { python }
  const base = await findPython()
  if (base === undefined) return { why: `no Python ${PYTHON_WANTED} was found; its wheels run on no other` }
  try {
    console.log(`installing bpy ${version}`)
    await mkdir(folder, { recursive: true })
    await run(base, ['-m', 'venv', folder])
    await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `bpy==${version}`], { timeout: INSTALL_TIMEOUT_MS })
  } catch (error) {
    return { why: `could not be installed: ${error instanceof Error ? error.message.slice(0, 500) : String(error)}` }
  }
  return (await blenderVersion(python)) === version ? { python } : { why: `${python} does not import bpy ${version}` }
}

async function findPython(): Promise<string | undefined> {
  for (const name of [`python${PYTHON_WANTED}`, 'python3', 'python']) {
    try {
      const { stdout } = await run(name, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'])
      if (stdout.trim() === PYTHON_WANTED) return name
    } catch {
      continue // not on this machine
    }
  }
  return undefined
}

/** `5.0.1`; undefined where bpy cannot be imported. */
async function blenderVersion(python: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(python, ['-c', 'import bpy, os; print(".".join(map(str, bpy.app.version)), flush=True); os._exit(0)'])
    return /^\d+\.\d+\.\d+$/m.exec(stdout)?.[0]
  } catch {
    return undefined
  }
}
