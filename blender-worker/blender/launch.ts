import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable, type Writable } from 'node:stream'
import type { CommandFailure } from './crash.ts'
import { privateFolders, scrubbedEnvironment } from './environment.ts'
import { bubblewrapArguments, programFolders, sandboxObstacle, type SandboxUse } from './sandbox.ts'

export interface BlenderStart {
  readonly executable: string
  /** `module`: the executable is a Python with bpy. */
  readonly launch?: 'program' | 'module'
  /** Path of driver/main.py. */
  readonly driverPath: string
  /** Folder of this Blender alone; home, temporary files and results go below it. */
  readonly scratchDir: string
  /** Folders it may read in the sandbox besides the system and its own program: those of the scene. */
  readonly readablePaths?: readonly string[]
  /** Path of an OpenColorIO configuration, which the job chose; without one Blender uses its own. */
  readonly ocio?: string | undefined
  /** What the allow-list picks from; the worker's own environment when left out. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly sandbox?: SandboxUse
  readonly startTimeoutMs?: number
}

/** A Blender that was started, and has said nothing yet. */
export interface Launched {
  readonly child: ChildProcess
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** What the driver answers; Blender itself prints to the other two. */
  readonly answers: Readable
  /** Why there is no sandbox around it; undefined when there is one. */
  readonly sandboxAbsence: string | undefined
}

/**
 * Starts Blender with the driver in it, in a sandbox where there is one. Fails with `sandbox_unavailable` when one is
 * required and does not work.
 */
export async function launchBlender(options: BlenderStart): Promise<Launched | CommandFailure> {
  const { home, temporary } = privateFolders(options.scratchDir)
  await Promise.all([mkdir(home, { recursive: true }), mkdir(temporary, { recursive: true })])
  const folders = {
    writable: [options.scratchDir],
    readable: [...programFolders(options.executable), dirname(options.driverPath), ...(options.readablePaths ?? [])],
  }
  const use = options.sandbox ?? 'auto'
  const absence = use === 'off' ? 'the sandbox is switched off' : await sandboxObstacle(folders)
  if (absence !== undefined && use === 'require')
    return {
      ok: false,
      code: 'sandbox_unavailable',
      blame: 'worker',
      message: `the settings require a sandbox, but ${absence}`,
      lastWords: '',
    }
  const command = [options.executable, ...blenderArguments(options)]
  const wrapped = absence === undefined ? ['bwrap', ...bubblewrapArguments(folders), ...command] : command
  const child = spawn(wrapped[0] ?? options.executable, wrapped.slice(1), {
    cwd: options.scratchDir,
    env: {
      ...scrubbedEnvironment(options.environment ?? process.env, options.scratchDir),
      ...(options.ocio === undefined ? {} : { OCIO: options.ocio }),
    },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    // A process group of its own: killing it takes whatever Blender has started along.
    detached: process.platform !== 'win32',
  })
  return { child, sandboxAbsence: absence, ...pipesOf(child) }
}

function pipesOf(child: ChildProcess): Pick<Launched, 'stdin' | 'stdout' | 'stderr' | 'answers'> {
  const [stdin, stdout, stderr, answers] = child.stdio
  if (
    stdin === null ||
    !(stdout instanceof Readable) ||
    !(stderr instanceof Readable) ||
    !(answers instanceof Readable)
  )
    throw new Error('spawn was asked for four pipes and did not make them')
  return { stdin, stdout, stderr, answers }
}

function blenderArguments(options: BlenderStart): string[] {
  const own = [options.driverPath, '--', '--fd-out', '3']
  return options.launch === 'module'
    ? own
    : ['--background', '--factory-startup', '--disable-autoexec', '-noaudio', '--python', ...own]
}
