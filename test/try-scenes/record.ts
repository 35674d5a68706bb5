// A line of the table of scenes that were tried.

import { z } from 'zod'
import type { RecordKind } from '../support/run-record.ts'

export const VERDICTS = ['failed', 'different', 'refused', 'left out', 'exact'] as const

const rowSchema = z.strictObject({
  scene: z.string(),
  /** `whole`, `tiles 2x2`, `in one go`; empty where it did not come to that. */
  split: z.string(),
  verdict: z.enum(VERDICTS),
  /** Version of the Blender that the farm chose; empty where none was asked. */
  blender: z.string(),
  /** In the order in which they were rendered. */
  frames: z.array(z.int()),
  pixels: z.int(),
  files: z.int(),
  /** Largest difference of a value, 1 being white. */
  largest: z.number(),
  /** Why it was refused, what failed, what should be known. */
  words: z.array(z.string()),
})
export type Row = z.infer<typeof rowSchema>

export const SCENES_RECORD: RecordKind<Row> = { what: 'scenes', row: rowSchema }
