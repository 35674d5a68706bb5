import { z } from 'zod'
import type { FarmStore, Page } from '../../../shared/ports/farm-store.ts'
import type { ObjectStore } from '../../../shared/ports/object-store.ts'
import { RefusalError } from '../../../shared/protocol/errors.ts'
import type { JobId } from '../../../shared/protocol/ids.ts'
import type { JobRecord } from '../../../shared/protocol/job.ts'
import { finalPathKey } from '../../../shared/protocol/final-path.ts'
import type { ObjectKey } from '../../../shared/protocol/object-keys.ts'
import { ArtifactPage, ArtifactQuery, JobParams } from '../../../shared/protocol/rest.ts'
import type { Artifact } from '../../../shared/protocol/rest.ts'
import type { AppDependencies } from '../dependencies.ts'
import { ownJob } from './own-job.ts'
import { problems } from './problem-responses.ts'
import type { RestApp } from './rest-app.ts'

/** A signed URL is good for one hour: long enough to fetch a video over a slow line, short enough to leak little. */
const URL_TTL_SECONDS = 3600
/** Pages of frames read for one answer; a job that has delivered little yet ends it early, with a cursor. */
const READS_MAX = 40

/** What a job has delivered so far. */
export function addArtifactRoutes(app: RestApp, { store, objects }: Pick<AppDependencies, 'store' | 'objects'>): void {
  app.get('/v1/jobs/:jobId/artifacts', {
    schema: {
      tags: ['artifacts'],
      summary: 'List the delivered files of a job',
      description:
        'Video, previews and manifest first, then the files of each frame in order. ' +
        '`urls=true` adds a signed URL to each, good for one hour.',
      params: JobParams,
      querystring: z.strictObject(ArtifactQuery.shape),
      response: { 200: ArtifactPage.describe('A page of files'), ...problems('not_found', 'store_unavailable') },
    },
    handler: async (request) => {
      const job = await ownJob(store, request, request.params.jobId)
      const page = await artifactPage(store, job, parseCursor(request.query.cursor), request.query.limit)
      if (!request.query.urls) return page
      const items = await Promise.all(
        page.items.map(async (artifact) => {
          const key = finalPathKey(job.id, artifact.path)
          return key === null ? artifact : { ...artifact, url: await addressOf(objects, key, artifact.path) }
        }),
      )
      return { items, next: page.next }
    },
  })

  app.get('/v1/jobs/:jobId/artifacts/*', {
    schema: {
      tags: ['artifacts'],
      summary: 'Fetch a delivered file',
      description: 'Answers with the address of the file in the object store, signed and good for one hour.',
      params: JobParams.extend({
        '*': z.string().describe('Path of the file as it is listed, for example `frames/0001.png`'),
      }),
      response: {
        302: z.undefined().describe('The file is at `Location`'),
        ...problems('not_found', 'store_unavailable'),
      },
    },
    handler: async (request, reply) => {
      const job = await ownJob(store, request, request.params.jobId)
      const path = request.params['*']
      const key = finalPathKey(job.id, path)
      if (key === null || (await objects.head(key)) === null) {
        throw new RefusalError(
          'not_found',
          `the job ${job.id} has delivered no file of this path; GET ` +
            `/v1/jobs/${job.id}/artifacts lists those there are`,
        )
      }
      return reply.redirect(await addressOf(objects, key, path), 302)
    },
  })
}

/**
 * Where to go on: in the job's own files, or in the frames from a cursor of the store; `skip` artifacts were given from
 * there.
 */
type Place = { readonly in: 'job' | 'frames'; readonly skip: number; readonly from: string | null }

// The number of artifacts and not of frames is counted, so a place stays good when the next page has another limit.
async function artifactPage(
  store: Pick<FarmStore, 'listFrames'>,
  job: JobRecord,
  start: Place,
  limit: number,
): Promise<{ items: Artifact[]; next: string | null }> {
  const items: Artifact[] = []
  let place: Place | null = start
  for (let reads = 0; place !== null && items.length < limit && reads < READS_MAX; reads++) {
    const { items: all, next }: Page<Artifact> =
      place.in === 'job'
        ? { items: job.files.map((file) => ({ ...file })), next: null }
        : await framePage(store, job.id, place.from, limit)
    const taken: Artifact[] = all.slice(place.skip, place.skip + limit - items.length)
    items.push(...taken)
    const given: number = place.skip + taken.length
    if (given < all.length) place = { ...place, skip: given }
    else if (place.in === 'job') place = { in: 'frames', skip: 0, from: null }
    else
      place = next === null ? null : { in: 'frames', skip: place.skip - Math.min(place.skip, all.length), from: next }
  }
  return { items, next: place === null ? null : `${place.in}.${place.skip}.${place.from ?? ''}` }
}

async function framePage(
  store: Pick<FarmStore, 'listFrames'>,
  jobId: JobId,
  cursor: string | null,
  limit: number,
): Promise<Page<Artifact>> {
  const page = await store.listFrames(jobId, { limit, ...(cursor === null ? {} : { cursor }) })
  return {
    items: page.items.flatMap((frame) =>
      (frame.state === 'canceled' ? [] : (frame.files ?? [])).map((file) => ({ ...file, frame: frame.number })),
    ),
    next: page.next,
  }
}

function parseCursor(cursor: string | undefined): Place {
  if (cursor === undefined) return { in: 'job', skip: 0, from: null }
  const match = /^(job|frames)\.(\d{1,6})\.(.*)$/.exec(cursor)
  if (match === null)
    throw new RefusalError(
      'bad_request',
      'query.cursor: is not a cursor of this list; leave it out to begin at the first page',
    )
  return {
    in: match[1] === 'job' ? 'job' : 'frames',
    skip: Number(match[2]),
    from: match[3] === '' ? null : (match[3] ?? null),
  }
}

/** A signed address. Where the key cannot hold the file's own name, a browser is told it. */
async function addressOf(objects: Pick<ObjectStore, 'signedGet'>, key: ObjectKey, path: string): Promise<string> {
  const filename = path.slice(path.lastIndexOf('/') + 1)
  return objects.signedGet(key, {
    ttlSeconds: URL_TTL_SECONDS,
    ...(key.endsWith(`/${filename}`) ? {} : { filename }),
  })
}
