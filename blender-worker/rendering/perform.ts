import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { nameForFile, PlacePath } from '../../shared/protocol/final-path.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import type { Work } from '../../shared/protocol/messages.ts'
import type { FileRole, ResultFile } from '../../shared/protocol/task.ts'
import type { DeviceKind } from '../../shared/protocol/worker.ts'
import { WorkFailure } from '../failure.ts'
import { sha256OfFile } from '../transfer/sha256.ts'
import { checkOutput } from './output-check.ts'
import type { OnProgress, Rendered, RenderedFile, Renderer } from './renderer.ts'

/** A file that passed the checks, where it lies now and as it will be named to the farm. */
interface MadeFile {
  readonly path: string
  readonly file: ResultFile
}

export interface Performed {
  readonly files: readonly MadeFile[]
  readonly renderSeconds: number
  readonly peakMemoryBytes: number
}

/** Work that makes files. */
type RenderWork = Exclude<Work, { kind: 'inspect' }>

export interface Assignment {
  readonly work: RenderWork
  /** Where the stitched image of a finish lies. */
  readonly stitchedPath: string | undefined
  readonly device: DeviceKind
  readonly threads: number | undefined
  /** Empty, writable for Blender. */
  readonly folder: string
  readonly signal: AbortSignal
}

/** Does a lease's work with the scene open, frame by frame, and checks and hashes what came out. Throws WorkFailure. */
export async function perform(
  renderer: Renderer,
  assignment: Assignment,
  onProgress: (frame: number, progress: Parameters<OnProgress>[0]) => void,
): Promise<Performed> {
  const { work, signal } = assignment
  const frames = work.kind === 'render' ? work.frames : [work.frame]
  const files: MadeFile[] = []
  let renderSeconds = 0
  let peakMemoryBytes = 0
  for (const [index, frame] of frames.entries()) {
    signal.throwIfAborted()
    const folder = join(assignment.folder, frameName(frame))
    await mkdir(folder, { recursive: true })
    const rendered = await renderFrame(renderer, assignment, { frame, startsAnew: index === 0 }, folder, (progress) =>
      onProgress(frame, progress),
    )
    signal.throwIfAborted()
    files.push(...(await checkAndHash(rendered, work, frame, signal, () => onProgress(frame, undefined))))
    if (files.length > LIMITS.filesPerResultMax) {
      throw new WorkFailure(
        'blender_error',
        `the frames up to ${frame} made ${files.length} files, one result holds at most ` +
          `${LIMITS.filesPerResultMax}; ask for fewer frames in a task, or remove File Output nodes`,
      )
    }
    renderSeconds += rendered.renderSeconds
    peakMemoryBytes = Math.max(peakMemoryBytes, rendered.peakMemoryBytes)
  }
  return { files, renderSeconds, peakMemoryBytes }
}

/** A frame number as part of a file name: four digits at least, `m` for minus. */
export function frameName(frame: number): string {
  return `${frame < 0 ? 'm' : ''}${String(Math.abs(frame)).padStart(4, '0')}`
}

async function renderFrame(
  renderer: Renderer,
  assignment: Assignment,
  { frame, startsAnew }: { frame: number; startsAnew: boolean },
  folder: string,
  onProgress: OnProgress,
): Promise<Rendered> {
  const { work, device, threads, stitchedPath } = assignment
  const sound = work.sound?.frame === frame ? work.sound : undefined
  const request = { frame, settings: work.settings, device, threads, folder, display: work.display, sound }
  if (work.kind === 'render')
    return renderer.render({ ...request, startsAnew, window: work.window, sampleRange: work.sampleRange }, onProgress)
  if (stitchedPath === undefined) throw new Error('a finish came without its stitched image')
  return renderer.finish({ ...request, stitchedPath }, onProgress)
}

async function checkAndHash(
  rendered: Rendered,
  work: RenderWork,
  frame: number,
  signal: AbortSignal,
  onSignOfLife: () => void,
): Promise<MadeFile[]> {
  const wanted = wantedRoles(work, frame)
  const extraCount = rendered.files.filter(({ role }) => role === 'extra').length
  if (extraCount > LIMITS.extraFilesPerFrameMax) {
    throw new WorkFailure(
      'blender_error',
      `File Output nodes wrote ${extraCount} files beside frame ${frame}, ` +
        `${LIMITS.extraFilesPerFrameMax} is the limit; remove or mute some`,
    )
  }
  const made: MadeFile[] = []
  let extras = 0
  for (const { role, path, place } of rendered.files) {
    if (role !== 'extra' && !wanted.includes(role)) continue
    const { bytes, extension } = await checkOutput(path, role, frame, work.settings)
    onSignOfLife()
    const infix = role === 'extra' ? `extra${++extras}` : role
    made.push({
      path,
      file: {
        name: `${frameName(frame)}.${infix}.${extension}`,
        frame,
        role,
        bytes,
        sha256: await sha256OfFile(path, signal),
        ...(place === undefined ? {} : { place: toldPlace(place, frame) }),
      },
    })
    onSignOfLife()
  }
  for (const role of wanted) {
    if (!made.some((one) => one.file.role === role))
      throw new WorkFailure('output_invalid', `Blender wrote no ${role} file for frame ${frame}`)
  }
  return made
}

/** Letters of a node's or an input's name that are told. */
const WRITER_LENGTH_MAX = 80

/** The place of an extra file as the farm takes it: what no file name can hold is left out. Throws WorkFailure. */
function toldPlace(
  { path, node, slot }: NonNullable<RenderedFile['place']>,
  frame: number,
): NonNullable<ResultFile['place']> {
  const told = PlacePath.safeParse(
    path
      .split('/')
      .filter((name) => name !== '')
      .map((name) => nameForFile(name))
      .join('/'),
  )
  if (!told.success)
    throw new WorkFailure(
      'blender_error',
      `a File Output node ("${node}") wrote beside frame ${frame} into ${JSON.stringify(path.slice(0, 200))}…: ` +
        `a path below the output folder has ${LIMITS.placeLengthMax} characters at most`,
    )
  const named = (name: string): string => [...name.replace(/\p{Cs}/gu, '')].slice(0, WRITER_LENGTH_MAX).join('')
  return { path: told.data, ...(node === '' ? {} : { node: named(node), slot: named(slot) }) }
}

function wantedRoles(work: RenderWork, frame: number): FileRole[] {
  const beside: FileRole[] = [
    ...(work.display ? (['display'] as const) : []),
    ...(work.sound?.frame === frame ? (['sound'] as const) : []),
  ]
  if (work.kind === 'finish') return ['final', ...beside]
  return work.window === undefined ? ['final', 'raw', ...beside] : ['raw']
}
