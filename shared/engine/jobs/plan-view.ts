import { describePlan } from '../../domain/splitting/describe-plan.ts'
import { addPace, estimateOf, NO_PACE } from '../../domain/estimate.ts'
import { inspectionOf } from '../../domain/splitting/plan-job.ts'
import { boundTo } from '../../domain/scheduling/eligibility.ts'
import { refuse, type Refusal } from '../../protocol/errors.ts'
import type { JobRequest } from '../../protocol/job.ts'
import type { PlanView } from '../../protocol/plan.ts'
import type { SceneRecord } from '../../protocol/scene.ts'
import type { Requirement } from '../../protocol/worker.ts'
import { ableWorkers, withUsableInspections } from '../workers/able-workers.ts'
import type { Engine } from '../context.ts'

/** Earlier jobs of a scene that are looked at for their pace, the newest first, and how many tasks of each. */
const JOBS_LOOKED_AT = 5
const TASKS_LOOKED_AT = 500
/** Jobs of a scene among which those are sought: others' jobs and other scenes of the file are passed over. */
const JOBS_PASSED_OVER_MAX = 50

/**
 * What a job of this request would be, and how long it would take. Writes nothing. `owner` sees the pace of own jobs
 * only, null that of all.
 */
export async function planRequest(
  engine: Engine,
  owner: string | null,
  request: JobRequest,
): Promise<{ ok: true; plan: PlanView } | Refusal> {
  const stored = await engine.store.scene(request.scene)
  if (stored === null)
    return refuse(
      'scene_unknown',
      `scene: no scene with the SHA-256 ${request.scene} was uploaded; upload it with POST /v1/scenes first`,
    )
  const { scene, here } = await withUsableInspections(engine, stored, request)
  const described = describePlan(request, scene, here)
  if (!described.ok) return described
  return {
    ok: true,
    plan: { ...described.plan, estimate: await estimate(engine, owner, described.requirement, scene, described.plan) },
  }
}

async function estimate(
  engine: Engine,
  owner: string | null,
  requirement: Requirement,
  scene: SceneRecord,
  { plan, tasks }: Pick<PlanView, 'plan' | 'tasks'>,
): Promise<PlanView['estimate']> {
  const facts = scene.facts.scenes.find((each) => each.name === plan.sceneName)
  if (facts === undefined) return null
  let pace = NO_PACE
  let jobs = 0
  // Ids sort by the time they were made.
  const ids = [...(await engine.store.jobsOfScene(scene.sha256))].sort().reverse().slice(0, JOBS_PASSED_OVER_MAX)
  for (const id of ids) {
    if (jobs === JOBS_LOOKED_AT) break
    const job = await engine.store.job(id)
    if (job === null || (owner !== null && job.value.owner !== owner) || job.value.plan.sceneName !== plan.sceneName)
      continue
    const after = addPace(
      pace,
      job.value.plan,
      facts,
      (await engine.store.listTasks(id, { limit: TASKS_LOOKED_AT })).items,
    )
    if (after.renderTasks > pace.renderTasks) jobs += 1
    pace = after
  }
  const found = inspectionOf(scene, plan, requirement)
  const able = await ableWorkers(engine, found === undefined ? requirement : boundTo(requirement, found))
  return estimateOf(plan, facts, {
    audits: tasks.audits,
    pace,
    fromJobs: jobs,
    slots: able.reduce((sum, worker) => sum + worker.capabilities.slots, 0),
  })
}
