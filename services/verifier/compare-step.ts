import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { candidatesOf } from '../../shared/domain/task/conclude-audit.ts'
import { attemptOf } from '../../shared/domain/task/attempts.ts'
import type { Pair } from '../../shared/domain/verification/settle-dispute.ts'
import type { Engine } from '../../shared/engine/context.ts'
import { loadAudited, reportCompared, reportRejected } from '../../shared/engine/results/step-reports.ts'
import type { JobId, TaskId } from '../../shared/protocol/ids.ts'
import { attemptKey } from '../../shared/protocol/object-keys.ts'
import type { TaskRecord } from '../../shared/protocol/task.ts'
import type { Imaging } from '../../shared/ports/imaging.ts'
import { compareRenderings, type LocalFile } from './compare-renderings.ts'

/** One rendering of the task, its files on this disk. */
interface Rendering {
  readonly key: string
  readonly taskId: TaskId
  readonly epoch: number
  readonly files: readonly LocalFile[]
}

/**
 * Compares all renderings of an audited task pair by pair and reports what it found. A rendering whose files are not
 * what its worker committed to, or damaged, or of a size that the plan does not have, is rejected at once: no second
 * opinion is needed. Files of a kind that the farm does not read are no fault of anybody's.
 */
export async function compareTask(
  engine: Engine,
  imaging: Imaging,
  scratchDir: string,
  jobId: JobId,
  taskId: TaskId,
): Promise<void> {
  const known = await loadAudited(engine, jobId, taskId)
  if (known === null) return
  const candidates = candidatesOf(known.task, known.audits)
  if (candidates.length < 2) return
  // What replaces it starts a comparison of its own.
  const reject = async ({ taskId: id, epoch }: Pick<Rendering, 'taskId' | 'epoch'>, reason: string): Promise<void> => {
    engine.log.warn({ jobId, taskId: id, reason }, 'result rejected')
    await reportRejected(engine, { jobId, taskId: id, epoch, reason })
  }
  const dir = await mkdtemp(join(scratchDir, 'compare-'))
  try {
    const renderings: Rendering[] = []
    for (const candidate of candidates) {
      const record = candidate.own ? known.task : known.audits.find((audit) => audit.id === candidate.taskId)
      if (record === undefined) continue
      const fetched = await fetchRendering(engine, {
        jobId,
        task: record,
        epoch: candidate.epoch,
        key: candidate.key,
        dir,
      })
      if (typeof fetched === 'string') return await reject(candidate, fetched)
      renderings.push(fetched)
    }
    const pairs: Pair[] = []
    for (const [index, a] of renderings.entries()) {
      for (const b of renderings.slice(index + 1)) {
        const outcome = await compareRenderings(imaging, { plan: known.job.plan, task: known.task }, a.files, b.files)
        if (outcome.type === 'damaged') return await reject(outcome.which === 'a' ? a : b, outcome.why)
        pairs.push({ a: a.key, b: b.key, ...outcome.told })
      }
    }
    engine.log.info({ jobId, taskId, pairs }, 'audit compared')
    await reportCompared(engine, known, pairs)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** Which attempt of a task, under which name in the comparison, and the folder for its files. */
interface WantedRendering {
  readonly jobId: JobId
  readonly task: TaskRecord
  readonly epoch: number
  readonly key: string
  readonly dir: string
}

/** The files with their local paths, or why they are not what was committed to. */
async function fetchRendering(
  engine: Engine,
  { jobId, task, epoch, key, dir }: WantedRendering,
): Promise<Rendering | string> {
  const committed = attemptOf(task, epoch)?.files ?? []
  const files: LocalFile[] = []
  for (const file of committed) {
    if (file.role === 'extra') continue
    const path = join(dir, `${task.id}-${epoch}-${file.name}`)
    const download = await engine.objects.download(attemptKey(jobId, task.id, epoch, file.name), path, {
      bytesMax: file.bytes,
      bytes: file.bytes,
      sha256: file.sha256,
    })
    if (!download.ok) return `${file.name}: ${download.message}`
    files.push({ ...file, path })
  }
  return { key, taskId: task.id, epoch, files }
}
