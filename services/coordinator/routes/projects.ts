import { join } from 'node:path'
import { z } from 'zod'
import { missingOf, takeProject } from '../../../shared/engine/jobs/project-intake.ts'
import { readManifest } from '../../../shared/engine/jobs/unused-files.ts'
import { RefusalError } from '../../../shared/protocol/errors.ts'
import { Sha256 } from '../../../shared/protocol/ids.ts'
import { LIMITS } from '../../../shared/protocol/limits.ts'
import { blobKey } from '../../../shared/protocol/object-keys.ts'
import { FileAddresses, FileAddressRequest, ProjectMissing, ProjectRequest } from '../../../shared/protocol/project.ts'
import { SceneRecord } from '../../../shared/protocol/scene.ts'
import type { AppDependencies } from '../dependencies.ts'
import { withScratch } from '../uploads/scratch.ts'
import { problems } from './problem-responses.ts'
import type { RestApp } from './rest-app.ts'

/** Seconds for which a worker can read a file at the address it was given; it asks again for what took longer. */
const ADDRESS_SECONDS = 3600
/** Projects whose lists are kept in memory, so that a worker that asks for files 500 at a time has them read once. */
const MANIFESTS_KEPT = 4

/** Projects: a list of files in, what is missing out, and where a worker reads the files. */
export function addProjectRoutes(
  app: RestApp,
  deps: Pick<AppDependencies, 'store' | 'objects' | 'scenes' | 'dataDir'>,
): void {
  const { store, objects } = deps

  app.post('/v1/projects/missing', {
    bodyLimit: LIMITS.manifestBytesMax,
    schema: {
      tags: ['scenes'],
      summary: 'Ask which files of a project the farm lacks',
      description: 'Writes nothing. `sha256` is what the scene will be called when its files are here.',
      body: ProjectRequest,
      response: {
        200: ProjectMissing.describe('What to send'),
        ...problems('too_large', 'store_unavailable'),
      },
    },
    handler: async (request) => missingOf(deps, manifestOf(request.body)),
  })

  app.post('/v1/projects', {
    bodyLimit: LIMITS.manifestBytesMax,
    schema: {
      tags: ['scenes'],
      summary: 'Hand in a project whose files are here',
      description:
        'The list of all files of a project folder, and which .blend to render. Send first what ' +
        '`POST /v1/projects/missing` names, with `PUT /v1/blobs/<sha256>`, `POST /v1/blobs` or `/v1/uploads`. ' +
        'The scene is known by the list: the same list again answers 200.',
      body: ProjectRequest,
      response: {
        200: SceneRecord.describe('The farm had this project already'),
        201: SceneRecord.describe('The scene, as it was read'),
        ...problems('too_large', 'project_incomplete', 'not_a_scene', 'blend_invalid', 'store_unavailable'),
      },
    },
    handler: async (request, reply) => {
      const taken = await withScratch(deps.dataDir, (folder) =>
        takeProject(deps, manifestOf(request.body), request.body.name, join(folder, 'main')),
      )
      if (!taken.ok) throw new RefusalError(taken.code, taken.detail)
      return reply
        .code(taken.known ? 200 : 201)
        .header('location', `/v1/scenes/${taken.scene.sha256}`)
        .send(taken.scene)
    },
  })

  const filesOf = rememberedFiles(objects)
  app.post('/v1/scenes/:sha256/addresses', {
    config: { scopes: ['worker', 'anchor', 'user'] },
    schema: {
      tags: ['scenes'],
      summary: 'Where files of a project can be read',
      description: `For workers. An address is good for ${ADDRESS_SECONDS / 3600} hour, and may be relative.`,
      params: z.object({ sha256: Sha256 }),
      body: FileAddressRequest,
      response: {
        200: FileAddresses.describe('In the order of the request'),
        ...problems('not_found', 'store_unavailable'),
      },
    },
    handler: async (request) => {
      const { sha256 } = request.params
      const scene = await store.scene(sha256)
      const files = scene?.kind === 'project' ? await filesOf(sha256) : null
      if (files === null) throw new RefusalError('not_found', `there is no project ${sha256}`)
      const stranger = request.body.files.find((file) => !files.has(file))
      if (stranger !== undefined)
        throw new RefusalError('not_found', `the project ${sha256} has no file with the SHA-256 ${stranger}`)
      const sign = (file: Sha256) => objects.signedGet(blobKey(file), { ttlSeconds: ADDRESS_SECONDS })
      return { urls: await Promise.all(request.body.files.map(sign)) }
    },
  })
}

function manifestOf({ main, files }: ProjectRequest) {
  return { main, files }
}

/** Hashes of the files of a project, read once for those asked for lately; null when it cannot be read. */
function rememberedFiles(objects: AppDependencies['objects']): (sha256: Sha256) => Promise<ReadonlySet<string> | null> {
  const kept = new Map<Sha256, ReadonlySet<string>>()
  return async (sha256) => {
    const known = kept.get(sha256)
    const manifest = known === undefined ? await readManifest(objects, sha256) : null
    const files = known ?? (manifest === null ? null : new Set(manifest.files.map((file) => file.sha256)))
    if (files === null) return null
    kept.delete(sha256)
    kept.set(sha256, files)
    for (const oldest of kept.keys()) if (kept.size > MANIFESTS_KEPT) kept.delete(oldest)
    return files
  }
}
