import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { RefusalError } from '../../../shared/protocol/errors.ts'
import { JobId, newJobId } from '../../../shared/protocol/ids.ts'
import { JobRequest, JobView } from '../../../shared/protocol/job.ts'
import { JobPage, JobParams, JobQuery } from '../../../shared/protocol/rest.ts'
import type { AppDependencies } from '../dependencies.ts'
import { isAdmin } from '../../wiring/tokens.ts'
import { ownerOf } from '../plugins/authentication.ts'
import { filteredPage } from './filtered-page.ts'
import { IdempotencyHeaders, once } from './idempotency.ts'
import { noSuchJob, ownJob } from './own-job.ts'
import { PLANNING_CODES } from './plans.ts'
import { problems } from './problem-responses.ts'
import type { RestApp } from './rest-app.ts'

/** What a submission can be refused for besides the form of the request. */
const SUBMISSION_CODES = [
  'idempotency_mismatch',
  'too_large',
  'unsupported_media_type',
  'too_many_jobs',
  ...PLANNING_CODES,
] as const

const NoBody = z.strictObject({}).nullish()

/** Jobs as wholes: submit, list, look at, cancel, delete. */
export function addJobRoutes(app: RestApp, { farm, store }: Pick<AppDependencies, 'farm' | 'store'>): void {
  app.post('/v1/jobs', {
    schema: {
      tags: ['jobs'],
      summary: 'Submit a job',
      description:
        'Renders an uploaded scene. What the request leaves out comes from the scene. ' +
        'Answers with the plan: how the work is split, and why.',
      headers: IdempotencyHeaders,
      body: JobRequest,
      response: { 201: JobView.describe('The job as it was planned'), ...problems(...SUBMISSION_CODES) },
    },
    handler: async (request, reply) => {
      const owner = ownerOf(request)
      const { answer, replayed } = await once(
        store,
        { owner: owner.name, route: 'POST /v1/jobs', key: request.headers['idempotency-key'], body: request.body },
        {
          name: async () => newJobId(await store.time(), randomBytes(16)),
          call: async (makes) => {
            const submitted = await farm.submitJob(
              owner,
              request.body,
              makes === undefined ? undefined : JobId.parse(makes),
            )
            return submitted.ok ? { ok: true, answer: submitted.job } : submitted
          },
          parse: (stored) => JobView.parse(stored),
        },
      )
      if (replayed) void reply.header('idempotency-replayed', 'true')
      return reply.code(201).header('location', `/v1/jobs/${answer.id}`).send(answer)
    },
  })

  app.get('/v1/jobs', {
    schema: {
      tags: ['jobs'],
      summary: 'List jobs, newest first',
      description:
        'Users see their own jobs, admins all. A page may hold fewer jobs ' +
        'than `limit`; the list ends where `next` is null.',
      querystring: z.strictObject(JobQuery.shape),
      response: { 200: JobPage.describe('A page of jobs'), ...problems() },
    },
    handler: async (request) => {
      const owner = ownerOf(request)
      const { state } = request.query
      const page = await filteredPage(
        (query) => store.listJobs({ ...query, ...(isAdmin(owner) ? {} : { owner: owner.name }) }),
        request.query,
        (job) => state === undefined || job.state === state,
      )
      return { items: await Promise.all(page.items.map((job) => farm.viewOf(job))), next: page.next }
    },
  })

  app.get('/v1/jobs/:jobId', {
    schema: {
      tags: ['jobs'],
      summary: 'Look at a job',
      params: JobParams,
      response: {
        200: JobView.describe('The job, with how far it is and what it waits for'),
        ...problems('not_found'),
      },
    },
    handler: async (request) => farm.viewOf(await ownJob(store, request, request.params.jobId)),
  })

  app.post('/v1/jobs/:jobId/cancel', {
    schema: {
      tags: ['jobs'],
      summary: 'Cancel a job',
      description: 'Workers stop rendering it at once. Frames that were delivered stay.',
      params: JobParams,
      body: NoBody,
      response: { 200: JobView.describe('The canceled job'), ...problems('not_found', 'conflict') },
    },
    handler: async (request) => {
      const { id } = await ownJob(store, request, request.params.jobId)
      const canceled = await farm.cancelJob(id, `canceled by ${ownerOf(request).name}`)
      if (!canceled.ok) throw new RefusalError(canceled.code, canceled.detail)
      return canceled.job
    },
  })

  app.delete('/v1/jobs/:jobId', {
    schema: {
      tags: ['jobs'],
      summary: 'Delete a job and all its files',
      description:
        'Cancels it first when it runs. The job may be seen as `deleting` for a while; then nothing of it is left.',
      params: JobParams,
      response: { 202: z.undefined().describe('The job is being deleted'), ...problems('not_found', 'conflict') },
    },
    handler: async (request, reply) => {
      const { id } = await ownJob(store, request, request.params.jobId)
      const deleted = await farm.deleteJob(id)
      if (!deleted.ok)
        throw deleted.code === 'not_found' ? noSuchJob(id) : new RefusalError(deleted.code, deleted.detail)
      return reply.code(202).send()
    },
  })
}
