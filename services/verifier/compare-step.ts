import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { candidatesOf } from '../../shared/domain/task/conclude-audit.ts'
import { attemptOf } from '../../shared/domain/task/attempts.ts'
import { displayVerdict, worstVerdict } from '../../shared/domain/verification/display-verdict.ts'
import { imageVerdict } from '../../shared/domain/verification/image-verdict.ts'
import type { Pair, PairVerdict } from '../../shared/domain/verification/settle-dispute.ts'
import type { Engine } from '../../shared/engine/context.ts'
import { loadAudited, reportCompared, reportRejected } from '../../shared/engine/results/step-reports.ts'
import type { JobId, TaskId } from '../../shared/protocol/ids.ts'
import { attemptKey } from '../../shared/protocol/object-keys.ts'
import type { ResultFile, TaskRecord } from '../../shared/protocol/task.ts'
import type { ImageRefusal, Imaging } from '../../shared/ports/imaging.ts'

/** Only the kind of the file is asked; the size is checked when it is delivered. */
const ANY_SIZE = { width: 1, height: 1 }

/** One rendering of the task, its files on this disk. */
interface Rendering {
  readonly key: string
  readonly taskId: TaskId
  readonly epoch: number
  readonly files: readonly (ResultFile & { readonly path: string })[]
}

/**
 * Compares all renderings of an audited task pair by pair and reports what it found. A rendering whose files are not what its
 * worker committed to, or no images of the right size, is rejected at once: that needs no second opinion.
 */
export async function compareTask(engine: Engine, imaging: Imaging, scratchDir: string, jobId: JobId, taskId: TaskId): Promise<void> {
  const [job, known] = await Promise.all([engine.store.job(jobId), loadAudited(engine, jobId, taskId)])
  if (job === null || known === null || job.value.state !== 'active' || known.task.state !== 'verifying') return
  const candidates = candidatesOf(known.task, known.audits)
  if (candidates.length < 2) return
  const dir = await mkdtemp(join(scratchDir, 'compare-'))
  try {
    const renderings: Rendering[] = []
    for (const candidate of candidates) {
      const record = candidate.own ? known.task : known.audits.find((audit) => audit.id === candidate.taskId)
      if (record === undefined) continue
      const fetched = await fetchRendering(engine, jobId, record, candidate.epoch, candidate.key, dir)
      if (typeof fetched === 'string') {
        engine.log.warn({ jobId, taskId: candidate.taskId, reason: fetched }, 'result rejected')
        await reportRejected(engine, { jobId, taskId: candidate.taskId, epoch: candidate.epoch, reason: fetched })
        return // what replaces it starts a comparison of its own
      }
      renderings.push(fetched)
    }
    const pairs: Pair[] = []
    for (const [index, a] of renderings.entries()) {
      for (const b of renderings.slice(index + 1)) pairs.push({ a: a.key, b: b.key, verdict: await compareRenderings(engine, imaging, known.task, a, b) })
    }
    engine.log.info({ jobId, taskId, pairs }, 'audit compared')
    await reportCompared(engine, jobId, taskId, pairs)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** The files with their local paths, or why they are not what was committed to. */
async function fetchRendering(engine: Engine, jobId: JobId, task: TaskRecord, epoch: number, key: string, dir: string): Promise<Rendering | string> {
  const committed = attemptOf(task, epoch)?.files ?? []
  const files: (ResultFile & { path: string })[] = []
  for (const file of committed) {
    if (file.role === 'extra') continue
    const path = join(dir, `${task.id}-${epoch}-${file.name}`)
    const download = await engine.objects.download(attemptKey(jobId, task.id, epoch, file.name), path, { bytesMax: file.bytes, bytes: file.bytes, sha256: file.sha256 })
    if (!download.ok) return `${file.name}: ${download.message}`
    files.push({ ...file, path })
  }
  return { key, taskId: task.id, epoch, files }
}

async function compareRenderings(engine: Engine, imaging: Imaging, task: TaskRecord, a: Rendering, b: Rendering): Promise<PairVerdict> {
  const verdicts: PairVerdict[] = []
  for (const file of a.files) {
    const other = b.files.find((each) => each.frame === file.frame && each.role === file.role)
    if (other === undefined) return 'refuted'
    verdicts.push(await compareFiles(engine, imaging, task, file, other))
  }
  return worstVerdict(verdicts)
}

/**
 * Linear float images block by block; display images by visible steps. A finish has no noise and must give the same pixels bit
 * for bit: any difference asks a third worker, a large one refutes.
 */
async function compareFiles(engine: Engine, imaging: Imaging, task: TaskRecord, a: ResultFile & { path: string }, b: ResultFile & { path: string }): Promise<PairVerdict> {
  const float = a.name.endsWith('.exr')
  if (float && a.role === 'final' && (await bothUnread(imaging, a.path, b.path))) return 'agreed'
  if (task.kind === 'finish') {
    const same = await imaging.samePixels(a.path, b.path)
    if (!same.ok) return refusedImage(engine, task, same)
    if (same.same) return 'agreed'
    return worstVerdict(['grey', await compareFloatOrDisplay(engine, imaging, task, a.path, b.path)])
  }
  return compareFloatOrDisplay(engine, imaging, task, a.path, b.path)
}

async function compareFloatOrDisplay(engine: Engine, imaging: Imaging, task: TaskRecord, pathA: string, pathB: string): Promise<PairVerdict> {
  if (pathA.endsWith('.exr')) {
    const measures = await imaging.compareLinear(pathA, pathB)
    return measures.ok ? imageVerdict(measures) : refusedImage(engine, task, measures)
  }
  const measures = await imaging.compareDisplay(pathA, pathB)
  return measures.ok ? displayVerdict(measures) : refusedImage(engine, task, measures)
}

/**
 * The artist may want an EXR compression that is not read here (PIZ, PXR24, B44, DWA). Then the raw and the display image beside the
 * final decide; a final that only one of the two wrote in such a way is no such choice.
 */
async function bothUnread(imaging: Imaging, pathA: string, pathB: string): Promise<boolean> {
  const [a, b] = await Promise.all([imaging.check(pathA, ANY_SIZE), imaging.check(pathB, ANY_SIZE)])
  return !a.ok && !b.ok && a.code === 'unsupported' && b.code === 'unsupported'
}

/** Two images that cannot be compared are not the same; who is at fault, a third one shows. */
function refusedImage(engine: Engine, task: TaskRecord, refusal: ImageRefusal): PairVerdict {
  engine.log.info({ taskId: task.id, code: refusal.code, reason: refusal.message }, 'images cannot be compared')
  return 'refuted'
}
