// The Python that a version of `bpy` runs on.

import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** `3.13`, for a version like `5.3.0`: each wheel is made for one Python and installs on no other. */
export function pythonFor(version: string): string {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 5 || (major === 5 && minor >= 1) ? '3.13' : '3.11'
}

/**
 * The name or path of a Python of this version (`3.13`): one in the PATH, or else one that pyenv has; undefined where
 * there is none.
 */
export async function findPython(wanted: string): Promise<string | undefined> {
  for (const name of [`python${wanted}`, 'python3', 'python', ...(await pyenvPythons(wanted))]) {
    if ((await versionOf(name)) === wanted) return name
  }
  return undefined
}

/** `3.13`; undefined where it does not run, as pyenv's stand-ins do not for versions that are not switched on. */
async function versionOf(python: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(python, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'])
    return stdout.trim()
  } catch {
    return undefined
  }
}

async function pyenvPythons(wanted: string): Promise<string[]> {
  try {
    const root = process.env['PYENV_ROOT'] ?? (await run('pyenv', ['root'])).stdout.trim()
    const versions = (await readdir(join(root, 'versions'))).filter((version) => version.startsWith(`${wanted}.`))
    return versions.map((version) => join(root, 'versions', version, 'bin', `python${wanted}`))
  } catch {
    return [] // there is no pyenv
  }
}
