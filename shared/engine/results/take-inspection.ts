import { hasInspectionOfItsOwn } from '../../domain/splitting/plan-job.ts'
import { takeInspected } from '../../domain/task/inspected.ts'
import { type Refusal, refuse } from '../../protocol/errors.ts'
import type { Inspection } from '../../protocol/inspection.ts'
import type { JobRecord } from '../../protocol/job.ts'
import { LIMITS } from '../../protocol/limits.ts'
import type { SceneRecord } from '../../protocol/scene.ts'
import type { Engine } from '../context.ts'
import { type HeldLease, takeFailure } from './hand-in.ts'
import { journalScene } from '../journal/farm-journal.ts'
import { transact } from '../commit/transact.ts'

/**
 * A worker tells what it found in a scene: its job is planned with it, and the next jobs of that scene need no
 * inspection. One that tells of something else has failed the task.
 */
export async function takeInspection(
  engine: Engine,
  lease: HeldLease,
  told: { inspection: Inspection; seconds: number },
): Promise<{ ok: true } | Refusal> {
  const job = await engine.store.job(lease.jobId)
  if (job === null) return refuse('lease_unknown', `there is no job ${lease.jobId}`)
  const [scene, worker] = await Promise.all([
    engine.store.scene(job.value.scene.sha256),
    engine.store.worker(lease.workerId),
  ])
  const blenderVersion = worker?.capabilities.blender.version ?? told.inspection.blenderVersion
  let decided: JobRecord | undefined
  const taken = await transact(engine, lease.jobId, { tasks: [lease.taskId] }, ({ job: current, task }, now) => {
    const record = task(lease.taskId)
    if (record === undefined)
      return refuse(
        'lease_unknown',
        `job ${lease.jobId} has no task ${lease.taskId}, or it was never leased to this worker`,
      )
    const decision = takeInspected(current, record, {
      scene: scene ?? {},
      workerId: lease.workerId,
      epoch: lease.epoch,
      told: { ...told, blenderVersion },
      now,
    })
    decided = decision.ok && decision.job?.state !== 'inspecting' ? decision.job : undefined
    return decision
  })
  if (!taken.ok) {
    if (taken.code === 'result_invalid')
      await takeFailure(engine, lease, {
        code: 'output_invalid',
        message: taken.detail.slice(0, LIMITS.messageLengthMax),
      })
    return taken
  }
  // After the commit: only the worker that held the lease may say what the scene is like.
  if (decided !== undefined) await keepInspection(engine, decided, lease, told.inspection)
  return { ok: true }
}

async function keepInspection(engine: Engine, job: JobRecord, lease: HeldLease, inspection: Inspection): Promise<void> {
  // What another engine or other colours show is no word about the scene itself.
  if (hasInspectionOfItsOwn(job.plan.settings)) return
  const scene = await engine.store.scene(job.scene.sha256)
  // An archive that was handed in anew to render another .blend of it is another scene by now.
  if (scene === null || scene.mainBlend !== job.plan.mainBlend) return
  const inspected = withInspection(scene, lease, inspection, engine.clock.now())
  await engine.store.putScene(inspected)
  await journalScene(engine.objects, inspected)
}

function withInspection(scene: SceneRecord, { workerId }: HeldLease, inspection: Inspection, now: number): SceneRecord {
  const others = (scene.inspections ?? []).filter(
    (each) => each.scene !== inspection.scene || each.blenderVersion !== inspection.blenderVersion,
  )
  return {
    ...scene,
    inspections: [...others, { ...inspection, inspectedBy: workerId, inspectedAt: now }].slice(
      -LIMITS.inspectionsPerSceneKept,
    ),
  }
}
