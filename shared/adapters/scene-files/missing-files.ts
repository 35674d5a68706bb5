// Which of the files a scene names would not be there when a worker opens it.

import type { ProjectFiles } from '../../ports/scene-reader.ts'
import type { ExternalFile, SceneFacts } from '../../protocol/scene-facts.ts'
import { collisionKey } from '../../protocol/project-path.ts'

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

/** The external files of a scene that are neither packed nor in the project, in file order. */
export function missingFiles(facts: SceneFacts, project: ProjectFiles): MissingFile[] {
  const present = new ProjectPaths(project.filePaths)
  const folder = project.mainBlendPath.split('/').slice(0, -1)
  return facts.externalFiles.flatMap((file) => {
    const reason = file.packed ? undefined : whyMissing(file, folder, present)
    return reason === undefined ? [] : [{ file, reason }]
  })
}

function whyMissing(file: ExternalFile, folder: readonly string[], present: ProjectPaths): MissingReason | undefined {
  if (!file.path.startsWith('//'))
    return /^([/\\]|[A-Za-z]:)/.test(file.path) ? 'absolute_path' : 'not_relative_to_blend'
  // After the two slashes Blender takes both kinds for one, so that scenes move between systems.
  const resolved = resolveInside(folder, file.path.slice(2).replaceAll('\\', '/'))
  if (resolved === undefined) return 'outside_project'
  if (present.has(resolved, file.span)) return undefined
  return present.hasInOtherCase(resolved, file.span) ? 'case_differs' : 'not_in_project'
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
  private readonly folded: ReadonlySet<string>

  constructor(paths: readonly string[]) {
    this.exact = new Set(paths.flatMap((path) => [path, numberless(path)]))
    this.folded = new Set([...this.exact].map(collisionKey))
  }

  has(path: string, span: ExternalFile['span']): boolean {
    return this.exact.has(path) || (span !== 'file' && this.exact.has(numberless(path)))
  }

  hasInOtherCase(path: string, span: ExternalFile['span']): boolean {
    return this.folded.has(collisionKey(path)) || (span !== 'file' && this.folded.has(collisionKey(numberless(path))))
  }
}

// One member is enough for a sequence or a set of tiles: which ones are needed depends on the frames
// and on the objects, which only Blender knows. Members differ in digits of the file name alone; the
// mark that stands for digits cannot be in a name that came out of an archive.
function numberless(path: string): string {
  const nameStart = path.lastIndexOf('/') + 1
  const name = path.slice(nameStart).replaceAll('<UDIM>', '1001').replaceAll('<UVTILE>', 'u1_v1')
  return path.slice(0, nameStart) + name.replace(/\d+/g, ':')
}
