import { acceptDelivery, commitResult } from '../../domain/task/hand-in.ts'
import { filesToSend } from '../../domain/task/expected-files.ts'
import { failAttempt, releaseLease } from '../../domain/task/fail-attempt.ts'
import { attemptOf, resultEpoch } from '../../domain/task/attempts.ts'
import { type Refusal, refuse } from '../../protocol/errors.ts'
import type { Failure, FailureCode } from '../../protocol/failure.ts'
import { type JobId, type TaskId, type WorkerId } from '../../protocol/ids.ts'
import { attemptKey } from '../../protocol/object-keys.ts'
import type { ResultFile, TaskRecord } from '../../protocol/task.ts'
import type { SignedPut } from '../../ports/object-store.ts'
import type { Engine } from '../context.ts'
import { drawAudit } from './lottery.ts'
import { readTask, transact } from '../commit/transact.ts'

export interface HeldLease {
  readonly jobId: JobId
  readonly taskId: TaskId
  readonly epoch: number
  readonly workerId: WorkerId
}

export interface SignedFile extends SignedPut {
  readonly name: string
}

/** A worker commits to its result; the answer is where to send which of its files. */
export async function takeResult(
  engine: Engine,
  lease: HeldLease,
  result: { files: readonly ResultFile[]; renderSeconds: number; peakMemoryBytes: number },
): Promise<{ ok: true; upload: SignedFile[] } | Refusal> {
  let current: TaskRecord | undefined
  const known = await readTask(engine, lease.jobId, lease.taskId, () => true) // its kind never changes
  const byAnchor = known?.kind === 'finish' && (await engine.store.worker(lease.workerId))?.anchor === true
  const taken = await transact(engine, lease.jobId, { tasks: [lease.taskId] }, ({ job, task }, now) => {
    const record = task(lease.taskId)
    if (record === undefined) return unknownTask(lease)
    const drawn = drawAudit(engine.secret, job, record, result.files, byAnchor)
    const decision = commitResult(job, record, {
      workerId: lease.workerId,
      epoch: lease.epoch,
      result: { ...result, drawn },
      now,
    })
    current = decision.ok ? (decision.tasks?.[0] ?? record) : undefined
    return decision
  })
  if (!taken.ok) return taken
  const attempt = current === undefined ? undefined : attemptOf(current, lease.epoch)
  if (current === undefined || attempt === undefined) throw new Error(`task ${lease.taskId}: committed but not there`)
  const files = filesToSend(current, attempt.files ?? [], attempt.drawnForAudit === true)
  return {
    ok: true,
    upload: await Promise.all(
      files.map(async (file) => ({
        name: file.name,
        ...(await engine.objects.signedPut(attemptKey(lease.jobId, lease.taskId, lease.epoch, file.name), {
          bytes: file.bytes,
          sha256: file.sha256,
          contentType: 'application/octet-stream',
          ttlSeconds: engine.times.urlTtlMs / 1000,
        })),
      })),
    ),
  }
}

/** The worker says its files are sent: they are looked up, and then the result is accepted or audited. */
export async function takeDelivery(
  engine: Engine,
  lease: HeldLease,
): Promise<{ ok: true; state: TaskRecord['state'] } | Refusal> {
  const isOnItsWay = (task: TaskRecord) => task.state === 'delivering' && resultEpoch(task) === lease.epoch
  const task = await readTask(engine, lease.jobId, lease.taskId, isOnItsWay)
  const attempt = task === null ? undefined : attemptOf(task, lease.epoch)
  if (task === null || attempt === undefined) return unknownTask(lease)
  if (isOnItsWay(task)) {
    const sent = filesToSend(task, attempt.files ?? [], attempt.drawnForAudit === true)
    const heads = await Promise.all(
      sent.map((file) => engine.objects.head(attemptKey(lease.jobId, lease.taskId, lease.epoch, file.name))),
    )
    const lacking = sent.flatMap((file, index) =>
      heads[index]?.bytes === file.bytes
        ? []
        : [`${file.name} has ${heads[index]?.bytes ?? 'no'} bytes in the store instead of ${file.bytes}`],
    )
    if (lacking.length > 0) return refuse('upload_incomplete', lacking.join('; '))
  }
  let after: TaskRecord['state'] = task.state
  const taken = await transact(
    engine,
    lease.jobId,
    { tasks: [lease.taskId], framesOf: true },
    ({ job, task: find, frames }, now) => {
      const record = find(lease.taskId)
      if (record === undefined) return unknownTask(lease)
      const decision = acceptDelivery(job, record, { frames, workerId: lease.workerId, epoch: lease.epoch, now })
      if (decision.ok) after = decision.tasks?.[0]?.state ?? record.state
      return decision
    },
  )
  return taken.ok ? { ok: true, state: after } : taken
}

/** A worker could not do it. `code`: what it counts as, which may be another than the worker told. */
export async function takeFailure(
  engine: Engine,
  lease: HeldLease,
  failure: Failure,
): Promise<{ ok: true; code: FailureCode } | Refusal> {
  const machine = (await engine.store.worker(lease.workerId))?.capabilities
  let code = failure.code
  const taken = await transact(engine, lease.jobId, { tasks: [lease.taskId] }, ({ job, task }, now) => {
    const record = task(lease.taskId)
    if (record === undefined) return unknownTask(lease)
    const decision = failAttempt(job, record, { workerId: lease.workerId, epoch: lease.epoch, failure, now, machine })
    const after = decision.ok ? decision.tasks?.find(({ id }) => id === lease.taskId) : undefined
    code = after?.attempts.find(({ epoch }) => epoch === lease.epoch)?.failure?.code ?? failure.code
    return decision
  })
  return taken.ok ? { ok: true, code } : taken
}

export async function takeBack(engine: Engine, lease: HeldLease) {
  return transact(engine, lease.jobId, { tasks: [lease.taskId] }, ({ job, task }, now) => {
    const record = task(lease.taskId)
    return record === undefined ? unknownTask(lease) : releaseLease(job, record, lease.workerId, lease.epoch, now)
  })
}

function unknownTask(lease: HeldLease): Refusal {
  return refuse(
    'lease_unknown',
    `job ${lease.jobId} has no task ${lease.taskId}, or it was never leased to this worker`,
  )
}
