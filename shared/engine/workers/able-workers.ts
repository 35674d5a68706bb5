import { boundTo, isEligible } from '../../domain/scheduling/eligibility.ts'
import type { SceneRecord } from '../../protocol/scene.ts'
import { isUsable, type Requirement, type WorkerRecord } from '../../protocol/worker.ts'
import { connectedWorkers } from './connected-workers.ts'
import type { Engine } from '../context.ts'

/** Connected workers that may have tasks of a job with this requirement. */
export async function ableWorkers(engine: Engine, requirement: Requirement): Promise<WorkerRecord[]> {
  return [...(await connectedWorkers(engine)).values()].filter(
    (worker) => isUsable(worker) && isEligible(requirement, worker.capabilities),
  )
}

/**
 * The scene without what was found by Blenders that are not here now, while others are that the job may have: one of
 * those looks anew, because a job is bound to the Blender that looked.
 */
export async function withUsableInspections(
  engine: Engine,
  scene: SceneRecord,
  requirement: Requirement = {},
): Promise<SceneRecord> {
  if (scene.inspections === undefined || scene.inspections.length === 0) return scene
  const able = await ableWorkers(engine, requirement)
  if (able.length === 0) return scene
  return {
    ...scene,
    inspections: scene.inspections.filter((found) =>
      able.some((worker) => isEligible(boundTo(requirement, found), worker.capabilities)),
    ),
  }
}
