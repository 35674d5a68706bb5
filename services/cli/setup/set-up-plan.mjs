// What a machine lacks, and what to do about it. Decisions only: nothing is looked up and nothing is done here.
// Plain JavaScript without packages, because it runs before there are any.

/**
 * @typedef {object} Program
 * @property {string} command what is looked for in PATH
 * @property {string} package the Debian package that holds it
 * @property {string} words what it is, for those who have no apt
 * @property {string} [instead] a variable that names something to use instead of it
 */

/** @type {readonly Program[]} */
export const FARM_PROGRAMS = [
  {
    command: 'redis-server',
    package: 'redis-server',
    words: 'Redis 6.2 or newer (redis-server)',
    instead: 'REDIS_URL',
  },
  {
    command: 'blender',
    package: 'blender',
    words: 'Blender 3.4 or newer (blender)',
    instead: 'TILEWORK_WORKER_BLENDER',
  },
  { command: 'ffmpeg', package: 'ffmpeg', words: 'FFmpeg with libx264 (ffmpeg)', instead: 'TILEWORK_FFMPEG' },
]

/** What the tests need besides. @type {readonly Program[]} */
export const TEST_PROGRAMS = [
  { command: 'ffprobe', package: 'ffmpeg', words: 'FFmpeg (ffprobe)' },
  { command: 'oiiotool', package: 'openimageio-tools', words: 'OpenImageIO (oiiotool)' },
  { command: 'python3', package: 'python3', words: 'Python 3 (python3)' },
]

/**
 * The programs that are not there and that nothing is named instead of.
 * @param {readonly Program[]} programs
 * @param {(command: string) => boolean} isThere
 * @param {Readonly<Record<string, string | undefined>>} environment
 */
export function missingPrograms(programs, isThere, environment) {
  return programs.filter(
    ({ command, instead }) => !(instead !== undefined && environment[instead]) && !isThere(command),
  )
}

/**
 * How to become root for apt: nothing to add, sudo (which may ask only where somebody can answer), or null when there
 * is no way.
 * @param {{ apt: boolean, root: boolean, sudo: boolean, terminal: boolean }} machine
 * @returns {readonly string[] | null}
 */
export function rootPrefix({ apt, root, sudo, terminal }) {
  if (!apt) return null
  if (root) return []
  if (!sudo) return null
  return terminal ? ['sudo'] : ['sudo', '-n']
}

/** @param {readonly Program[]} missing */
export function packagesOf(missing) {
  return [...new Set(missing.map((program) => program.package))]
}

/**
 * What a person has to install by hand, and how.
 * @param {readonly Program[]} missing
 */
export function byHandText(missing) {
  return [
    'Please install by hand, and run this again:',
    `  Debian, Ubuntu:  sudo apt-get install --no-install-recommends ${packagesOf(missing).join(' ')}`,
    '  elsewhere:',
    ...missing.map(({ command, words }) => `    - ${words}, so that "${command}" is found in PATH`),
  ].join('\n')
}

/**
 * Whether what npm installed is what the lock file wants. Packages for other machines are optional and may be missing.
 * @param {unknown} lock the parsed package-lock.json
 * @param {unknown} installed the parsed node_modules/.package-lock.json, which npm writes when it is done; null when
 *   there is none
 */
export function isInstalled(lock, installed) {
  const wanted = packagesIn(lock)
  const there = packagesIn(installed)
  if (wanted === null || there === null) return false
  return Object.entries(wanted).every(
    ([path, entry]) =>
      path === '' || entry.version === there[path]?.version || (entry.optional === true && there[path] === undefined),
  )
}

/** @returns {Record<string, { version?: string, optional?: boolean }> | null} */
function packagesIn(lock) {
  return typeof lock === 'object' && lock !== null && typeof lock.packages === 'object' ? lock.packages : null
}
