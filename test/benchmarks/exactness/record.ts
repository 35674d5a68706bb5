// A line of the matrix of exactness.

import { z } from 'zod'
import type { RecordKind } from '../../support/run-record.ts'

/** One line of the matrix. */
const rowSchema = z.strictObject({
  scene: z.string(),
  split: z.string(),
  /** As Blender names the format: `PNG 8`, `OPEN_EXR 16`. */
  output: z.string(),
  promised: z.boolean(),
  /** Why nothing is promised. */
  reasons: z.array(z.string()),
  /** Of the files that the artist gets, the worst; words where they cannot be compared or there are none. */
  pixels: z.union([z.number(), z.string()]),
  /** Of all passes as 32-bit floats, against those of the whole frame; absent where there is nothing to compare. */
  passPixels: z.union([z.number(), z.string()]).exactOptional(),
  /** How far the bytes of the files agree (`file-bytes.ts`). */
  bytes: z.string(),
})
export type Row = Readonly<z.infer<typeof rowSchema>>

export const EXACTNESS_RECORD: RecordKind<Row> = { what: 'exactness', row: rowSchema }
