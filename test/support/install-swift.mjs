/*
 * Puts OpenStack Swift, an S3 server that is not ours, where the tests find it.
 *
 * Debian's own packages are downloaded and unpacked into a folder of the user's cache. Nothing is
 * installed, no service is started, and nothing but that folder changes, so no rights are needed
 * (but for `apt-get update` on a machine that has never had its package lists).
 *
 *   node test/support/install-swift.mjs
 *
 * Plain JavaScript without packages, so that it can run before anything is built.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Longest wait for one apt command in milliseconds: 8 MB of packages over a slow line. */
const APT_TIMEOUT_MS = 300_000

/**
 * The folder into which Swift is unpacked; it holds a small Debian tree (usr/lib/…).
 * @public The tests import it by its path.
 */
export function swiftFolder() {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'tilework', 'swift')
}

/**
 * What a child process needs in its environment to find the unpacked Swift.
 * @public The tests import it by its path.
 */
export function swiftEnvironment(root = swiftFolder()) {
  const libraries = join(root, 'usr', 'lib')
  const byMachine = existsSync(libraries) ? readdirSync(libraries).filter((name) => name.endsWith('-linux-gnu')) : []
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: homedir(),
    LANG: 'C.UTF-8',
    PYTHONPATH: join(libraries, 'python3', 'dist-packages'),
    LD_LIBRARY_PATH: byMachine.map((name) => join(libraries, name)).join(':'),
  }
}

/**
 * Unpacks Swift unless it is there and works. Gives its folder and whether anything was done.
 * Throws an Error that says what to do when it cannot.
 */
export function installSwift({ log = () => {} } = {}) {
  const root = swiftFolder()
  if (works(root)) return { root, installed: false }
  if (run('python3', ['--version']).status !== 0) {
    throw new Error('the S3 test server needs Python 3: install it with `apt-get install python3`')
  }
  log(`downloading OpenStack Swift from Debian into ${root}`)
  mkdirSync(dirname(root), { recursive: true })
  const work = mkdtempSync(`${root}-`)
  try {
    const tree = join(work, 'tree')
    mkdirSync(tree)
    const packages = missingPackages()
    must('download the packages', run('apt-get', ['download', ...packages], work))
    const archives = readdirSync(work).filter((name) => name.endsWith('.deb'))
    for (const archive of archives) must(`unpack ${archive}`, run('dpkg', ['-x', join(work, archive), tree]))
    if (!works(tree)) throw new Error(`Swift was unpacked from ${archives.length} packages but cannot be imported`)
    rmSync(root, { recursive: true, force: true })
    moveUnlessThere(tree, root)
    log(`unpacked ${archives.length} packages`)
    return { root, installed: true }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

// What apt would install for Swift on this very machine; python3-swift holds all four servers.
function missingPackages() {
  const plan = () => run('apt-get', ['install', '--simulate', '--no-install-recommends', 'python3-swift'])
  let simulated = plan()
  if (simulated.status !== 0) {
    const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n']
    const [command, ...rest] = [...asRoot, 'apt-get', 'update']
    must('read the package lists', run(command, rest))
    simulated = plan()
  }
  must('find python3-swift', simulated)
  const names = simulated.stdout.split('\n').flatMap((line) => /^Inst (\S+)/.exec(line)?.[1] ?? [])
  // Installed on the machine, yet not importable: have the package itself at least.
  return names.length > 0 ? names : ['python3-swift']
}

function works(root) {
  const script = 'import swift.proxy.server, swift.obj.server, swift.common.middleware.s3api.s3api'
  return existsSync(root) && run('python3', ['-c', script], undefined, swiftEnvironment(root)).status === 0
}

// Two installations at once end with the tree of either.
function moveUnlessThere(tree, root) {
  try {
    renameSync(tree, root)
  } catch (error) {
    if (!works(root)) throw error
  }
}

function run(command, args, cwd, env) {
  return spawnSync(command, args, {
    cwd,
    env: env ?? { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' },
    encoding: 'utf8',
    timeout: APT_TIMEOUT_MS,
  })
}

function must(what, result) {
  if (result.status === 0) return
  const said = [result.error?.message, result.stderr?.trim()].filter(Boolean).join('\n')
  throw new Error(`could not ${what} for the S3 test server (this needs Debian's apt and dpkg):\n${said}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { root, installed } = installSwift({ log: (line) => console.log(line) })
  console.log(`${installed ? 'Swift is ready' : 'Swift was ready already'}: ${root}`)
}
