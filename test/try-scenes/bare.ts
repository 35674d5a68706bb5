// Bare Blender: one process for each call, without the driver.

import { execFile } from 'node:child_process'
import { mkdir, readdir, rename, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { BlenderInstallation } from '../../blender-worker/blender/find.ts'
import { projectFile } from '../support/project-file.ts'

/** Blender prints a line for each sample of each frame. */
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024
const IMAGE = /\.(png|jpe?g|exr|tiff?|webp|tga|bmp|hdr|dpx|cin|rgb|jp2|j2k|avif)$/i

/** As `bare.py` takes them. */
export interface BareSettings {
  readonly percentage?: number
  readonly samples?: number
  readonly still?: string
}

export interface BareRender {
  /** The files of each frame, more than one where a view has its own. */
  readonly frames: ReadonlyMap<number, readonly string[]>
  /** Other images that were written below the scene's folder: by File Output nodes. */
  readonly others: readonly string[]
  /** Why it ended badly. */
  readonly fault?: string
}

export interface BareRequest {
  readonly blender: BlenderInstallation
  readonly blend: string
  /** `-f` for one frame, `-a` for more. */
  readonly frames: readonly [first: number, last: number]
  /** A folder of its own. */
  readonly into: string
  readonly settings: BareSettings
  readonly seconds: number
  readonly signal: AbortSignal
}

/** Renders frames as an artist would. Rejects when aborted; what else goes wrong is the answer's `fault`. */
export async function renderBare(request: BareRequest): Promise<BareRender> {
  const {
    blender,
    blend,
    frames: [first, last],
    into,
    signal,
  } = request
  await mkdir(into, { recursive: true })
  const pattern = join(into, 'frame_####')
  const script = projectFile('test/try-scenes/bare.py')
  const settings = JSON.stringify(request.settings)
  const asked = first === last ? ['-f', String(first)] : ['-s', String(first), '-e', String(last), '-a']
  const args =
    blender.launch === 'module'
      ? [script, blend, pattern, String(first), String(last), settings]
      : [
          '-b',
          '-noaudio',
          blend,
          '--python-exit-code',
          '9',
          '--python',
          script,
          '-o',
          pattern,
          ...asked,
          '--',
          settings,
        ]
  const before = await imagesBelow(dirname(blend))
  let fault: string | undefined
  try {
    await promisify(execFile)(blender.executable, args, {
      maxBuffer: OUTPUT_BYTES_MAX,
      timeout: request.seconds * 1000,
      killSignal: 'SIGKILL',
      signal,
    })
  } catch (error) {
    signal.throwIfAborted()
    fault = wordsOf(error, request.seconds)
  }
  const written = (await readdir(into)).sort().map((name) => join(into, name))
  const frames = new Map(
    Array.from({ length: last - first + 1 }, (_, index) => {
      const stem = join(into, `frame_${String(first + index).padStart(4, '0')}`)
      return [
        first + index,
        written.filter((path) => path.startsWith(stem) && !/^\d/.test(path.slice(stem.length))),
      ] as const
    }),
  )
  const others = await takeOthers(dirname(blend), before, into)
  return { frames, others, ...(fault === undefined ? {} : { fault }) }
}

/** What is new below the scene's folder, taken out of it: the next frame may be written over it. */
async function takeOthers(folder: string, before: ReadonlyMap<string, number>, into: string): Promise<string[]> {
  const found = [...(await imagesBelow(folder))].filter(([path, changed]) => before.get(path) !== changed)
  return Promise.all(
    found.map(async ([path], index) => {
      const taken = join(into, `other-${index}-${basename(path)}`)
      await rename(path, taken)
      return taken
    }),
  )
}

async function imagesBelow(folder: string): Promise<Map<string, number>> {
  const paths = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && IMAGE.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
  return new Map(await Promise.all(paths.map(async (path) => [path, (await stat(path)).mtimeMs] as const)))
}

function wordsOf(error: unknown, seconds: number): string {
  if (!(error instanceof Error)) return String(error)
  const {
    killed,
    signal,
    code,
    stderr = '',
    stdout = '',
  } = error as Error & { killed?: boolean; signal?: string; code?: number; stderr?: string; stdout?: string }
  if (killed === true) return `bare Blender took longer than ${seconds} s`
  const said = `${stdout}\n${stderr}`.split('\n').findLast((line) => /error|cannot|unable/i.test(line)) ?? ''
  return `bare Blender ended with ${signal ?? `code ${code}`}${said === '' ? '' : `: ${said.trim().slice(0, 200)}`}`
}
