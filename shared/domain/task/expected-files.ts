import { refuse, type Refusal } from '../../protocol/errors.ts'
import { type JobPlan, needsFinish } from '../../protocol/job.ts'
import { LIMITS } from '../../protocol/limits.ts'
import type { SoundPlan } from '../../protocol/movie.ts'
import { IMAGE_EXTENSIONS, type ImageFormat } from '../../protocol/render-settings.ts'
import type { FileRole, ResultFile, TaskRecord } from '../../protocol/task.ts'
import { extraPath } from '../file-names.ts'
import { tileOfPlan } from '../splitting/tiles.ts'

/** Formats that pages show and videos are made of as they are. */
const SHOWN_AS_THEY_ARE: readonly ImageFormat[] = ['png', 'jpeg', 'webp']

/** Other finals cannot be shown: previews and video are made from an 8-bit view that the worker writes beside them. */
export function needsDisplay(plan: JobPlan): boolean {
  return !SHOWN_AS_THEY_ARE.includes(plan.format)
}

/** What a task is about; an audit is about the same as what it checks. */
export function workOf(
  plan: Pick<JobPlan, 'tiles'>,
  task: Pick<TaskRecord, 'kind' | 'tile'>,
): 'inspect' | 'tile' | 'frames' | 'finish' {
  if (task.kind === 'inspect' || task.kind === 'finish') return task.kind
  if (task.tile !== undefined) return 'tile'
  // Where frames are cut, all that is rendered of the scene has a tile, so an audit of a whole frame is one of its
  // finish.
  return needsFinish(plan) ? 'finish' : 'frames'
}

function rolesFor(plan: JobPlan, task: TaskRecord): readonly FileRole[] {
  const work = workOf(plan, task)
  if (work === 'inspect') return []
  if (work === 'tile') return ['raw']
  const display: FileRole[] = needsDisplay(plan) ? ['display'] : []
  return work === 'finish' ? ['final', ...display] : ['final', 'raw', ...display]
}

/** Whether the task mixes the sound of the movie, beside one of its frames. */
function mixesSound(plan: Pick<JobPlan, 'sound' | 'tiles'>, task: TaskRecord): boolean {
  const work = workOf(plan, task)
  return plan.sound !== undefined && (work === 'frames' || work === 'finish') && task.frames.includes(plan.sound.frame)
}

/**
 * Bytes of raw pixels one file may unpack to, times a margin for headers: a float image of every pass Blender has
 * (about 100 channels) is the most that can be honest.
 */
const CHANNELS_MAX = 128
const HEADER_BYTES_MAX = 16 * 1024 ** 2

/** Names of delivered frames (domain/file-names.ts); letter case does not tell files apart everywhere. */
function isNamedLikeFrame(path: string, format: JobPlan['format']): boolean {
  const ending = /^frames\/m?\d{4,}\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase()
  return ending === IMAGE_EXTENSIONS[format]
}

/**
 * Refused with `result_invalid` unless the files are exactly those the task asked for, each of a plausible size; with
 * `files_too_many`, which is the scene's fault, when File Output nodes wrote more beside a frame than can be delivered.
 */
export function checkFiles(plan: JobPlan, task: TaskRecord, files: readonly ResultFile[]): { ok: true } | Refusal {
  const roles = rolesFor(plan, task)
  const names = new Set<string>()
  const seen = new Set<string>()
  const paths = new Set<string>()
  const pixels =
    task.tile === undefined || plan.tiles === undefined
      ? plan.width * plan.height
      : area(tileOfPlan(plan, plan.tiles, task.tile).window)
  const bytesMax = pixels * 4 * CHANNELS_MAX + HEADER_BYTES_MAX
  const ofSound = mixesSound(plan, task) ? plan.sound : undefined
  for (const file of files) {
    const what = `file ${file.name} of task ${task.id}`
    if (names.has(file.name)) return refuse('result_invalid', `${what}: the name is given twice`)
    names.add(file.name)
    if (!task.frames.includes(file.frame))
      return refuse('result_invalid', `${what}: frame ${file.frame} is not of this task (${task.frames.join(', ')})`)
    if (file.role === 'sound') {
      if (file.frame !== ofSound?.frame || seen.has('sound'))
        return refuse('result_invalid', `${what}: the task asks for no such sound`)
      if (file.bytes > soundBytesMax(plan, ofSound))
        return refuse('result_invalid', `${what}: ${file.bytes} bytes are more than a sound of this length has`)
      seen.add('sound')
      continue
    }
    if (file.bytes > bytesMax)
      return refuse('result_invalid', `${what}: ${file.bytes} bytes, but an image of this size has ${bytesMax} at most`)
    if (file.role === 'extra') {
      if (task.tile !== undefined) return refuse('result_invalid', `${what}: a tile has no extra files`)
      const path = extraPath(file)
      if (isNamedLikeFrame(path, plan.format))
        return refuse(
          'result_invalid',
          `${what}: it would be delivered as ${path}, and extra files must not be named like a frame`,
        )
      if (paths.has(path)) return refuse('result_invalid', `${what}: a second file for ${path}`)
      paths.add(path)
      continue
    }
    if (!roles.includes(file.role))
      return refuse('result_invalid', `${what}: the task asks for ${roles.join(', ')}, not ${file.role}`)
    const slot = `${file.frame} ${file.role}`
    if (seen.has(slot)) return refuse('result_invalid', `${what}: a second ${file.role} file of frame ${file.frame}`)
    seen.add(slot)
  }
  for (const frame of task.frames) {
    const extras = files.filter((file) => file.role === 'extra' && file.frame === frame).length
    if (extras > LIMITS.extraFilesPerFrameMax)
      return refuse(
        'files_too_many',
        `File Output nodes wrote ${extras} files beside frame ${frame}, ` +
          `${LIMITS.extraFilesPerFrameMax} is the limit; remove or mute some`,
      )
  }
  if (ofSound !== undefined && !seen.has('sound'))
    return refuse('result_invalid', `task ${task.id}: the sound file of frame ${ofSound.frame} is missing`)
  for (const frame of task.frames)
    for (const role of roles)
      if (!seen.has(`${frame} ${role}`))
        return refuse('result_invalid', `task ${task.id}: the ${role} file of frame ${frame} is missing`)
  return { ok: true }
}

/** Bytes of 16-bit samples, with a second to spare. */
function soundBytesMax(plan: Pick<JobPlan, 'fps'>, { first, last, rate, channels }: SoundPlan): number {
  return Math.ceil((last - first + 1) / plan.fps + 1) * rate * channels * 2 + HEADER_BYTES_MAX
}

/**
 * Which of its files a worker shall send: the raw image of whole frames stays with it unless somebody will look at it.
 */
export function filesToSend(task: TaskRecord, files: readonly ResultFile[], drawn: boolean): ResultFile[] {
  const lookAtRaw = drawn || task.kind === 'audit' || task.tile !== undefined
  return files.filter((file) => file.role !== 'raw' || lookAtRaw)
}

function area(rectangle: { width: number; height: number }): number {
  return rectangle.width * rectangle.height
}
