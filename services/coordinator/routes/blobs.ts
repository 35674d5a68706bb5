import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { RefusalError } from '../../../shared/protocol/errors.ts'
import { Sha256 } from '../../../shared/protocol/ids.ts'
import { httpLimits } from '../dependencies.ts'
import type { AppDependencies } from '../dependencies.ts'
import { receiveFiles, storeFile } from '../uploads/receive-files.ts'
import { boundArrivals } from './arrivals.ts'
import { problems } from './problem-responses.ts'
import type { RestApp } from './rest-app.ts'

const StoredFiles = z
  .strictObject({
    files: z.int(),
    /** Of these, files that the farm had already. */
    known: z.int(),
    bytes: z.int(),
  })
  .meta({ id: 'StoredFiles' })

/** Files of projects, by their content. */
export async function addBlobRoutes(
  app: RestApp,
  { objects, limits }: Pick<AppDependencies, 'objects' | 'limits'>,
): Promise<void> {
  const { sceneBytesMax, uploadsAtOnceMax } = httpLimits({ ...(limits === undefined ? {} : { limits }) })
  boundArrivals(app, uploadsAtOnceMax)
  // Bodies are streams here, whatever they say they are.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _body, done) => done(null))

  app.put('/v1/blobs/:sha256', {
    schema: {
      tags: ['scenes'],
      summary: 'Send one file of a project',
      description: 'For curl: `curl -T file …/v1/blobs/<sha256>`. Large files are better off with `/v1/uploads`.',
      params: z.object({ sha256: Sha256 }),
      response: {
        204: z.undefined().describe('The file is stored'),
        ...problems('too_large', 'upload_hash_mismatch', 'upload_cut', 'store_unavailable'),
      },
    },
    handler: async (request, reply) => {
      const bytes = Number(request.headers['content-length'] ?? NaN)
      if (!Number.isSafeInteger(bytes))
        throw new RefusalError('bad_request', 'send the length of the file in the header Content-Length')
      if (bytes > sceneBytesMax) throw new RefusalError('too_large', `a file may have at most ${sceneBytesMax} bytes`)
      await receiving(request, () => storeFile(objects, request.params.sha256, bytes, request.raw))
      return reply.code(204).send()
    },
  })

  app.post('/v1/blobs', {
    schema: {
      tags: ['scenes'],
      summary: 'Send several files of projects',
      description:
        'The body is, for each file, a line with its SHA-256, a blank and its length in bytes, and then its ' +
        'bytes. Each file is stored when it is whole; what came before a cut stays.',
      response: {
        200: StoredFiles.describe('What was stored'),
        ...problems('too_large', 'upload_hash_mismatch', 'upload_cut', 'store_unavailable'),
      },
    },
    handler: async (request) => receiving(request, () => receiveFiles(objects, request.raw)),
  })
}

async function receiving<T>(request: FastifyRequest, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (request.raw.destroyed && !request.raw.complete && !(error instanceof RefusalError))
      throw new RefusalError('upload_cut', 'the connection ended before all had arrived; send the rest again')
    throw error
  }
}
