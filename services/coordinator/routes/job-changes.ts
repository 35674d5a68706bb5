import { z } from 'zod'
import { RefusalError, type Refusal } from '../../../shared/protocol/errors.ts'
import { JobChange, JobView, PauseRequest } from '../../../shared/protocol/job.ts'
import { JobParams } from '../../../shared/protocol/rest.ts'
import type { AppDependencies } from '../dependencies.ts'
import { ownerOf } from '../plugins/authentication.ts'
import { ownJob } from './own-job.ts'
import { problems } from './problem-responses.ts'
import type { RestApp } from './rest-app.ts'

const NoBody = z.strictObject({}).nullish()

/** What is done to a job that runs. Each may be sent again: what is so already stays so. */
export function addJobChangeRoutes(app: RestApp, { farm, store }: Pick<AppDependencies, 'farm' | 'store'>): void {
  app.patch('/v1/jobs/:jobId', {
    schema: {
      tags: ['jobs'],
      summary: 'Change a job that is not over',
      description:
        'Name, priority and cap (tasks with workers at a time), from the next task on that is handed out; ' +
        'what workers hold already is finished. `frames` is the whole new range: new frames are rendered, ' +
        'work on frames that are not in it is taken back, and those of them that are delivered leave ' +
        'the delivery but are kept, and come back when they are asked for again.',
      params: JobParams,
      body: JobChange,
      response: {
        200: JobView.describe('The job as it is now'),
        ...problems(
          'not_found',
          'conflict',
          'frames_invalid',
          'frames_empty',
          'frames_too_many',
          'frames_not_apart',
          'too_many_tasks',
        ),
      },
    },
    handler: async (request) => {
      const { id } = await ownJob(store, request, request.params.jobId)
      return granted(await farm.changeJob(id, request.body, ownerOf(request).name))
    },
  })

  app.post('/v1/jobs/:jobId/pause', {
    schema: {
      tags: ['jobs'],
      summary: 'Pause a job',
      description:
        'Nothing more of it is handed out, audits included. Workers finish what they hold, and it counts; ' +
        'with `now` they are told to drop it. Frames that are rendered are still put together and delivered.',
      params: JobParams,
      body: PauseRequest.nullish(),
      response: { 200: JobView.describe('The paused job'), ...problems('not_found', 'conflict') },
    },
    handler: async (request) => {
      const { id } = await ownJob(store, request, request.params.jobId)
      return granted(await farm.pauseJob(id, request.body ?? {}, ownerOf(request).name))
    },
  })

  app.post('/v1/jobs/:jobId/resume', {
    schema: {
      tags: ['jobs'],
      summary: 'Resume a paused job',
      params: JobParams,
      body: NoBody,
      response: { 200: JobView.describe('The job, running again'), ...problems('not_found', 'conflict') },
    },
    handler: async (request) => {
      const { id } = await ownJob(store, request, request.params.jobId)
      return granted(await farm.resumeJob(id, ownerOf(request).name))
    },
  })

  app.post('/v1/jobs/:jobId/retry', {
    schema: {
      tags: ['jobs'],
      summary: 'Try a failed or canceled job again',
      description:
        'What is delivered and what is rendered stays; what failed has all its tries back. A job ' +
        'that runs is left as it is; one that is completed has nothing to retry.',
      params: JobParams,
      body: NoBody,
      response: {
        200: JobView.describe('The job, running again'),
        ...problems('not_found', 'conflict', 'too_many_jobs'),
      },
    },
    handler: async (request) => {
      const { id } = await ownJob(store, request, request.params.jobId)
      return granted(await farm.retryJob(id, ownerOf(request).name))
    },
  })
}

function granted(changed: { ok: true; job: JobView } | Refusal): JobView {
  if (!changed.ok) throw new RefusalError(changed.code, changed.detail)
  return changed.job
}
