import { z } from 'zod'
import type { ErrorCode } from '../../shared/protocol/errors.ts'
import type { Problem } from '../../shared/protocol/rest.ts'

/** What the command ends with, for scripts. */
export const EXIT_CODES = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  unauthorized: 4,
  unreachable: 5,
  interrupted: 130,
} as const
export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES]

/** The table that every `--help` shows. */
export const EXIT_CODE_HELP = `
Exit codes:
  0    done
  1    the job failed or was canceled, or something else went wrong
  2    the command line, or a file named on it, is wrong
  3    there is no such job or file on the farm
  4    the token is missing or wrong, or does not allow this
  5    the farm cannot be reached
  130  interrupted
`

/** A failure that ends the command: what to say, what to say to machines, and the exit code. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
  readonly exitCode: ExitCode
  readonly code: string
  readonly errors: NonNullable<Problem['errors']>

  constructor(exitCode: ExitCode, code: string, detail: string, errors: NonNullable<Problem['errors']> = []) {
    super(detail)
    this.exitCode = exitCode
    this.code = code
    this.errors = errors
  }
}

/** The command line is wrong; `detail` names the option and says what it takes. */
export function usageFailure(detail: string): CommandFailure {
  return new CommandFailure(EXIT_CODES.usage, 'usage', detail)
}

/** The exit code for a refusal of the farm. */
export function exitCodeOf(code: ErrorCode): ExitCode {
  switch (code) {
    case 'not_found':
      return EXIT_CODES.notFound
    case 'unauthorized':
    case 'forbidden':
      return EXIT_CODES.unauthorized
    default:
      return EXIT_CODES.failed
  }
}

/** Options as the schema wants them. Throws a usage failure that names each wrong option as it is typed. */
export function parseOptions<T extends z.ZodType>(schema: T, options: unknown): z.output<T> {
  const parsed = schema.safeParse(options)
  if (parsed.success) return parsed.data
  throw usageFailure(parsed.error.issues.map((issue) => `${optionName(issue.path[0])}: ${issue.message}`).join('; '))
}

function optionName(key: PropertyKey | undefined): string {
  return `--${String(key ?? '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}
