/*
 * Brings a machine that has Node, npm and (best) apt to where Tilework can run: programs, npm packages, build. It says
 * what it will do before it does it, asks where somebody can answer, and does nothing that is done already.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { aptInstall } from './apt.mjs'
import { changedMs, isThere, newestSourceMs, readJson, ROOT } from './machine.mjs'
import {
  byHandText,
  FARM_PROGRAMS,
  isInstalled,
  missingPrograms,
  packagesOf,
  rootPrefix,
  TEST_PROGRAMS,
} from './set-up-plan.mjs'

const NODE_MIN = [20, 19]
/** Touched after each build that went well; tsc itself leaves its files alone when nothing changed. */
const BUILD_STAMP = join(ROOT, '.build', '.built')

/** The machine cannot be set up; the message says what to do. */
export class SetUpFailed extends Error {
  name = 'SetUpFailed'
}

/**
 * @param {{ yes?: boolean, tests?: boolean, compile?: boolean }} options `yes`: do not ask; `tests`: also what only the
 *   tests need;
 *   `compile`: false leaves the build to the caller
 * @returns {Promise<Record<string, number>>} the seconds that each part took
 */
export async function setUp({ yes = false, tests = false, compile = true } = {}) {
  refuseOldNode()
  const programs = tests ? [...FARM_PROGRAMS, ...TEST_PROGRAMS] : FARM_PROGRAMS
  const missing = missingPrograms(programs, isThere, process.env)
  const needsPackages = !isInstalled(readJson('package-lock.json'), readJson('node_modules/.package-lock.json'))
  const asRoot = rootPrefix({
    apt: isThere('apt-get'),
    root: process.getuid?.() === 0,
    sudo: isThere('sudo'),
    terminal: process.stdin.isTTY === true,
  })
  if (missing.length > 0 && asRoot === null)
    throw new SetUpFailed(
      `Missing: ${missing.map(({ command }) => command).join(', ')}. They cannot be installed ` +
        `from here: this needs apt, and root or sudo.\n${byHandText(missing)}`,
    )

  const steps = [
    ...(missing.length > 0
      ? [`install ${packagesOf(missing).join(', ')} with ${[...asRoot, 'apt-get'].join(' ')}`]
      : []),
    ...(needsPackages
      ? ['install the npm packages of package-lock.json into node_modules with npm ci (about 200 MB)']
      : []),
  ]
  if (steps.length > 0) {
    say(`Tilework is going to\n${steps.map((step) => `  - ${step}`).join('\n')}`)
    if (!yes) await askToGoOn()
  }
  const seconds = {}
  if (missing.length > 0) await timed(seconds, 'system packages', () => installPrograms(programs, missing, asRoot))
  if (needsPackages) await timed(seconds, 'npm packages', installPackages)
  if (compile) await timed(seconds, 'build', buildIfOld)
  return seconds
}

/**
 * Compiles the sources into .build, unless they were not touched since the last time. Throws SetUpFailed when they do
 * not compile.
 */
export function buildIfOld() {
  if (changedMs(BUILD_STAMP) >= newestSourceMs()) return
  say('Building …')
  const startedAt = new Date()
  run('The build failed; what is wrong stands above.', process.execPath, [
    join('node_modules', 'typescript', 'bin', 'tsc'),
    '-p',
    'tsconfig.json',
  ])
  mkdirSync(join(ROOT, '.build'), { recursive: true })
  writeFileSync(BUILD_STAMP, '')
  // What was changed while it ran is younger than this, and built the next time.
  utimesSync(BUILD_STAMP, startedAt, startedAt)
}

function installPrograms(programs, missing, asRoot) {
  const done = aptInstall(packagesOf(missing), asRoot)
  const still = missingPrograms(programs, isThere, process.env)
  const noPassword = asRoot.includes('-n') ? ' (sudo would have to ask for a password, and there is no terminal)' : ''
  if (!done || still.length > 0)
    throw new SetUpFailed(
      `apt could not install what is missing${noPassword}.\n${byHandText(still.length > 0 ? still : missing)}`,
    )
}

function installPackages() {
  // Said whatever `npm run --silent` has asked for: without its errors nobody could tell what is wrong.
  run('npm ci failed; what is wrong stands above. It needs a way to the npm registry.', 'npm', [
    'ci',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ])
}

async function askToGoOn() {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) return
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await lines.question('Go on? [Y/n] ')
  lines.close()
  if (!/^(y|yes|)$/i.test(answer.trim())) throw new SetUpFailed('Nothing was done.')
}

function refuseOldNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [majorMin, minorMin] = NODE_MIN
  if (major < majorMin || (major === majorMin && minor < minorMin))
    throw new SetUpFailed(
      `This is Node ${process.versions.node}; Tilework needs ${NODE_MIN.join('.')} or ` +
        `newer. Get it from https://nodejs.org or your system's packages.`,
    )
}

function run(complaint, command, args) {
  if (spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 2, 2] }).status !== 0) throw new SetUpFailed(complaint)
}

async function timed(seconds, name, work) {
  const startedMs = performance.now()
  await work()
  const taken = (performance.now() - startedMs) / 1000
  if (taken > 0.5) seconds[name] = taken
}

function say(text) {
  process.stderr.write(`${text}\n`)
}
