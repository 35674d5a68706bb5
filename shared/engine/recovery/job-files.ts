import { JobId } from '../../protocol/ids.ts'
import {
  behindJob,
  JOBS_PREFIX,
  jobPrefix,
  type ObjectKey,
  parseJobOfKey,
  parseJournalKey,
} from '../../protocol/object-keys.ts'
import type { ObjectPage, ObjectStore } from '../../ports/object-store.ts'
import { everyObject } from '../read-objects.ts'

/** The jobs of which anything lies in the store, oldest first: one look for each, whatever it holds. */
export async function* jobsInStore(objects: ObjectStore): AsyncGenerator<JobId> {
  for (let startAfter: string | null = null; ;) {
    const {
      keys: [first],
    }: ObjectPage = await objects.list(JOBS_PREFIX, { limit: 1, ...(startAfter === null ? {} : { startAfter }) })
    if (first === undefined) return
    const found = parseJobOfKey(first.key)
    startAfter = found === null ? first.key : behindJob(found.jobId)
    const jobId = JobId.safeParse(found?.jobId)
    if (jobId.success) yield jobId.data
  }
}

/** Lengths of all files of a job by their keys, and which of them are segments of its journal. */
export async function filesOfJob(
  objects: ObjectStore,
  jobId: JobId,
): Promise<{ bytes: Map<string, number>; segments: ObjectKey[] }> {
  const bytes = new Map<string, number>()
  const segments: ObjectKey[] = []
  for await (const file of everyObject(objects, jobPrefix(jobId))) {
    const journal = parseJournalKey(file.key)
    if (journal === null) bytes.set(file.key, file.bytes)
    else if (journal.path.startsWith('segment-')) segments.push(file.key)
  }
  return { bytes, segments }
}
