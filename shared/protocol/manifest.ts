import { z } from 'zod'
import { JobId } from './ids.ts'
import { JobPlan } from './job.ts'
import { SceneReference } from './scene.ts'
import { Attempt, FinalFile, TaskRecord, Verdict } from './task.ts'
import { Requirement } from './worker.ts'

/** One task as the manifest tells it: who rendered it, when, what came of it. Paths and secrets left out. */
const ManifestTask = z.strictObject({
  id: TaskRecord.shape.id,
  kind: TaskRecord.shape.kind,
  tile: TaskRecord.shape.tile,
  sampleRange: TaskRecord.shape.sampleRange,
  verdict: Verdict,
  canonical: TaskRecord.shape.canonical,
  audits: TaskRecord.shape.audits,
  attempts: z.array(Attempt),
})

/** `final/manifest.json`: what was delivered, who rendered it, and how it was checked. */
export const Manifest = z
  .strictObject({
    manifestVersion: z.literal(1),
    job: z.strictObject({
      id: JobId,
      name: z.string(),
      owner: z.string(),
      createdAt: z.string(),
      completedAt: z.string(),
      priority: z.int(),
      requirement: Requirement,
    }),
    scene: SceneReference,
    plan: JobPlan,
    frames: z.array(z.strictObject({ number: z.int(), files: z.array(FinalFile), tasks: z.array(ManifestTask) })),
    files: z.array(FinalFile),
    workers: z.array(z.strictObject({ id: z.string(), name: z.string(), blender: z.string(), buildHash: z.string() })),
    audits: z.strictObject({ rate: z.number(), made: z.int(), agreed: z.int(), refuted: z.int() }),
  })
  .meta({ id: 'Manifest' })
export type Manifest = z.infer<typeof Manifest>
