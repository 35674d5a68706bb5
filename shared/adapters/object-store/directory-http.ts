/*
 * Serves the signed URLs of a directory store: GET and HEAD with Range, and PUT.
 *
 * Nothing of a body is read before its signature was checked, nothing is buffered, and no more than
 * the signed length is written.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ObjectMissing, StoreUnavailable } from '../../ports/object-store.ts'
import type { DirectoryObjectStore, OpenObject } from './directory.ts'
import { contentDisposition } from './content-disposition.ts'
import { parseRange } from './http-range.ts'
import { SIGNED_OBJECTS_PATH, verifySigned } from './signed-urls.ts'
import type { SignedGrant } from './signed-urls.ts'

export type SignedObjectRoutes = {
  store: DirectoryObjectStore
  /** The secret with which the store signs. */
  signingSecret: Uint8Array
  /** Milliseconds since 1970. */
  nowMs: () => number
}

/** Seconds after which a client may ask again when the folder failed. */
const RETRY_AFTER_SECONDS = 5

/**
 * Adds `/v1/objects/*` to the app, in a scope of its own: the parsers of other routes stay.
 *
 * Errors are `application/problem+json` with one of the codes signature_invalid and
 * signature_expired (403), object_missing (404), range_unsatisfiable (416), wrong_bytes and
 * wrong_sha256 (422), store_unavailable (503).
 */
export async function registerSignedObjectRoutes(app: FastifyInstance, options: SignedObjectRoutes): Promise<void> {
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _body, done) => done(null))
    scope.route({
      method: ['GET', 'HEAD', 'PUT'],
      url: `${SIGNED_OBJECTS_PATH}*`,
      handler: async (request, reply) => {
        const verdict = verifySigned(options.signingSecret, options.nowMs(), request)
        if (!verdict.ok) return problem(request, reply, 403, verdict.code, verdict.message)
        try {
          return verdict.grant.method === 'GET'
            ? await sendObject(options.store, verdict.grant, request, reply)
            : await takeObject(options.store, verdict.grant, request, reply)
        } catch (error) {
          if (error instanceof ObjectMissing) return problem(request, reply, 404, error.code, error.message)
          if (!(error instanceof StoreUnavailable)) throw error
          request.log.error({ err: error }, 'object store failed')
          void reply.header('retry-after', RETRY_AFTER_SECONDS)
          // What the system said names paths of the server, so it stays in the log.
          return problem(request, reply, 503, error.code, 'the object store does not answer; try again')
        }
      },
    })
  })
}

async function sendObject(
  store: DirectoryObjectStore,
  grant: Extract<SignedGrant, { method: 'GET' }>,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const object = await store.open(grant.key)
  const etag = `"${object.bytes.toString(16)}-${object.modifiedAtMs.toString(16)}"`
  const range = parseRange(rangeAskedFor(request, etag), object.bytes)
  if (range === 'unsatisfiable') {
    await object.close()
    void reply.header('content-range', `bytes */${object.bytes}`)
    return problem(request, reply, 416, 'range_unsatisfiable', `the object has ${object.bytes} bytes`)
  }
  const { start, end } = range ?? { start: 0, end: object.bytes }
  if (range !== null) void reply.code(206).header('content-range', `bytes ${start}-${end - 1}/${object.bytes}`)
  void reply.headers({
    'accept-ranges': 'bytes',
    'cache-control': 'private, no-cache',
    'content-length': end - start,
    'content-type': object.contentType,
    etag,
    'last-modified': new Date(object.modifiedAtMs).toUTCString(),
    // The bytes come from strangers: a browser shall show them as what they are, and run nothing.
    'content-security-policy': "default-src 'none'; sandbox",
    'x-content-type-options': 'nosniff',
  })
  if (grant.filename !== null) void reply.header('content-disposition', contentDisposition(grant.filename))
  return sendBytes(object, start, end, request, reply)
}

async function sendBytes(object: OpenObject, start: number, end: number, request: FastifyRequest, reply: FastifyReply) {
  if (request.method === 'HEAD') {
    await object.close()
    return reply.send()
  }
  return reply.send(object.stream(start, end))
}

// A client that goes on with an older copy (If-Range) gets the whole object when it has changed.
function rangeAskedFor(request: FastifyRequest, etag: string): string | undefined {
  const condition = request.headers['if-range']
  return condition === undefined || condition === etag ? request.headers.range : undefined
}

async function takeObject(
  store: DirectoryObjectStore,
  grant: Extract<SignedGrant, { method: 'PUT' }>,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const { bytes, sha256, contentType, key } = grant
  if (request.headers['content-type'] !== contentType) {
    return problem(request, reply, 403, 'signature_invalid', `send the header content-type: ${contentType}, as it was given`)
  }
  const announced = request.headers['content-length']
  if (announced !== undefined && Number(announced) !== bytes) {
    return problem(request, reply, 422, 'wrong_bytes', `the address is signed for exactly ${bytes} bytes, not ${announced}`)
  }
  const result = await store.put(key, request.raw, { contentType, bytes, sha256 })
  return result.ok ? reply.code(200).send() : problem(request, reply, 422, result.code, result.message)
}

function problem(request: FastifyRequest, reply: FastifyReply, status: number, code: string, detail: string) {
  // The rest of a refused body is not worth reading, so the connection ends with the answer.
  if (request.method === 'PUT') void reply.header('connection', 'close')
  void reply.code(status).type('application/problem+json')
  return reply.send(JSON.stringify({ type: 'about:blank', title: TITLES[status] ?? 'Error', status, code, detail }))
}

const TITLES: Record<number, string> = {
  403: 'Forbidden',
  404: 'Not Found',
  416: 'Range Not Satisfiable',
  422: 'Unprocessable Content',
  503: 'Service Unavailable',
}
