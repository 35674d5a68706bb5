/*
 * Serves the signed URLs of a directory store: GET and HEAD with Range, and PUT.
 *
 * Nothing of a body is read before its signature was checked, nothing is buffered, and no more than
 * the signed length is written.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Readable } from 'node:stream'
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
  /** Milliseconds without a byte after which an upload is cut; default UPLOAD_SILENCE_MAX_MS. */
  uploadSilenceMaxMs?: number
}

/** Milliseconds of silence in an upload: a worker's lost network comes back, or it sends again. */
const UPLOAD_SILENCE_MAX_MS = 60_000

/** Milliseconds in which a client may see that it was refused, before its connection is cut. */
const LINGER_MAX_MS = 10_000
/** Seconds after which a client may ask again when the folder failed. */
const RETRY_AFTER_SECONDS = 5

/**
 * Adds `/v1/objects/*` to the app, in a scope of its own: the parsers of other routes stay.
 *
 * Errors are `application/problem+json` with one of the codes upload_cut (400),
 * signature_invalid and signature_expired (403), object_missing (404), range_unsatisfiable (416),
 * wrong_bytes and wrong_sha256 (422), store_unavailable (503).
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
            : await takeObject(options, verdict.grant, request, reply)
        } catch (error) {
          if (error instanceof ObjectMissing) return problem(request, reply, 404, error.code, error.message)
          // The client left in the middle: nothing was kept, and nobody hears this answer.
          if (request.method === 'PUT' && !request.raw.complete && !(error instanceof StoreUnavailable)) {
            return problem(request, reply, 400, 'upload_cut', 'the upload ended before all of it had come')
          }
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
  { store, uploadSilenceMaxMs = UPLOAD_SILENCE_MAX_MS }: SignedObjectRoutes,
  grant: Extract<SignedGrant, { method: 'PUT' }>,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const { bytes, sha256, contentType, key } = grant
  if (request.headers['content-type'] !== contentType) {
    return problem(
      request,
      reply,
      403,
      'signature_invalid',
      `send the header content-type: ${contentType}, as it was given`,
    )
  }
  const announced = request.headers['content-length']
  if (announced !== undefined && Number(announced) !== bytes) {
    return problem(
      request,
      reply,
      422,
      'wrong_bytes',
      `the address is signed for exactly ${bytes} bytes, not ${announced}`,
    )
  }
  request.raw.setTimeout(uploadSilenceMaxMs, () => request.raw.destroy())
  // Not the request itself: whoever gives up on a request ends the connection, and with it the answer.
  const body = Readable.from(request.raw.iterator({ destroyOnReturn: false }), { objectMode: false })
  const result = await store.put(key, body, { contentType, bytes, sha256 })
  request.raw.setTimeout(0)
  return result.ok ? reply.code(200).send() : problem(request, reply, 422, result.code, result.message)
}

function problem(request: FastifyRequest, reply: FastifyReply, status: number, code: string, detail: string) {
  if (!request.raw.complete) reply.raw.once('finish', () => endAfterLinger(request))
  void reply.code(status).type('application/problem+json')
  return reply.send(JSON.stringify({ type: 'about:blank', title: TITLES[status] ?? 'Error', status, code, detail }))
}

// A connection that is closed while its client still sends is reset, and the client never sees the
// answer. So the rest of a refused body is let in and thrown away, but not for ever.
function endAfterLinger(request: FastifyRequest): void {
  AbortSignal.timeout(LINGER_MAX_MS).addEventListener('abort', () => {
    if (!request.raw.complete) request.raw.socket.destroy()
  })
}

const TITLES: Record<number, string> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  416: 'Range Not Satisfiable',
  422: 'Unprocessable Content',
  503: 'Service Unavailable',
}
