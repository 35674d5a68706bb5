import { JOURNAL_VERSION, type SegmentHead } from '../../protocol/journal.ts'
import { type JobId, sortableId } from '../../protocol/ids.ts'
import { journalKey } from '../../protocol/object-keys.ts'
import type { Unjournaled } from '../../ports/farm-store.ts'
import type { Engine } from '../context.ts'

/** Records in one segment: some hundred KiB, so that Redis never stalls on reading them. */
const SEGMENT_LINES_MAX = 500

/**
 * Writes all that changed in a job since the last time into its journal, as segments that are never written again. Any
 * number of processes may do it at once, and any of them may die: what was not taken back as journaled is written once
 * more, and a reader takes the highest version. Gives false when the job is gone, being deleted, or not begun.
 */
export async function journalJob(engine: Engine, jobId: JobId): Promise<boolean> {
  for (;;) {
    const due = await engine.store.unjournaled(jobId, SEGMENT_LINES_MAX)
    if (due.length === 0) return true
    const key = journalKey(jobId, `segment-${sortableId(engine.clock.now(), engine.random.bytes(16))}.jsonl`)
    const text = segmentOf(jobId, due, engine.clock.now())
    if (text !== null) {
      if (!(await isKept(engine, jobId))) return false
      await engine.objects.put(key, Buffer.from(text), { contentType: 'application/jsonl' })
      // Deleted meanwhile: nobody would remove this segment again.
      if (!(await isKept(engine, jobId))) {
        await engine.objects.delete(key)
        return false
      }
    }
    await engine.store.journaled(jobId, due)
    if (due.length < SEGMENT_LINES_MAX) return true
  }
}

/** Null when there is nothing to write. */
function segmentOf(jobId: JobId, due: readonly Unjournaled[], now: number): string | null {
  const lines = due.flatMap(({ what, version, record }) =>
    record === null ? [] : [`{"what":"${what}","version":${version},"record":${record}}\n`],
  )
  const head: SegmentHead = { journal: JOURNAL_VERSION, jobId, writtenAt: now, lines: lines.length }
  return lines.length === 0 ? null : `${JSON.stringify(head)}\n${lines.join('')}`
}

async function isKept(engine: Engine, jobId: JobId): Promise<boolean> {
  const job = await engine.store.job(jobId)
  return job !== null && job.value.state !== 'deleting'
}
