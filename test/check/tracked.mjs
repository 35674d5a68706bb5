import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/**
 * The files of the repository that match, new ones included, ignored and deleted ones not.
 *
 * @param {RegExp} pattern
 * @returns {string[]} paths from the root; throws where git cannot list them
 */
export function trackedFiles(pattern) {
  const { status, stdout, stderr, error } = spawnSync(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    },
  )
  if (status !== 0) throw new Error(`git cannot list the files of this checkout: ${error?.message ?? stderr.trim()}`)
  return stdout.split('\0').filter((path) => pattern.test(path) && existsSync(path))
}
