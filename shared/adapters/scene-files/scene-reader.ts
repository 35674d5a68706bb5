// Answers the engine's one question about a file that was handed in, with the readers of this folder.

import { rm } from 'node:fs/promises'
import type { ProjectFiles, SceneFinding, SceneReader, SceneReadOptions } from '../../ports/scene-reader.ts'
import { type Refusal, refuse } from '../../protocol/errors.ts'
import { LIMITS } from '../../protocol/limits.ts'
import type { SceneFacts } from '../../protocol/scene-facts.ts'
import type { SceneRecord } from '../../protocol/scene.ts'
import { findExternalFiles, LONE_BLEND } from './missing-files.ts'
import type { MissingFile, MissingReason } from './missing-files.ts'
import { lookAtProjectZip } from './project-zip.ts'
import { readBlend } from './read-blend.ts'
import { kindOfScene } from './scene-kind.ts'

/** Missing files told one by one; a scene that misses more is missing its whole project. */
const MISSING_TOLD_MAX = 999

const WHY_MISSING: Readonly<Record<MissingReason, string>> = {
  absolute_path:
    'its path is absolute, so it is on your machine only; make paths relative (File > External Data) or pack it',
  not_relative_to_blend:
    'its path does not begin with //, so it depends on where Blender was started; make paths relative or pack it',
  outside_project: 'its path leads out of the project folder; pack it, or send a .zip of a folder that holds both',
  case_differs: 'the project has several files of this name but for upper and lower case; rename them',
  not_in_project:
    'it is neither packed into the .blend nor in the upload; pack it, or send a .zip of the project folder',
}

/** Reads .blend files and project archives from this machine's disk. */
export class SceneFileReader implements SceneReader {
  async inspect(filePath: string, { scratchDir, main }: SceneReadOptions): Promise<SceneFinding | Refusal> {
    const kind = await kindOfScene(filePath)
    if (kind === 'unknown')
      return refuse(
        'not_a_scene',
        'the file is neither a .blend nor a .zip; send a file that Blender saved, or a .zip of the project folder',
      )
    if (kind === 'zip') return inspectZip(filePath, scratchDir, main)
    if (main !== undefined)
      return refuse(
        'zip_invalid',
        `main: ${JSON.stringify(main)} names a file in a .zip, but this is a .blend; leave main out`,
      )
    return inspectBlend(filePath)
  }

  async inspectProject(blendPath: string, project: ProjectFiles): Promise<SceneFinding | Refusal> {
    const { mainBlendPath: mainBlend } = project
    const read = await readBlend(blendPath)
    if (!read.ok)
      return refuse(
        read.code === 'not_a_blend' ? 'not_a_scene' : 'blend_invalid',
        `${mainBlend}: ${read.code}: ${read.detail}`,
      )
    return {
      ok: true,
      kind: 'project',
      facts: read.value,
      mainBlend,
      ...whatIsThere(read.value, project),
    }
  }
}

async function inspectBlend(filePath: string): Promise<SceneFinding | Refusal> {
  const read = await readBlend(filePath)
  if (!read.ok)
    return refuse(read.code === 'not_a_blend' ? 'not_a_scene' : 'blend_invalid', `${read.code}: ${read.detail}`)
  return {
    ok: true,
    kind: 'blend',
    facts: read.value,
    missingFiles: tellMissing(findExternalFiles(read.value, LONE_BLEND).missing),
  }
}

async function inspectZip(
  filePath: string,
  scratchDir: string,
  main: string | undefined,
): Promise<SceneFinding | Refusal> {
  try {
    const project = await lookAtProjectZip(filePath, scratchDir, main === undefined ? {} : { main })
    if (!project.ok) return refuse('zip_invalid', `${project.code}: ${project.detail}`)
    const { mainBlendPath, blendPath } = project.value
    const read = await readBlend(blendPath)
    if (!read.ok) return refuse('blend_invalid', `${mainBlendPath}: ${read.code}: ${read.detail}`)
    return {
      ok: true,
      kind: 'zip',
      facts: read.value,
      mainBlend: mainBlendPath,
      ...whatIsThere(read.value, project.value),
    }
  } finally {
    await rm(scratchDir, { recursive: true, force: true })
  }
}

function whatIsThere(facts: SceneFacts, project: ProjectFiles): Pick<SceneFinding, 'missingFiles' | 'aliases'> {
  const { missing, aliases } = findExternalFiles(facts, project)
  return { missingFiles: tellMissing(missing), ...(aliases.length === 0 ? {} : { aliases }) }
}

function tellMissing(missing: readonly MissingFile[]): SceneRecord['missingFiles'] {
  const told = missing.slice(0, MISSING_TOLD_MAX).map(({ file, reason }) => ({
    path: cut(file.path),
    reason: `${file.kind} ${file.datablock}: ${WHY_MISSING[reason]}`,
  }))
  const left = missing.length - told.length
  return left === 0 ? told : [...told, { path: '…', reason: `and ${left} more` }]
}

// The end of a path tells more than its beginning.
function cut(path: string): string {
  return path.length <= LIMITS.pathLengthMax ? path : `…${path.slice(1 - LIMITS.pathLengthMax)}`
}
