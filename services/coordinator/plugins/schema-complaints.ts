import { z } from 'zod'
import type { Problem } from '../../../shared/protocol/rest.ts'

type Complaint = NonNullable<Problem['errors']>[number]

/** More would help nobody; the first ones name the mistake. */
const COMPLAINTS_MAX = 20
const MESSAGE_LENGTH_MAX = 300

/** What a schema has against a request, as the validator compiler reports it. */
export interface SchemaComplaint {
  readonly instancePath: string
  readonly message?: string | undefined
  readonly params?: unknown
}

const Issue = z.object({
  code: z.string().optional(),
  message: z.string(),
  path: z.array(z.union([z.string(), z.number()])),
})
const UnionParams = z.object({ errors: z.array(z.array(Issue)) })

/** One sentence with its place for each complaint; `part` is body, querystring, params or headers. */
export function complaintsOf(validation: readonly SchemaComplaint[], part: string | undefined): Complaint[] {
  return validation.slice(0, COMPLAINTS_MAX).map(({ instancePath, message, params }) => ({
    path: [
      part === 'querystring' ? 'query' : (part ?? 'request'),
      ...instancePath.split('/').filter((step) => step !== ''),
    ]
      .join('.')
      .slice(0, MESSAGE_LENGTH_MAX),
    message: (unionComplaint(params) ?? message ?? 'is not as it should be').slice(0, MESSAGE_LENGTH_MAX),
  }))
}

// Of a union zod says only "Invalid input"; what each form wanted is in its parameters.
function unionComplaint(params: unknown): string | undefined {
  const parsed = UnionParams.safeParse(params)
  if (!parsed.success || parsed.data.errors.length === 0) return undefined
  const forms = parsed.data.errors.map((issues) =>
    issues.map((issue) => [issue.path.join('.'), issue.message].filter((text) => text !== '').join(': ')).join(', '),
  )
  return `fits none of ${forms.length} forms: ${forms.map((form, index) => `(${index + 1}) ${form}`).join('; ')}`
}
