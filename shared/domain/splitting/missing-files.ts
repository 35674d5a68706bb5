import { type Refusal, refuse } from '../../protocol/errors.ts'
import type { Inspection } from '../../protocol/inspection.ts'
import type { JobPlan } from '../../protocol/job.ts'
import type { SceneRecord } from '../../protocol/scene.ts'
import { formatFrames, parseFrames } from './frames.ts'

type Missing = Inspection['missingFiles'][number]
type Checked = { ok: true; notes: string[] } | Refusal

/** Files told a line each; with a line cut at so many characters all of it fits into one message. */
const LINES_MAX = 12
const LINE_LENGTH_MAX = 240
/** What the note begins with that warns before Blender has looked, and goes once it has. */
const EARLY = 'may be missing: '

/** A file as a line for people: its path, what it is, what uses it, and which tiles and frames it concerns. */
function missingLine(file: Missing): string {
  const more = [
    ...((file.count ?? 1) > 1 ? [`first of ${file.count} files`] : []),
    ...(file.tiles === undefined ? [] : [`tile ${file.tiles}`]),
    ...(file.frames === undefined ? [] : [`frame ${file.frames}`]),
    ...((file.users ?? 1) > 1 ? [`and ${(file.users ?? 1) - 1} more use it`] : []),
  ]
  const use = file.usedBy === undefined ? '' : ` of ${file.usedBy}`
  const line = `: ${file.kind}${use}${more.length > 0 ? `, ${more.join(', ')}` : ''}`
  const room = Math.max(40, LINE_LENGTH_MAX - line.length)
  // The end of a path tells more than its beginning.
  const path = file.path.length <= room ? file.path : `…${file.path.slice(1 - room)}`
  return `${path}${line}`
}

/** The missing files as this plan's frames need them: those that only other frames show change nothing. */
export function missingOf(plan: Pick<JobPlan, 'frames'>, found: Pick<Inspection, 'missingFiles'>): Missing[] {
  const frames = new Set(numbers(plan.frames))
  const seen = found.missingFiles.map((file): Missing => {
    if (file.frames === undefined) return file
    const its = numbers(file.frames).filter((frame) => frames.has(frame))
    return its.length === 0 ? { ...file, effect: 'nothing' } : { ...file, frames: formatFrames(its) }
  })
  return [...seen.filter(changes), ...seen.filter((file) => !changes(file))]
}

/**
 * What is missing after Blender has looked: refused with `scene_missing_files` where it changes the picture, unless
 * that was allowed; the rest is a note.
 */
export function checkFiles(plan: Pick<JobPlan, 'frames' | 'allowMissingFiles'>, found: Inspection): Checked {
  const missing = missingOf(plan, found)
  const needed = missing.filter(changes)
  const sounds = missing.filter(({ effect }) => effect === 'sound')
  const spare = missing.filter(({ effect }) => effect === 'nothing')
  const notes = [
    ...(sounds.length === 0 ? [] : [`sounds that are not here will not be heard: ${paths(sounds)}`]),
    ...(spare.length === 0 ? [] : [`not here, but nothing that is rendered uses them: ${paths(spare)}`]),
  ]
  if (needed.length === 0) return { ok: true, notes }
  const left = Math.max(0, (found.missingForPicture ?? 0) - found.missingFiles.filter(changes).length)
  const lines = needed.slice(0, LINES_MAX).map((file) => `\n  ${missingLine(file)}`)
  const more = needed.length + left - lines.length
  const count = needed.length + left
  const text =
    `${count === 1 ? 'a file' : `${count} files`} that the picture needs ${count === 1 ? 'is' : 'are'} not here:` +
    `${lines.join('')}${more > 0 ? `\n  and ${more} more` : ''}`
  if (plan.allowMissingFiles === true) return { ok: true, notes: [`rendered although ${text}`, ...notes] }
  const absolute = needed.some(({ path }) => !path.startsWith('//') && !path.startsWith('…'))
  return refuse(
    'scene_missing_files',
    `${text}\nPack them (File > External Data > Pack Resources), upload a .zip of the project folder, or allow ` +
      `missing files (--allow-missing)${
        absolute
          ? '. Paths that do not begin with // lead to files of your machine only: make them relative ' +
            '(File > External Data > Make Paths Relative), or pack them'
          : ''
      }`,
  )
}

/**
 * Views, looks, displays and color spaces that the Blender which looked does not know, where the file says that this
 * scene has them. Refused with `scene_color_unknown` unless missing files are allowed: they come from a configuration
 * that is not here.
 */
export function checkColors(
  plan: Pick<JobPlan, 'sceneName' | 'allowMissingFiles'>,
  known: Partial<Pick<SceneRecord, 'facts'>>,
  found: Inspection,
): Checked {
  const own = known.facts?.scenes.find(({ name }) => name === plan.sceneName)?.color
  const unknown = (found.unknownColors ?? []).filter(
    ({ what, name }) => what === 'color space' || own === undefined || own[what] === name,
  )
  if (unknown.length === 0) return { ok: true, notes: [] }
  const told = unknown.map(
    ({ what, name, usedBy }) =>
      `the ${what}${name === undefined ? '' : ` "${name}"`}${usedBy === undefined ? '' : ` of an image of ${usedBy}`}`,
  )
  const text =
    `Blender ${found.blenderVersion} does not know ${told.join(', ')}, and would render with another; ` +
    'it comes from an OpenColorIO configuration that this Blender does not have'
  if (plan.allowMissingFiles === true) return { ok: true, notes: [`rendered although ${text}`] }
  return refuse(
    'scene_color_unknown',
    `scene "${plan.sceneName}": ${text}. Choose one that Blender itself has, save, and upload again, or render with ` +
      'another color (--allow-missing)',
  )
}

/** A warning from the file alone, before Blender has looked; undefined when nothing seems to be missing. */
export function earlyWarning({ missingFiles }: Pick<SceneRecord, 'missingFiles'>): string | undefined {
  if (missingFiles.length === 0) return undefined
  const shown = missingFiles
    .slice(0, LINES_MAX)
    .map(({ path, reason }) => `${path} (${reason})`.slice(-LINE_LENGTH_MAX))
  const more = missingFiles.length - shown.length
  return (
    `${EARLY}${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}. Blender looks whether the scene needs ` +
    `${missingFiles.length === 1 ? 'it' : 'them'} before anything is rendered`
  )
}

/** Whether a note is such a warning. */
export function isEarlyWarning(note: string): boolean {
  return note.startsWith(EARLY)
}

/** Whether an inspection looked at the files of these frames. */
export function looksAtFrames(inspection: Pick<Inspection, 'framesLooked'>, frames: string): boolean {
  if (inspection.framesLooked === undefined) return true
  const looked = new Set(numbers(inspection.framesLooked))
  return numbers(frames).every((frame) => looked.has(frame))
}

function changes({ effect }: Missing): boolean {
  return (effect ?? 'picture') === 'picture'
}

function paths(files: readonly Missing[]): string {
  const shown = files.slice(0, LINES_MAX).map(({ path, kind }) => `${path.slice(-LINE_LENGTH_MAX)} (${kind})`)
  return `${shown.join(', ')}${files.length > shown.length ? ` and ${files.length - shown.length} more` : ''}`
}

function numbers(frames: string): number[] {
  const parsed = parseFrames(frames)
  return parsed.ok ? parsed.frames : []
}
