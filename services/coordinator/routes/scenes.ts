import { join } from 'node:path'
import multipart from '@fastify/multipart'
import { z } from 'zod'
import { forgetScene, takeScene } from '../../../shared/engine/jobs/scene-intake.ts'
import { RefusalError } from '../../../shared/protocol/errors.ts'
import { Sha256 } from '../../../shared/protocol/ids.ts'
import { PageQuery, ScenePage } from '../../../shared/protocol/rest.ts'
import { SceneRecord } from '../../../shared/protocol/scene.ts'
import { httpLimits } from '../dependencies.ts'
import type { AppDependencies } from '../dependencies.ts'
import { boundArrivals } from './arrivals.ts'
import { receiveForm, SceneFields } from '../uploads/receive-form.ts'
import { withScratch } from '../uploads/scratch.ts'
import { storeQuery } from './filtered-page.ts'
import { problems } from './problem-responses.ts'
import type { RestApp } from './rest-app.ts'

/** The form as the description shows it; what comes is checked while it streams. */
const SceneForm = SceneFields.extend({
  scene: z.string().meta({ format: 'binary', description: 'A .blend, or a .zip of a project folder' }),
})

const SceneParams = z.object({ sha256: Sha256 })

/** Scenes: hand in, list, look at, forget. Known by their hash, so all users of a farm share them. */
export async function addSceneRoutes(
  app: RestApp,
  deps: Pick<AppDependencies, 'store' | 'objects' | 'scenes' | 'dataDir' | 'limits'>,
): Promise<void> {
  const { store } = deps
  const { sceneBytesMax, uploadsAtOnceMax } = httpLimits(deps)
  await app.register(multipart)
  boundArrivals(app, uploadsAtOnceMax)

  app.post('/v1/scenes', {
    bodyLimit: sceneBytesMax,
    // The body is a stream; there is nothing to check before it was read.
    validatorCompiler: () => (value: unknown) => ({ value }),
    schema: {
      tags: ['scenes'],
      summary: 'Hand in a scene in one go',
      description:
        'For curl: `curl -H "Authorization: Bearer $TOKEN" -F scene=@file.blend …/v1/scenes`. Large files ' +
        'are better off with `/v1/uploads`, which goes on where it stopped. ' +
        'Sending a file that the farm has already answers 200.',
      consumes: ['multipart/form-data'],
      body: SceneForm,
      response: {
        200: SceneRecord.describe('The farm had this scene already'),
        201: SceneRecord.describe('The scene, as it was read'),
        ...problems(
          'too_large',
          'unsupported_media_type',
          'upload_hash_mismatch',
          'upload_cut',
          'not_a_scene',
          'blend_invalid',
          'zip_invalid',
          'store_unavailable',
        ),
      },
    },
    handler: async (request, reply) => {
      // Answered after the scratch folder is gone, so that an answer means that nothing is left over.
      const taken = await withScratch(deps.dataDir, async (folder) => {
        const { file, fields } = await receiveForm(request, folder, sceneBytesMax)
        return takeScene(deps, {
          filePath: file.filePath,
          bytes: file.bytes,
          sha256: file.sha256,
          name: fields.name ?? file.fileName,
          scratchDir: join(folder, 'unpacked'),
          ...(fields.sha256 === undefined ? {} : { declaredSha256: fields.sha256 }),
          ...(fields.main === undefined ? {} : { main: fields.main }),
        })
      })
      if (!taken.ok) throw new RefusalError(taken.code, taken.detail)
      return reply
        .code(taken.known ? 200 : 201)
        .header('location', `/v1/scenes/${taken.scene.sha256}`)
        .send(taken.scene)
    },
  })

  app.get('/v1/scenes', {
    schema: {
      tags: ['scenes'],
      summary: 'List scenes',
      description: 'Without what inspections found; a scene by itself tells that.',
      querystring: z.strictObject(PageQuery.shape),
      response: { 200: ScenePage.describe('A page of scenes'), ...problems() },
    },
    handler: async (request) => {
      const page = await store.listScenes(storeQuery(request.query))
      // What inspections found can be long; it is told of one scene at a time.
      return { items: page.items.map(({ inspections: _inspections, ...scene }) => scene), next: page.next }
    },
  })

  app.get('/v1/scenes/:sha256', {
    schema: {
      tags: ['scenes'],
      summary: 'Look at a scene',
      description: 'HEAD tells whether the farm has a file before it is sent.',
      params: SceneParams,
      response: { 200: SceneRecord.describe('The scene'), ...problems('not_found') },
    },
    handler: async (request) => {
      const scene = await store.scene(request.params.sha256)
      if (scene === null)
        throw new RefusalError(
          'not_found',
          `there is no scene ${request.params.sha256}; hand the file in with POST /v1/scenes or /v1/uploads`,
        )
      return scene
    },
  })

  app.delete('/v1/scenes/:sha256', {
    schema: {
      tags: ['scenes'],
      summary: 'Forget a scene',
      description: 'Refused while a job uses it.',
      params: SceneParams,
      response: {
        204: z.undefined().describe('The scene and its bytes are gone'),
        ...problems('not_found', 'conflict', 'store_unavailable'),
      },
    },
    handler: async (request, reply) => {
      const forgotten = await forgetScene(deps, request.params.sha256)
      if (!forgotten.ok) throw new RefusalError(forgotten.code, forgotten.detail)
      return reply.code(204).send()
    },
  })
}
