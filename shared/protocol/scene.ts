import { z } from 'zod'
import { Sha256 } from './ids.ts'
import { SceneInspection } from './inspection.ts'
import { LIMITS } from './limits.ts'
import { problemWithPath } from './project-path.ts'
import { SceneFacts } from './scene-facts.ts'

/** One .blend, one .zip of a project folder, or the files of a project folder one by one. */
const SceneKind = z.enum(['blend', 'zip', 'project'])

const AliasPath = z
  .string()
  .max(LIMITS.pathLengthMax)
  .refine((path) => problemWithPath(path) === undefined, 'must be a path within the project')

/** Names under which a scene asks for files of its project that are spelled otherwise there. */
export const SceneAliases = z
  .array(z.strictObject({ asked: AliasPath, path: AliasPath }))
  .max(LIMITS.aliasesPerSceneMax)

/** What a job and a lease say of the scene that is rendered. */
export const SceneReference = z.strictObject({
  sha256: Sha256,
  bytes: z.int().min(1),
  kind: SceneKind,
  /** Of a project: how long the list of its files is, which lies in the object store under `sha256`. */
  manifestBytes: z.int().min(1).max(LIMITS.manifestBytesMax).optional(),
})

/** What is known of an uploaded scene; `GET /v1/scenes/:sha256`. */
export const SceneRecord = z
  .strictObject({
    sha256: Sha256,
    kind: SceneKind,
    /** Of the file that was sent; of a project, of all its files together. */
    bytes: z.int().min(1),
    /** Of a project: how long its list of files is, and how many it names. */
    project: z.strictObject({ manifestBytes: z.int().min(1), files: z.int().min(1) }).optional(),
    /** File name at the first upload; for people only. */
    name: z.string().min(1).max(LIMITS.nameLengthMax),
    /** Path of the main .blend inside a project. */
    mainBlend: z.string().max(LIMITS.pathLengthMax).optional(),
    facts: SceneFacts,
    /** Linked files that are neither packed nor in the archive. */
    missingFiles: z
      .array(
        z.strictObject({ path: z.string().max(LIMITS.pathLengthMax), reason: z.string().max(LIMITS.messageLengthMax) }),
      )
      .max(1_000),
    /** Files that are there in another spelling (case, accents) than the scene asks for; one alone can be meant. */
    aliases: SceneAliases.optional(),
    uploadedAt: z.int(),
    /**
     * What workers found when they looked at it with Blender, the newest last; one for each scene of the file that was
     * looked at.
     */
    inspections: z.array(SceneInspection).max(LIMITS.inspectionsPerSceneKept).optional(),
  })
  .meta({ id: 'Scene' })
export type SceneRecord = z.infer<typeof SceneRecord>

/** What a job keeps of the scene that it renders. */
export function sceneReference({ sha256, bytes, kind, project }: SceneRecord): z.infer<typeof SceneReference> {
  return { sha256, bytes, kind, ...(project === undefined ? {} : { manifestBytes: project.manifestBytes }) }
}
