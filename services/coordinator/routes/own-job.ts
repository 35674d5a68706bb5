import type { FastifyRequest } from 'fastify'
import type { FarmStore } from '../../../shared/ports/farm-store.ts'
import { RefusalError } from '../../../shared/protocol/errors.ts'
import type { JobId } from '../../../shared/protocol/ids.ts'
import type { JobRecord } from '../../../shared/protocol/job.ts'
import { isAdmin } from '../../wiring/tokens.ts'
import { ownerOf } from '../plugins/authentication.ts'

/** The job if the one who asks may see it. Somebody else's is refused like one that is not there: ids tell nothing. */
export async function ownJob(store: Pick<FarmStore, 'job'>, request: FastifyRequest, jobId: JobId): Promise<JobRecord> {
  const owner = ownerOf(request)
  const job = await store.job(jobId)
  if (job === null || (job.value.owner !== owner.name && !isAdmin(owner))) throw noSuchJob(jobId)
  return job.value
}

export function noSuchJob(jobId: JobId): RefusalError {
  return new RefusalError('not_found', `there is no job ${jobId}; GET /v1/jobs lists yours`)
}
