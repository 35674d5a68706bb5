import type { Failure, FailureCode } from '../shared/protocol/failure.ts'
import { LIMITS } from '../shared/protocol/limits.ts'

/** An expected way for a lease to go wrong; becomes the `failure` message of the lease. */
export class WorkFailure extends Error {
  readonly code: FailureCode
  readonly lastWords: string | undefined

  constructor(code: FailureCode, message: string, details: { lastWords?: string; cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'WorkFailure'
    this.code = code
    this.lastWords = details.lastWords
  }
}

/**
 * The failure to report for anything thrown while working on a lease. A full disk is told as such wherever it shows;
 * what nobody foresaw is told as `otherwise`.
 */
export function failureOf(error: unknown, otherwise: FailureCode): Failure {
  if (error instanceof WorkFailure) {
    const lastWords = error.lastWords
    return {
      code: error.code,
      message: error.message.slice(0, LIMITS.messageLengthMax),
      ...(lastWords === undefined || lastWords === ''
        ? {}
        : { lastWords: lastWords.slice(-LIMITS.messageLengthMax * 2) }),
    }
  }
  const message = (error instanceof Error ? error.message : String(error)).slice(0, LIMITS.messageLengthMax)
  return isDiskFull(error)
    ? { code: 'disk_full', message: `the disk of this worker is full: ${message}`.slice(0, LIMITS.messageLengthMax) }
    : { code: otherwise, message }
}

/** True for a write that found no space or no quota left. */
export function isDiskFull(error: unknown): boolean {
  const code = errorCode(error)
  return code === 'ENOSPC' || code === 'EDQUOT'
}

/**
 * The system's code of an error (`ENOENT`, `ECONNRESET`), also of one wrapped in another; undefined where there is
 * none.
 */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  if ('code' in error && typeof error.code === 'string') return error.code
  return error.cause === undefined ? undefined : errorCode(error.cause)
}
