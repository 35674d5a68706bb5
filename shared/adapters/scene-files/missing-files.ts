// Which of the files a scene names would not be there when a worker opens it.

import type { ProjectFiles } from '../../ports/scene-reader.ts'
import { LIMITS } from '../../protocol/limits.ts'
import { collisionKey } from '../../protocol/project-path.ts'
import type { ExternalFile, SceneFacts } from '../../protocol/scene-facts.ts'

/** A .blend handed in alone: nothing lies beside it. */
export const LONE_BLEND: ProjectFiles = { mainBlendPath: 'scene.blend', filePaths: ['scene.blend'] }

/** Why a file will not be found. */
export type MissingReason =
  /** An absolute path: it is on the artist's machine and nowhere else. */
  | 'absolute_path'
  /** Neither absolute nor relative to the .blend: it depends on where Blender was started. */
  | 'not_relative_to_blend'
  /** It leads out of the project folder. */
  | 'outside_project'
  /** The project has a file whose name differs in case only, or in how accents are encoded. */
  | 'case_differs'
  /** The project has no such file. */
  | 'not_in_project'

/** An external file that is neither packed nor in the project. */
export interface MissingFile {
  readonly file: ExternalFile
  readonly reason: MissingReason
}

/** A file under the name that the scene asks for it, which is another spelling of the one it has. */
interface Alias {
  readonly asked: string
  readonly path: string
}

/** What of a scene's external files is neither packed nor in the project, in file order, and what is there anyway. */
export interface ExternalFilesFound {
  readonly missing: MissingFile[]
  /** For files whose names differ in case, or in how accents are encoded, where one file alone can be meant. */
  readonly aliases: Alias[]
}

/** Looks for the external files of a scene among the files of its project. */
export function findExternalFiles(facts: SceneFacts, project: ProjectFiles): ExternalFilesFound {
  const present = new ProjectPaths(project.filePaths)
  const folder = project.mainBlendPath.split('/').slice(0, -1)
  const missing: MissingFile[] = []
  const aliases = new Map<string, Alias>()
  for (const file of facts.externalFiles) {
    if (file.packed) continue
    const found = lookFor(file, folder, present)
    if (typeof found === 'string') missing.push({ file, reason: found })
    else if (aliases.size + found.length <= LIMITS.aliasesPerSceneMax)
      for (const alias of found) aliases.set(alias.asked, alias)
    else missing.push({ file, reason: 'case_differs' })
  }
  return { missing, aliases: [...aliases.values()] }
}

function lookFor(file: ExternalFile, folder: readonly string[], present: ProjectPaths): MissingReason | Alias[] {
  if (!file.path.startsWith('//'))
    return /^([/\\]|[A-Za-z]:)/.test(file.path) ? 'absolute_path' : 'not_relative_to_blend'
  // After the two slashes Blender takes both kinds for one, so that scenes move between systems.
  const resolved = resolveInside(folder, file.path.slice(2).replaceAll('\\', '/'))
  if (resolved === undefined) return 'outside_project'
  if (present.has(resolved, file.span)) return []
  const alike = present.otherwiseSpelled(resolved, file.span)
  if (alike.length === 0) return 'not_in_project'
  const aliases = alike.map((path) => ({ asked: withDigitsOf(resolved, path, file.span), path }))
  // Two files for one name: nobody can tell which is meant.
  return new Set(aliases.map(({ asked }) => asked)).size === aliases.length ? aliases : 'case_differs'
}

/** The name that is asked for, with the digits of a member of its sequence or set of tiles. */
function withDigitsOf(asked: string, member: string, span: ExternalFile['span']): string {
  if (span === 'file') return asked
  const nameStart = asked.lastIndexOf('/') + 1
  const digits = member.slice(member.lastIndexOf('/') + 1).match(/\d+/g) ?? []
  let next = 0
  return asked.slice(0, nameStart) + plainName(asked.slice(nameStart)).replace(/\d+/g, (own) => digits[next++] ?? own)
}

function resolveInside(folder: readonly string[], relative: string): string | undefined {
  const steps = [...folder]
  for (const step of relative.split('/')) {
    if (step === '' || step === '.') continue
    if (step !== '..') steps.push(step)
    else if (steps.pop() === undefined) return undefined
  }
  return steps.join('/')
}

class ProjectPaths {
  private readonly exact: ReadonlySet<string>
  /** By the path with case and accents folded, with and without its digits. */
  private readonly folded = new Map<string, string[]>()

  constructor(paths: readonly string[]) {
    this.exact = new Set(paths.flatMap((path) => [path, numberless(path)]))
    for (const path of paths)
      for (const key of new Set([collisionKey(path), collisionKey(numberless(path))]))
        this.folded.set(key, [...(this.folded.get(key) ?? []), path])
  }

  has(path: string, span: ExternalFile['span']): boolean {
    return this.exact.has(path) || (span !== 'file' && this.exact.has(numberless(path)))
  }

  /** Files that have this name but for case and accents; of a sequence or a set of tiles all members. */
  otherwiseSpelled(path: string, span: ExternalFile['span']): readonly string[] {
    return this.folded.get(collisionKey(span === 'file' ? path : numberless(path))) ?? []
  }
}

// One member is enough for a sequence or a set of tiles: which ones are needed depends on the frames
// and on the objects, which only Blender knows. Members differ in digits of the file name alone; the
// mark that stands for digits cannot be in a name that came out of an archive.
function numberless(path: string): string {
  const nameStart = path.lastIndexOf('/') + 1
  return path.slice(0, nameStart) + plainName(path.slice(nameStart)).replace(/\d+/g, ':')
}

function plainName(name: string): string {
  return name.replaceAll('<UDIM>', '1001').replaceAll('<UVTILE>', 'u1_v1')
}
