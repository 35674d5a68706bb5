// Runs the exactness tests with other Blenders: `bpy` wheels of 4.x and 5.x, each in a virtual environment below the cache folder
// (~/.cache/tilework/bpy, about 1.5 GiB each, kept). Needs a Python 3.11 and a package index that has bpy; not part of `npm test`.
//
//   npm run test:blender-versions [-- 4.2.0 5.0.1]      the versions wanted; those by default
//   --python PATH                                       besides, or instead, a Python that has bpy already (may be repeated)
//   --matrix                                            the whole matrix, EEVEE left out, instead of the tests

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'

/** One of each series whose wheels run on one Python; the first and the last that exist now. */
const VERSIONS_DEFAULT = ['4.2.0', '4.5.0', '5.0.1']
/** All wheels from 4.1 to 5.0 are made for this one. */
const PYTHON_WANTED = '3.11'
/** A wheel is about 350 MB. */
const INSTALL_TIMEOUT_MS = 30 * 60 * 1_000

const run = promisify(execFile)
const { values, positionals } = parseArgs({ allowPositionals: true, options: { python: { type: 'string', multiple: true }, matrix: { type: 'boolean' } } })
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

const results: string[] = []
let failed = 0
for (const { version, python } of ready) {
  console.log(`\nBlender ${version}\n`)
  const code = await test(python)
  if (code !== 0) failed += 1
  results.push(`Blender ${version}: ${code === 0 ? 'passed' : 'FAILED'}`)
}
console.log(`\n${[...results, ...absent.map((why) => `not run: ${why}`)].join('\n')}`)
process.exitCode = failed === 0 && results.length > 0 ? 0 : 1

async function test(python: string): Promise<number> {
  const command = values.matrix === true ? [fileURLToPath(new URL('main.js', import.meta.url)), '--skip', 'eevee'] : [join('node_modules', 'vitest', 'vitest.mjs'), 'run', 'test/end-to-end/driver-exactness.test.ts']
  const child = spawn(process.execPath, command, { stdio: 'inherit', env: { ...process.env, TILEWORK_TEST_BLENDER: python } })
  const [code] = await once(child, 'close')
  return typeof code === 'number' ? code : 1
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
