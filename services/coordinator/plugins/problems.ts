/*
 * Every answer that is not a success is made here: application/problem+json with a code of the catalogue. What an
 * exception says leaves the farm only when it was written for the one who asks; anything else is logged and called
 * `internal`.
 */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { FarmStateLost, FarmStoreUnavailable } from '../../../shared/ports/farm-store.ts'
import { ObjectMissing, StoreUnavailable } from '../../../shared/ports/object-store.ts'
import { ERRORS, RefusalError } from '../../../shared/protocol/errors.ts'
import type { ErrorCode } from '../../../shared/protocol/errors.ts'
import type { Problem } from '../../../shared/protocol/rest.ts'
import { complaintsOf } from './schema-complaints.ts'

/** Seconds after which what failed by no fault of the request may be asked again. */
const RETRY_AFTER_SECONDS = 5

/** Of a refused body, what is still read: a second of a fast line, so that the answer gets through. */
const REFUSED_BYTES_READ_MAX = 128 * 1024 * 1024

/** Fastify's own refusals by status, in the words of the catalogue. */
const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  404: 'not_found',
  413: 'too_large',
  415: 'unsupported_media_type',
  429: 'rate_limited',
}

/** Makes the app answer every failure with a problem. */
export function answerWithProblems(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => sendProblem(request, reply, problemOf(error, request)))
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      request,
      reply,
      makeProblem('not_found', `there is no ${request.method} ${pathOf(request)}; the routes are listed on /docs`),
    ),
  )
}

/** A problem of the catalogue; `status` only where a protocol other than ours demands a different one. */
export function makeProblem(
  code: ErrorCode,
  detail: string,
  more: { errors?: Problem['errors']; status?: number } = {},
): Problem {
  return {
    type: `urn:tilework:problem:${code}`,
    title: ERRORS[code].title,
    status: more.status ?? ERRORS[code].status,
    code,
    detail,
    ...(more.errors === undefined ? {} : { errors: more.errors }),
  }
}

/** Sends a problem with the headers that belong to it. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.code === 'unauthorized') void reply.header('www-authenticate', 'Bearer realm="tilework"')
  if (ERRORS[problem.code].retry && problem.status !== 422 && !reply.hasHeader('retry-after'))
    void reply.header('retry-after', RETRY_AFTER_SECONDS)
  if (hasBody(request) && !request.raw.complete) readOff(request, reply)
  return reply.code(problem.status).header('content-type', 'application/problem+json').send(JSON.stringify(problem))
}

/** The address without its query, which may hold a signature. */
export function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? ''
}

// A connection that is closed on a sender in full flow often takes the answer with it. So what still comes is read and
// thrown away, and most clients stop as soon as they see the answer; one that does not is cut off after a while.
function readOff(request: FastifyRequest, reply: FastifyReply): void {
  void reply.removeHeader('connection')
  let bytesLeft = REFUSED_BYTES_READ_MAX
  request.raw.on('data', (chunk: Buffer) => {
    bytesLeft -= chunk.length
    if (bytesLeft < 0) request.raw.socket.destroy()
  })
}

function hasBody(request: FastifyRequest): boolean {
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
}

function problemOf(error: unknown, request: FastifyRequest): Problem {
  if (error instanceof RefusalError) return makeProblem(error.code, error.message)
  if (hasZodFastifySchemaValidationErrors(error)) {
    const errors = complaintsOf(error.validation, error.validationContext)
    return makeProblem(
      'bad_request',
      `${errors[0]?.path}: ${errors[0]?.message}${errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''}`,
      { errors },
    )
  }
  if (error instanceof ObjectMissing) return makeProblem('not_found', 'the file is not in the object store any more')
  if (error instanceof FarmStateLost) return outage(error, request, 'farm_state_lost', error.message)
  if (error instanceof FarmStoreUnavailable)
    return outage(error, request, 'redis_unavailable', 'Redis does not answer; try again in a few seconds')
  if (error instanceof StoreUnavailable)
    return outage(error, request, 'store_unavailable', 'the object store does not answer; try again in a few seconds')
  if (isFastifyError(error) && error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return makeProblem(CODE_OF_STATUS[error.statusCode] ?? 'bad_request', ownWords(error, request))
  }
  request.log.error({ err: error, method: request.method, path: pathOf(request) }, 'a request failed by our own fault')
  return makeProblem(
    'internal',
    'the request could not be carried out; if it happens again, tell the operator of this farm when it did',
  )
}

function outage(error: Error, request: FastifyRequest, code: ErrorCode, detail: string): Problem {
  request.log.warn({ err: error, method: request.method, path: pathOf(request) }, 'a request met an outage')
  return makeProblem(code, detail)
}

function ownWords(error: FastifyError, request: FastifyRequest): string {
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return (
        `the body has more than the ${request.routeOptions.bodyLimit} bytes this ` +
        'route takes; scenes go to POST /v1/scenes or /v1/uploads'
      )
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return (
        `this route does not take ${JSON.stringify(request.headers['content-type'] ?? '').slice(0, 100)}; ` +
        '/docs tells what it takes'
      )
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return 'the body is not JSON; send one JSON value as UTF-8, or leave out the content-type where there is no body'
    default:
      return error.message
  }
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
}
