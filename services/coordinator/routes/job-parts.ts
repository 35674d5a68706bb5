import { z } from 'zod'
import { RefusalError } from '../../../shared/protocol/errors.ts'
import { TaskId } from '../../../shared/protocol/ids.ts'
import {
  FramePage,
  FrameQuery,
  JobEventPage,
  JobParams,
  PageQuery,
  TaskPage,
  TaskQuery,
} from '../../../shared/protocol/rest.ts'
import { TaskRecord } from '../../../shared/protocol/task.ts'
import type { AppDependencies } from '../dependencies.ts'
import { filteredPage, storeQuery } from './filtered-page.ts'
import { ownJob } from './own-job.ts'
import { problems } from './problem-responses.ts'
import type { RestApp } from './rest-app.ts'

/** What a job consists of: tasks with their attempts, frames, events. */
export function addJobPartRoutes(app: RestApp, { store }: Pick<AppDependencies, 'store'>): void {
  app.get('/v1/jobs/:jobId/tasks', {
    schema: {
      tags: ['jobs'],
      summary: 'List the tasks of a job, each with its attempts',
      params: JobParams,
      querystring: z.strictObject(TaskQuery.shape),
      response: { 200: TaskPage.describe('A page of tasks'), ...problems('not_found') },
    },
    handler: async (request) => {
      const { id } = await ownJob(store, request, request.params.jobId)
      const { state } = request.query
      return filteredPage(
        (query) => store.listTasks(id, query),
        request.query,
        (task) => state === undefined || task.state === state,
      )
    },
  })

  app.get('/v1/jobs/:jobId/tasks/:taskId', {
    schema: {
      tags: ['jobs'],
      summary: 'Look at a task and its attempts',
      params: JobParams.extend({ taskId: TaskId }),
      response: { 200: TaskRecord.describe('The task'), ...problems('not_found') },
    },
    handler: async (request) => {
      const { id } = await ownJob(store, request, request.params.jobId)
      const [task] = await store.tasks(id, [request.params.taskId])
      if (task === null || task === undefined)
        throw new RefusalError(
          'not_found',
          `the job ${id} has no task ${request.params.taskId}; GET /v1/jobs/${id}/tasks lists them`,
        )
      return task.value
    },
  })

  app.get('/v1/jobs/:jobId/frames', {
    schema: {
      tags: ['jobs'],
      summary: 'List the frames of a job, each with its delivered files',
      params: JobParams,
      querystring: z.strictObject(FrameQuery.shape),
      response: { 200: FramePage.describe('A page of frames'), ...problems('not_found') },
    },
    handler: async (request) => {
      const { id } = await ownJob(store, request, request.params.jobId)
      const { state } = request.query
      return filteredPage(
        (query) => store.listFrames(id, query),
        request.query,
        (frame) => state === undefined || frame.state === state,
      )
    },
  })

  app.get('/v1/jobs/:jobId/events', {
    schema: {
      tags: ['jobs'],
      summary: 'List what happened in a job, oldest first',
      description: 'To follow a job, go on from the `seq` of the last event seen as `cursor`.',
      params: JobParams,
      querystring: z.strictObject(PageQuery.shape),
      response: { 200: JobEventPage.describe('A page of events'), ...problems('not_found') },
    },
    handler: async (request) => {
      const { id } = await ownJob(store, request, request.params.jobId)
      const page = await store.events(id, storeQuery(request.query))
      return { items: [...page.items], next: page.next }
    },
  })
}
