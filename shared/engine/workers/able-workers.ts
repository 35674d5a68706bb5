import { type BlendersHere, fromOwnVersion, nearestVersion, savedBy } from '../../domain/scheduling/blender-choice.ts'
import { boundTo, isEligible } from '../../domain/scheduling/eligibility.ts'
import type { JobRequest } from '../../protocol/job.ts'
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
 * The scene without what was found by other Blenders than the one that the job would go to now, because a job is bound
 * to the Blender that looked; and which Blenders are connected. With nobody here who may have the job, what the nearest
 * Blender found before stays.
 */
export async function withUsableInspections(
  engine: Engine,
  scene: SceneRecord,
  request: Pick<JobRequest, 'requirement' | 'settings'>,
): Promise<{ scene: SceneRecord; here: BlendersHere }> {
  const asked = request.requirement ?? {}
  const own = savedBy(scene.facts.version)
  const versioned = fromOwnVersion(asked, own)
  const sceneName = request.settings?.scene ?? scene.facts.activeScene
  const found = (scene.inspections ?? []).filter((each) => each.scene === sceneName)
  const denoised = found.some(({ denoiser = 'unneeded' }) => denoiser !== 'unneeded')
  const usable = [...(await connectedWorkers(engine)).values()].filter(isUsable)
  const { blenderVersionMin: _min, blenderVersionMax: _max, ...anyVersion } = asked
  const here = {
    able: versionsOf(usable.filter(({ capabilities }) => isEligible(anyVersion, capabilities))),
    all: versionsOf(usable),
  }
  if (!versioned.ok || found.length === 0) return { scene, here }
  const requirement: Requirement = { ...versioned.requirement, ...(denoised ? { denoiser: true } : {}) }
  const able = usable.filter(({ capabilities }) => isEligible(requirement, capabilities))
  const allowed = able.length > 0 ? versionsOf(able) : found.map(({ blenderVersion }) => blenderVersion)
  const nearest = nearestVersion(own, allowed)
  const inspections = found.filter(
    (each) =>
      each.blenderVersion === nearest &&
      (able.length === 0 || able.some(({ capabilities }) => isEligible(boundTo(requirement, each), capabilities))),
  )
  return { scene: { ...scene, inspections }, here }
}

function versionsOf(workers: readonly WorkerRecord[]): string[] {
  return workers.map(({ capabilities }) => capabilities.blender.version)
}
