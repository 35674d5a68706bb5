import { candidatesOf } from '../../shared/domain/task/conclude-audit.ts'
import { attemptOf, resultEpoch } from '../../shared/domain/task/attempts.ts'
import { frameFileName, stitchedPath } from '../../shared/domain/file-names.ts'
import { renderTasksOfFrame, sourceOfFrame } from '../../shared/domain/splitting/job-tasks.ts'
import type { BackgroundStep } from '../../shared/domain/effect.ts'
import type { Pair } from '../../shared/domain/verification/settle-dispute.ts'
import { tryStep } from '../../shared/engine/results/try-step.ts'
import type { Engine } from '../../shared/engine/context.ts'
import { eraseJob } from '../../shared/engine/jobs/ended-jobs.ts'
import {
  loadAudited,
  reportCompared,
  reportDelivered,
  reportEncoded,
  reportRejected,
  reportStitched,
} from '../../shared/engine/results/step-reports.ts'
import { type JobId, type TaskId } from '../../shared/protocol/ids.ts'
import { attemptKey, finalKey, finalManifestKey, type ObjectKey, workKey } from '../../shared/protocol/object-keys.ts'
import type { ResultFile } from '../../shared/protocol/task.ts'
import { canonicalFiles, withRole } from '../../services/assembler/canonical-file.ts'
import { hashOf, stitchedLine } from './contents.ts'

/**
 * What assembler and verifier do, with lines of text for images: the same reads, writes and reports in the same order
 * as services/assembler and services/verifier.
 */
export function performStep(
  engine: Engine,
  step: BackgroundStep,
  turn: { isLastTry: boolean; signal: AbortSignal },
  readLine: (key: ObjectKey) => Promise<string | null>,
): Promise<void> {
  return tryStep(engine, step, step.step === 'compare' ? 'comparison_failed' : 'assembly_failed', turn, () => {
    switch (step.step) {
      case 'stitch':
        return stitch(engine, step.jobId, step.frame, readLine)
      case 'deliver':
        return deliver(engine, step.jobId, step.frame, readLine)
      case 'encode':
        return encode(engine, step.jobId)
      case 'erase':
        return eraseJob(engine, step.jobId)
      case 'compare':
        return compare(engine, step.jobId, step.taskId, readLine)
    }
  })
}

type ReadLine = (key: ObjectKey) => Promise<string | null>

async function fetchLine(
  readLine: ReadLine,
  jobId: JobId,
  taskId: TaskId,
  epoch: number,
  file: ResultFile,
): Promise<{ ok: true; line: string } | { ok: false; why: string }> {
  const line = await readLine(attemptKey(jobId, taskId, epoch, file.name))
  if (line === null) return { ok: false, why: `${file.name}: there is no object` }
  return hashOf(line) === file.sha256 ? { ok: true, line } : { ok: false, why: `${file.name}: wrong hash` }
}

async function stitch(engine: Engine, jobId: JobId, number: number, readLine: ReadLine): Promise<void> {
  const [job, [frame]] = await Promise.all([engine.store.job(jobId), engine.store.frames(jobId, [number])])
  if (job === null || frame == null || job.value.state !== 'active' || frame.value.state !== 'stitching') return
  const tasks = await engine.store.tasks(jobId, renderTasksOfFrame(job.value.plan, frame.value.position))
  const lines: string[] = []
  for (const task of tasks) {
    if (task === null || task.value.state !== 'completed') return
    const raw = withRole(await canonicalFiles(engine, jobId, task.value, number), 'raw')
    const { canonical } = task.value
    if (raw === undefined || canonical === undefined) throw new Error('nothing to stitch')
    const fetched = await fetchLine(readLine, jobId, canonical.taskId, canonical.epoch, raw)
    if (!fetched.ok)
      return reportRejected(engine, {
        jobId,
        taskId: task.value.id,
        epoch: resultEpoch(task.value),
        reason: fetched.why,
      })
    lines.push(fetched.line)
  }
  const line = stitchedLine(lines)
  await engine.objects.put(workKey(jobId, stitchedPath(number)), Buffer.from(line), { contentType: 'image/x-exr' })
  await reportStitched(engine, jobId, number, { bytes: Buffer.byteLength(line), sha256: hashOf(line) })
}

async function deliver(engine: Engine, jobId: JobId, number: number, readLine: ReadLine): Promise<void> {
  const [job, [frame]] = await Promise.all([engine.store.job(jobId), engine.store.frames(jobId, [number])])
  if (job === null || frame == null || job.value.state !== 'active' || frame.value.state !== 'delivering') return
  const { plan } = job.value
  const [source] = await engine.store.tasks(jobId, [sourceOfFrame(plan, frame.value.position)])
  if (source == null || source.value.state !== 'completed' || source.value.canonical === undefined) return
  const final = withRole(await canonicalFiles(engine, jobId, source.value, number), 'final')
  if (final === undefined) throw new Error('nothing to deliver')
  const fetched = await fetchLine(readLine, jobId, source.value.canonical.taskId, source.value.canonical.epoch, final)
  if (!fetched.ok)
    return reportRejected(engine, {
      jobId,
      taskId: source.value.id,
      epoch: resultEpoch(source.value),
      reason: fetched.why,
    })
  const name = frameFileName(number, plan.format)
  await engine.objects.put(finalKey(jobId, 'frames', name), Buffer.from(fetched.line), { contentType: 'image/png' })
  await reportDelivered(
    engine,
    jobId,
    number,
    [
      {
        path: `frames/${name}`,
        bytes: Buffer.byteLength(fetched.line),
        sha256: final.sha256,
        contentType: 'image/png',
      },
    ],
    source.value,
  )
}

async function encode(engine: Engine, jobId: JobId): Promise<void> {
  const job = await engine.store.job(jobId)
  if (job === null || job.value.state !== 'encoding') return
  await engine.objects.put(finalManifestKey(jobId), Buffer.from('{}'), { contentType: 'application/json' })
  await reportEncoded(engine, jobId, [])
}

async function compare(engine: Engine, jobId: JobId, taskId: TaskId, readLine: ReadLine): Promise<void> {
  const known = await loadAudited(engine, jobId, taskId)
  if (known === null) return
  const candidates = candidatesOf(known.task, known.audits)
  if (candidates.length < 2) return
  const seen = new Map<string, string>()
  for (const candidate of candidates) {
    const record = candidate.own ? known.task : known.audits.find((audit) => audit.id === candidate.taskId)
    const lines: string[] = []
    for (const file of record === undefined ? [] : (attemptOf(record, candidate.epoch)?.files ?? [])) {
      const fetched = await fetchLine(readLine, jobId, candidate.taskId, candidate.epoch, file)
      if (!fetched.ok)
        return reportRejected(engine, { jobId, taskId: candidate.taskId, epoch: candidate.epoch, reason: fetched.why })
      lines.push(`${file.frame} ${file.role} ${fetched.line}`)
    }
    seen.set(candidate.key, lines.sort().join('\n'))
  }
  const pairs: Pair[] = candidates.flatMap((a, index) =>
    candidates
      .slice(index + 1)
      .map((b): Pair => ({ a: a.key, b: b.key, verdict: seen.get(a.key) === seen.get(b.key) ? 'agreed' : 'refuted' })),
  )
  await reportCompared(engine, known, pairs)
}
