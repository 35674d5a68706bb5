import { z } from 'zod'
import { RefusalError } from '../../../shared/protocol/errors.ts'
import { WorkerId } from '../../../shared/protocol/ids.ts'
import { FarmInfo, PageQuery, WorkerPage } from '../../../shared/protocol/rest.ts'
import { WorkerRecord } from '../../../shared/protocol/worker.ts'
import type { AppDependencies } from '../dependencies.ts'
import { problems } from './problem-responses.ts'
import type { RestApp } from './rest-app.ts'

/** The farm at a glance, and the machines that render. */
export function addWorkerRoutes(app: RestApp, { store, version }: Pick<AppDependencies, 'store' | 'version'>): void {
  app.get('/v1', {
    config: { scopes: ['user', 'worker'] },
    schema: {
      tags: ['farm'],
      summary: 'What farm this is',
      response: { 200: FarmInfo.describe('The farm'), ...problems() },
    },
    handler: async () => {
      const [connected, open] = await Promise.all([store.connectedWorkers(), store.openJobs()])
      return { name: 'tilework' as const, version, workersConnected: connected.size, jobsOpen: open.length }
    },
  })

  app.get('/v1/workers', {
    schema: {
      tags: ['workers'],
      summary: 'List workers',
      querystring: z.strictObject(PageQuery.shape),
      response: { 200: WorkerPage.describe('A page of workers, by id'), ...problems() },
    },
    handler: async (request) => {
      const { cursor, limit } = request.query
      const [all, connected] = await Promise.all([store.listWorkers(), store.connectedWorkers()])
      const rest = all.filter(({ id }) => cursor === undefined || id > cursor).sort((a, b) => (a.id < b.id ? -1 : 1))
      const items = rest.slice(0, limit).map((worker) => asItIs(worker, connected))
      return { items, next: rest.length > limit ? (items.at(-1)?.id ?? null) : null }
    },
  })

  app.get('/v1/workers/:workerId', {
    schema: {
      tags: ['workers'],
      summary: 'Look at a worker',
      params: z.object({ workerId: WorkerId }),
      response: { 200: WorkerRecord.describe('The worker'), ...problems('not_found') },
    },
    handler: async (request) => {
      const worker = await store.worker(request.params.workerId)
      if (worker === null)
        throw new RefusalError('not_found', `there is no worker ${request.params.workerId}; GET /v1/workers lists them`)
      return asItIs(worker, await store.connectedWorkers())
    },
  })
}

// A coordinator that dies writes down nobody's leaving; the sessions know who is there.
function asItIs(worker: WorkerRecord, connected: ReadonlySet<WorkerId>): WorkerRecord {
  return connected.has(worker.id) ? worker : { ...worker, state: 'offline' }
}
