import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { ErrorCode } from '../../../shared/protocol/errors.ts'
import { httpLimits } from '../dependencies.ts'
import type { AppDependencies } from '../dependencies.ts'
import { ownerOf } from '../plugins/authentication.ts'
import { makeProblem, sendProblem } from '../plugins/problems.ts'
import { boundArrivals } from './arrivals.ts'
import { SceneUploads, UPLOADS_PATH } from '../uploads/scene-uploads.ts'
import type { UploadCall } from '../uploads/scene-uploads.ts'
import { problems } from './problem-responses.ts'
import type { RestApp } from './rest-app.ts'

/** Headers of the protocol that go out; the library also sets CORS ones, and other sites have no business here. */
const HEADERS_SENT = [
  'tus-resumable',
  'tus-version',
  'tus-extension',
  'tus-max-size',
  'upload-offset',
  'upload-length',
  'upload-defer-length',
  'upload-metadata',
  'upload-expires',
  'location',
  'cache-control',
]

const FAILURES = [
  'not_found',
  'conflict',
  'too_large',
  'upload_hash_mismatch',
  'not_a_scene',
  'blend_invalid',
  'zip_invalid',
  'store_unavailable',
] as const satisfies readonly ErrorCode[]

const TUS =
  'The protocol is tus 1.0 (https://tus.io) with creation, creation-with-upload, ' +
  'creation-defer-length, termination and expiration; any tus client will do.'

// What is no id of ours is looked for and not found, as tus clients expect it.
const UploadParams = z.object({ uploadId: z.string().max(100) })

/** Resumable uploads by the tus protocol. */
export async function addUploadRoutes(
  app: RestApp,
  deps: Pick<AppDependencies, 'store' | 'objects' | 'scenes' | 'dataDir' | 'limits'>,
): Promise<void> {
  const uploads = new SceneUploads(deps)
  const { sceneBytesMax, uploadsAtOnceMax } = httpLimits(deps)
  app.addHook('onReady', async () =>
    uploads.start((error: unknown) =>
      app.log.warn({ err: error }, 'expired uploads not removed, the next sweep tries again'),
    ),
  )
  app.addHook('onClose', async () => uploads.stop())

  await app.register(async (scope: RestApp) => {
    boundArrivals(scope, uploadsAtOnceMax)
    // Bodies are streams here, whatever they say they are: the protocol says what is read and what is not.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _body, done) => done(null))
    const handler = (request: FastifyRequest, reply: FastifyReply) => answer(uploads, sceneBytesMax, request, reply)

    scope.post(UPLOADS_PATH, {
      handler,
      schema: {
        tags: ['scenes'],
        summary: 'Begin a resumable upload of a scene',
        description:
          `${TUS} Upload-Metadata takes filename, sha256 (hex; compared at the end) and main (the ` +
          '.blend to render in a .zip). What is not finished within a day is removed.',
        response: { 201: z.undefined().describe('The upload is at `Location`'), ...problems(...FAILURES) },
      },
    })
    scope.head(`${UPLOADS_PATH}/:uploadId`, {
      handler,
      config: { swagger: { exposeHeadRoute: true } },
      schema: {
        tags: ['scenes'],
        summary: 'Ask how much of an upload is here',
        description: 'Of an upload that is whole, `Tilework-Scene` names the scene it became.',
        params: UploadParams,
        response: { 200: z.undefined().describe('`Upload-Offset` bytes are here'), ...problems(...FAILURES) },
      },
    })
    scope.patch(`${UPLOADS_PATH}/:uploadId`, {
      handler,
      schema: {
        tags: ['scenes'],
        summary: 'Send a part of an upload',
        params: UploadParams,
        description:
          'The answer to the last part comes when the scene was read and stored; it names the scene in ' +
          '`Tilework-Scene`. If the file is refused as a scene, that answer says why and the upload is gone.',
        response: { 204: z.undefined().describe('`Upload-Offset` bytes are here now'), ...problems(...FAILURES) },
      },
    })
    scope.delete(`${UPLOADS_PATH}/:uploadId`, {
      handler,
      schema: {
        tags: ['scenes'],
        summary: 'Give an upload up',
        params: UploadParams,
        response: { 204: z.undefined().describe('The upload is gone'), ...problems('not_found') },
      },
    })
    scope.options(UPLOADS_PATH, {
      handler,
      schema: {
        tags: ['scenes'],
        summary: 'Ask what of tus is spoken here',
        response: { 204: z.undefined().describe('In the `Tus-` headers'), ...problems() },
      },
    })
  })
}

async function answer(
  uploads: SceneUploads,
  sceneBytesMax: number,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const call: UploadCall = { owner: ownerOf(request) }
  const response = await uploads.handle(asWebRequest(request), call)
  // A refusal of ours, or an outage, on its way through the library.
  if (call.failure instanceof Error && !('status_code' in call.failure)) throw call.failure
  for (const name of HEADERS_SENT) {
    const value = response.headers.get(name)
    if (value !== null) void reply.header(name, value)
  }
  if (call.scene !== undefined) void reply.header('tilework-scene', call.scene)
  if (response.status < 400) return reply.code(response.status).send()
  return sendProblem(request, reply, protocolProblem(response.status, (await response.text()).trim(), sceneBytesMax))
}

function asWebRequest(request: FastifyRequest): Request {
  const headers = new Headers()
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined && name !== 'authorization')
      headers.set(name, Array.isArray(value) ? value.join(', ') : value)
  }
  const hasBody = request.method === 'PATCH' || request.method === 'POST'
  return new Request(`http://upload${request.url}`, {
    method: request.method,
    headers,
    ...(hasBody ? { body: Readable.toWeb(request.raw), duplex: 'half' as const } : {}),
  })
}

/** What the library refuses, in the words of the catalogue. The status is the protocol's where clients act on it. */
function protocolProblem(status: number, said: string, sceneBytesMax: number): ReturnType<typeof makeProblem> {
  switch (status) {
    case 404:
    case 410:
      return makeProblem(
        'not_found',
        `there is no such upload; it may have ended or expired: begin a new one with POST ${UPLOADS_PATH}`,
      )
    case 409:
      return makeProblem('conflict', 'Upload-Offset is not where the upload stands; ask with HEAD and go on from there')
    case 412:
      return makeProblem('bad_request', 'send the header Tus-Resumable: 1.0.0', { status: 412 })
    case 413:
      return makeProblem(
        'too_large',
        `these are more bytes than Upload-Length said, or than the ${sceneBytesMax} a scene may have`,
      )
    default:
      if (status >= 500 && status !== 501) throw new Error(`the upload library answered ${status}: ${said}`)
      return makeProblem('bad_request', said || 'not a request of the tus protocol')
  }
}
