import { z } from 'zod'
import { Sha256 } from './ids.ts'
import { SceneInspection } from './inspection.ts'
import { LIMITS } from './limits.ts'
import { SceneFacts } from './scene-facts.ts'

/** What is known of an uploaded scene; `GET /v1/scenes/:sha256`. */
export const SceneRecord = z
  .strictObject({
    sha256: Sha256,
    kind: z.enum(['blend', 'zip']),
    bytes: z.int().min(1),
    /** File name at the first upload; for people only. */
    name: z.string().min(1).max(LIMITS.nameLengthMax),
    /** Path of the main .blend inside a project archive. */
    mainBlend: z.string().max(LIMITS.pathLengthMax).optional(),
    facts: SceneFacts,
    /** Linked files that are neither packed nor in the archive. */
    missingFiles: z
      .array(
        z.strictObject({ path: z.string().max(LIMITS.pathLengthMax), reason: z.string().max(LIMITS.messageLengthMax) }),
      )
      .max(1_000),
    uploadedAt: z.int(),
    /**
     * What workers found when they looked at it with Blender, the newest last; one for each scene of the file that was
     * looked at.
     */
    inspections: z.array(SceneInspection).max(LIMITS.inspectionsPerSceneKept).optional(),
  })
  .meta({ id: 'Scene' })
export type SceneRecord = z.infer<typeof SceneRecord>
