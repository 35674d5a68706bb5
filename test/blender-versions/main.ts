// Runs the driver's tests with other Blenders: `bpy` wheels of 4.x and 5.x, each in a virtual environment below the
// cache folder (~/.cache/tilework/bpy, about 1.5 GiB each, kept). Needs a package index that has bpy, and the Python
// that the wheels of a version are made for (3.11 for 4.1 to 5.0, 3.13 for 5.1 and later), in the PATH or from pyenv;
// not part of `npm test`. Each step is written to .benchmarks/blender-versions.json when it is over; one that hangs is
// cut off.
//
//   npm run test:blender-versions [-- 4.2.0 5.0.1]      the versions wanted; those by default
//   --python PATH                                       besides, or instead, a Python that has bpy already (may be
//   repeated)
//   --matrix                                            also the whole matrix of `bench:exactness`
//   --resume                                            leaves out what passed at this commit

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { z } from 'zod'
import { commitHere } from '../support/run-record.ts'
import { findPython, pythonFor } from './pythons.ts'

/** The two that are maintained for long, and all of 5. */
const VERSIONS_DEFAULT = ['4.2.0', '4.5.15', '5.0.1', '5.1.2', '5.2.3', '5.3.0']
/** Specs of what older Blenders do not have are named `since-VERSION-…`. */
const SINCE = /^since-(\d+)\.(\d+)-/
/** A wheel is about 350 MB. */
const INSTALL_TIMEOUT_MS = 30 * 60_000
/** The longest step takes six minutes on two idle cores. */
const STEP_TIMEOUT_MS = 40 * 60_000
const RECORD_PATH = join('.benchmarks', 'blender-versions.json')
const REPORT_PATH = join('.benchmarks', 'blender-versions-step.json')

const VITEST = join('node_modules', 'vitest', 'vitest.mjs')
const SPECS_CONFIG = join('test', 'blender-versions', 'vitest.config.ts')
const STEPS: Readonly<Record<string, readonly string[]>> = {
  'driver and matrix in brief': [
    VITEST,
    'run',
    '--project',
    'heavy',
    'test/end-to-end/driver-',
    'test/end-to-end/keyed-',
  ],
  'denoising, effects, and through a farm too': [VITEST, 'run', '--config', SPECS_CONFIG],
}
const MATRIX = [join('.build', 'test', 'benchmarks', 'exactness', 'main.js'), '--summary', '--resume']

const Step = z.strictObject({
  version: z.string(),
  step: z.string(),
  passed: z.boolean(),
  seconds: z.number(),
  tests: z.array(z.strictObject({ name: z.string(), status: z.string(), why: z.string() })),
})
type Step = z.infer<typeof Step>
const Results = z.strictObject({ commit: z.string(), steps: z.array(Step) })
const VitestReport = z.object({
  testResults: z.array(
    z.object({
      assertionResults: z.array(
        z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()).default([]) }),
      ),
    }),
  ),
})

const run = promisify(execFile)
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { python: { type: 'string', multiple: true }, matrix: { type: 'boolean' }, resume: { type: 'boolean' } },
})
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
const kept =
  values.resume === true && existsSync(RECORD_PATH)
    ? Results.parse(JSON.parse(await readFile(RECORD_PATH, 'utf8')))
    : undefined
const done: Step[] = kept?.commit === commit ? kept.steps.filter((step) => step.passed) : []
await mkdir('.benchmarks', { recursive: true })
for (const { version, python } of ready) {
  for (const [step, command] of Object.entries({
    ...STEPS,
    ...(values.matrix === true ? { 'the whole matrix': MATRIX } : {}),
  })) {
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
  console.log(
    `Blender ${version}, ${step}: ${passed ? 'passed' : 'FAILED'}, ` +
      `${tests.filter(({ status }) => status === 'passed').length} of ` +
      `${tests.length} tests in ${Math.round(seconds)} s`,
  )
  for (const { name, status, why } of tests)
    if (status !== 'passed') console.log(`    ${status}: ${name}${why === '' ? '' : `: ${why}`}`)
}
for (const why of absent) console.log(`not run: ${why}`)
if (interrupted) console.log('interrupted: --resume goes on')
process.exitCode = !interrupted && done.length > 0 && done.every(({ passed }) => passed) ? 0 : 1

/** Names of the spec files that need a later Blender than this. */
async function specsTooNewFor(version: string): Promise<string[]> {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const names = await readdir(join('test', 'blender-versions'))
  return names.filter((name) => {
    const since = SINCE.exec(name)
    return since !== null && (Number(since[1]) > major || (Number(since[1]) === major && Number(since[2]) > minor))
  })
}

async function test(version: string, python: string, step: string, command: readonly string[]): Promise<Step> {
  const begun = performance.now()
  await rm(REPORT_PATH, { force: true })
  const tooNew = command.includes(SPECS_CONFIG)
    ? (await specsTooNewFor(version)).flatMap((name) => ['--exclude', `**/${name}`])
    : []
  const reporting =
    command[0] === VITEST ? ['--reporter=default', '--reporter=json', `--outputFile.json=${REPORT_PATH}`] : []
  const child = spawn(process.execPath, [...command, ...tooNew, ...reporting], {
    stdio: 'inherit',
    env: { ...process.env, TILEWORK_TEST_BLENDER: python },
    timeout: STEP_TIMEOUT_MS,
  })
  const [code] = await once(child, 'close')
  const report = existsSync(REPORT_PATH)
    ? VitestReport.parse(JSON.parse(await readFile(REPORT_PATH, 'utf8')))
    : { testResults: [] }
  const tests = report.testResults.flatMap(({ assertionResults }) =>
    assertionResults.map(({ fullName, status, failureMessages }) => ({
      name: fullName,
      status,
      why: (failureMessages[0] ?? '').split('\n')[0]?.slice(0, 300) ?? '',
    })),
  )
  return { version, step, passed: code === 0, seconds: (performance.now() - begun) / 1000, tests }
}

/** The Python of a virtual environment with this bpy, made if it is not there. */
async function install(version: string): Promise<{ readonly python: string } | { readonly why: string }> {
  if (!/^\d+\.\d+\.\d+$/.test(version)) return { why: 'a version has three numbers, like 4.2.0' }
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tilework', 'bpy', version)
  const python = join(folder, 'bin', 'python')
  if (existsSync(python) && (await blenderVersion(python)) === version) return { python }
  const wanted = pythonFor(version)
  const base = await findPython(wanted)
  if (base === undefined)
    return {
      why:
        `its wheel runs on Python ${wanted} alone, which is neither in the PATH nor among the versions of ` +
        `pyenv; install it (pyenv install ${wanted}), or name a Python that has bpy with --python`,
    }
  try {
    console.log(`installing bpy ${version}`)
    await mkdir(folder, { recursive: true })
    await run(base, ['-m', 'venv', folder])
    await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `bpy==${version}`], {
      timeout: INSTALL_TIMEOUT_MS,
    })
  } catch (error) {
    return { why: `could not be installed: ${error instanceof Error ? error.message.slice(0, 500) : String(error)}` }
  }
  return (await blenderVersion(python)) === version ? { python } : { why: `${python} does not import bpy ${version}` }
}

/** `5.0.1`; undefined where bpy cannot be imported. */
async function blenderVersion(python: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(python, [
      '-c',
      'import bpy, os; print(".".join(map(str, bpy.app.version)), flush=True); os._exit(0)',
    ])
    return /^\d+\.\d+\.\d+$/m.exec(stdout)?.[0]
  } catch {
    return undefined
  }
}
