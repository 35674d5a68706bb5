import { z } from 'zod'

/** What `inspect` answers. Widened as the driver learns to tell more. */
export const Inspection = z.looseObject({})
export type Inspection = z.infer<typeof Inspection>
