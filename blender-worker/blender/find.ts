import { execFile } from 'node:child_process'
import { readdir, realpath, stat } from 'node:fs/promises'
import { basename, delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { ok, refuse, type Result } from '../../shared/protocol/errors.ts'

/** A Blender on this machine, known to start. */
export interface BlenderInstallation {
  /** The program, or a Python that has the bpy module. Links are resolved. */
  readonly executable: string
  readonly launch: 'program' | 'module'
  /** `3.4.1`, `4.5.0`. */
  readonly version: string
  readonly buildHash: string
  /**
   * Where it reads itself from besides the executable's own folder: a virtual environment, and the Python that it was
   * made from.
   */
  readonly folders: readonly string[]
}

export type FindBlenderCode = 'blender_missing' | 'blender_unusable'

export interface FindBlenderOptions {
  /** A path from the owner's settings. Nothing else is tried when it is given. */
  readonly configured?: string
  readonly platform?: NodeJS.Platform
  readonly environment?: Readonly<Record<string, string | undefined>>
}

/** A cold start from a slow disk takes a few seconds; a Blender that needs longer for its version hangs. */
const VERSION_TIMEOUT_MS = 60_000

/**
 * The Blender to use: the configured one, else the first of PATH and the usual places that starts.
 * Refused with `blender_missing` when there is none, and `blender_unusable` when the configured one does not start.
 */
export async function findBlender(
  options: FindBlenderOptions = {},
): Promise<Result<BlenderInstallation, FindBlenderCode>> {
  if (options.configured !== undefined) return await configuredBlender(options.configured)
  const platform = options.platform ?? process.platform
  const environment = options.environment ?? process.env
  const candidates = [...pathCandidates(platform, environment), ...(await usualPlaces(platform, environment))]
  for (const candidate of candidates) {
    if (!(await isFile(candidate))) continue
    const asked = await askVersion(await realpath(candidate))
    if (asked.ok) return asked
  }
  return refuse(
    'blender_missing',
    'no Blender was found in PATH or the usual places; install Blender 3.4 or later, ' +
      'or give its path in the setting for the Blender executable',
  )
}

/** Reads `blender --version`. Undefined when it is not Blender that spoke. */
export function parseVersion(printed: string): { version: string; buildHash: string } | undefined {
  const version = /^Blender (\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?/m.exec(printed)
  if (version === null) return undefined
  const [, major, minor, patch] = version
  const hash = /^\s*build hash: (\S{1,64})/m.exec(printed)
  return { version: `${major}.${minor}.${patch ?? '0'}`, buildHash: hash?.[1] ?? 'unknown' }
}

async function configuredBlender(path: string): Promise<Result<BlenderInstallation, FindBlenderCode>> {
  if (!(await isFile(path)))
    return refuse(
      'blender_missing',
      `there is no Blender at ${path}, which the settings name; correct the path or remove it to search for one`,
    )
  // A virtual environment's python is a link, and works only under its own name.
  return await askVersion(isPython(path) ? path : await realpath(path))
}

async function askVersion(executable: string): Promise<Result<BlenderInstallation, FindBlenderCode>> {
  const launch = isPython(executable) ? 'module' : 'program'
  const script =
    'import bpy, os, sys; print(f"Blender {bpy.app.version_string}\\nbuild hash: ' +
    '{bpy.app.build_hash.decode()}\\nfolder: {sys.prefix}\\nfolder: {sys.base_prefix}", flush=True); os._exit(0)'
  try {
    const { stdout } = await promisify(execFile)(executable, launch === 'module' ? ['-c', script] : ['--version'], {
      timeout: VERSION_TIMEOUT_MS,
      maxBuffer: 1024 * 1024,
    })
    const parsed = parseVersion(stdout)
    if (parsed === undefined)
      return refuse('blender_unusable', `${executable} did not print a Blender version; is it Blender?`)
    return ok({
      executable,
      launch,
      ...parsed,
      folders: launch === 'module' ? [...stdout.matchAll(/^folder: (\/.+)$/gm)].map((match) => match[1] ?? '') : [],
    })
  } catch (error) {
    return refuse(
      'blender_unusable',
      `${executable} does not start: ${error instanceof Error ? error.message.slice(0, 500) : String(error)}`,
    )
  }
}

function isPython(path: string): boolean {
  return /^python[\d.]*(\.exe)?$/i.test(basename(path))
}

function pathCandidates(
  platform: NodeJS.Platform,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const program = platform === 'win32' ? 'blender.exe' : 'blender'
  const folders = (environment['PATH'] ?? environment['Path'] ?? '').split(delimiter)
  return folders.filter((folder) => folder !== '').map((folder) => join(folder, program))
}

async function usualPlaces(
  platform: NodeJS.Platform,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string[]> {
  if (platform === 'darwin')
    return [
      '/Applications/Blender.app/Contents/MacOS/Blender',
      join(environment['HOME'] ?? '/', 'Applications/Blender.app/Contents/MacOS/Blender'),
    ]
  if (platform === 'win32') {
    const root = join(environment['ProgramFiles'] ?? 'C:\\Program Files', 'Blender Foundation')
    return (await versionFolders(root)).map((folder) => join(root, folder, 'blender.exe'))
  }
  const unpacked = await Promise.all(
    ['/opt', environment['HOME'] ?? '/opt'].map(async (root) =>
      (await versionFolders(root)).map((folder) => join(root, folder, 'blender')),
    ),
  )
  return ['/usr/bin/blender', '/usr/local/bin/blender', '/snap/bin/blender', ...unpacked.flat()]
}

/** Folders named blender-4.2.1-linux-x64, "Blender 4.5" and the like, newest first. */
async function versionFolders(root: string): Promise<string[]> {
  try {
    const names = await readdir(root)
    return names
      .filter((name) => /^blender\b/i.test(name))
      .sort((one, other) => other.localeCompare(one, 'en', { numeric: true }))
  } catch {
    return [] // a place that is not there, or not ours to read, holds no Blender for us
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}
