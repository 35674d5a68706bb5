/*
 * From what was typed to the request of a job, or to a change of one. What is left out stays out: the farm takes it
 * from the scene.
 */
import { z } from 'zod'
import { JobChange, JobRequest, type JobView } from '../../../shared/protocol/job.ts'
import { parseOptions, usageFailure } from '../exit-codes.ts'
import { CHANGE_OPTIONS, JOB_OPTIONS, type JobOption } from './job-options.ts'

export type JobWishes = Omit<JobRequest, 'scene'>
const JobWishes = JobRequest.omit({ scene: true })

/** The request but for the scene. Throws a usage failure that names each option that is wrong. */
export function jobWishes(options: unknown): JobWishes {
  const typed = parseTyped(JOB_OPTIONS, options)
  if (!typed.has('settings.format.file'))
    for (const path of ['settings.format.colorDepth', 'settings.format.quality'])
      if (typed.has(path)) throw usageFailure(`${longOf(path)}: needs --format, since not every format has it`)
  return checked(JobWishes, nested(typed))
}

/** What `tilework change` asks for. Throws a usage failure that names each option that is wrong. */
export function jobChange(options: unknown): JobChange {
  const given = z.record(z.string(), z.unknown()).parse(options)
  const readable = CHANGE_OPTIONS.map((option) =>
    option.removable && given[option.key] === 'none' ? { ...option, typed: z.string().transform(() => null) } : option,
  )
  return checked(JobChange, nested(parseTyped(readable, options)))
}

/** A changed job in words, as far as it can be changed. */
export function changedText(job: JobView): string {
  return CHANGE_OPTIONS.map(({ shown }) => shown(job)).join(', ')
}

/** What was typed, by its path in the request. */
function parseTyped(options: readonly JobOption[], given: unknown): Map<string, unknown> {
  const schema = z.object(Object.fromEntries(options.map(({ key, typed }) => [key, typed.optional()])))
  const typed = parseOptions(schema, given)
  return new Map(options.flatMap(({ key, path }) => (typed[key] === undefined ? [] : [[path, typed[key]] as const])))
}

/** `settings.samples` becomes `{ settings: { samples } }`. */
function nested(values: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const tree: Record<string, unknown> = {}
  const parts = new Map<string, Record<string, unknown>>([['', tree]])
  const partAt = (path: string): Record<string, unknown> => {
    const known = parts.get(path)
    if (known !== undefined) return known
    const part: Record<string, unknown> = {}
    parts.set(path, part)
    put(path, part)
    return part
  }
  const put = (path: string, value: unknown): void => {
    const at = path.lastIndexOf('.')
    partAt(path.slice(0, Math.max(0, at)))[path.slice(at + 1)] = value
  }
  for (const [path, value] of values) put(path, value)
  return tree
}

function checked<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw usageFailure(
    parsed.error.issues
      .map(({ path, message }) => (path.length === 0 ? message : `${longOf(path.join('.'))}: ${message}`))
      .join('; '),
  )
}

/** Where a part of the request was typed. */
function longOf(path: string): string {
  return JOB_OPTIONS.find((option) => path === option.path || path.startsWith(`${option.path}.`))?.long ?? path
}
