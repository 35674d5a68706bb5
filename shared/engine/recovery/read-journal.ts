import type { JournaledJob } from '../../domain/recovery/rebuild-job.ts'
import type { JobId, TaskId } from '../../protocol/ids.ts'
import { JobRecord } from '../../protocol/job.ts'
import { SegmentHead, SegmentLine } from '../../protocol/journal.ts'
import { journalKey, type ObjectKey } from '../../protocol/object-keys.ts'
import type { FrameRecord, TaskRecord } from '../../protocol/task.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import { eachAtOnce } from '../each-at-once.ts'
import { json, readText } from '../read-objects.ts'

interface Newest<T> {
  readonly version: number
  readonly record: T
}

/**
 * The newest records of a job that its journal has; null when it has no beginning, which is how an erased job looks of
 * which something came late. What cannot be read is told to `damaged` and left out.
 */
export async function readJournal(
  objects: ObjectStore,
  jobId: JobId,
  segments: readonly ObjectKey[],
  damaged: (what: string) => void,
): Promise<JournaledJob | null> {
  const first = await readText(objects, journalKey(jobId, 'job.json'))
  if (first === null) return null
  const submitted = JobRecord.safeParse(json(first))
  let job: Newest<JobRecord> | null =
    submitted.success && submitted.data.id === jobId ? { version: 0, record: submitted.data } : null
  if (job === null)
    damaged(`${journalKey(jobId, 'job.json')} is no job: ${submitted.error?.issues[0]?.message ?? 'it is another one'}`)
  const tasks = new Map<TaskId, Newest<TaskRecord>>()
  const frames = new Map<number, Newest<FrameRecord>>()
  await eachAtOnce(segments, async (key) => {
    for (const line of linesOf(key, (await readText(objects, key)) ?? '', jobId, damaged)) {
      if (line.what === 'job') job = newer(job, line)
      else if (line.what === 'task') tasks.set(line.record.id, newer(tasks.get(line.record.id) ?? null, line))
      else frames.set(line.record.number, newer(frames.get(line.record.number) ?? null, line))
    }
  })
  return job === null ? null : { job: job.record, tasks: records(tasks), frames: records(frames) }
}

function newer<T>(known: Newest<T> | null, told: Newest<T>): Newest<T> {
  return known !== null && known.version >= told.version ? known : told
}

function records<Id, T>(newest: ReadonlyMap<Id, Newest<T>>): Map<Id, T> {
  return new Map([...newest].map(([id, { record }]) => [id, record]))
}

/** The lines of a segment that can be read. */
function linesOf(key: ObjectKey, whole: string, jobId: JobId, damaged: (what: string) => void): SegmentLine[] {
  const [first = '', ...rest] = whole.split('\n')
  const head = SegmentHead.safeParse(json(first))
  if (!head.success) {
    damaged(`${key} does not begin as a segment of this version does; it is left out`)
    return []
  }
  if (head.data.jobId !== jobId) {
    damaged(`${key} is of ${head.data.jobId}; it is left out`)
    return []
  }
  const lines: SegmentLine[] = []
  for (const text of rest) {
    const line = text === '' ? null : SegmentLine.safeParse(json(text))
    if (line?.success === true) lines.push(line.data)
  }
  if (lines.length !== head.data.lines)
    damaged(`${key} should have ${head.data.lines} records, ${lines.length} can be read; the others are left out`)
  return lines
}
