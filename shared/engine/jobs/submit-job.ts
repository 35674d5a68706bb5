import type { Change } from '../../domain/decision.ts'
import { boundTo } from '../../domain/scheduling/eligibility.ts'
import { inspectionOf, planJob, PRIORITY_DEFAULT } from '../../domain/splitting/plan-job.ts'
import { blankTask } from '../../domain/splitting/job-tasks.ts'
import { refuse, type Refusal } from '../../protocol/errors.ts'
import { INSPECT_TASK_ID, type JobId, newJobId, timeOfSortable } from '../../protocol/ids.ts'
import type { JobRecord, JobRequest } from '../../protocol/job.ts'
import { RecordOptions } from '../../protocol/job-options.ts'
import { LIMITS } from '../../protocol/limits.ts'
import { jobPrefix, journalKey } from '../../protocol/object-keys.ts'
import { sceneReference } from '../../protocol/scene.ts'
import { withUsableInspections } from '../workers/able-workers.ts'
import { commitOf, effectsOf, type Slice } from '../commit/commit.ts'
import type { Engine } from '../context.ts'
import { runEffects } from '../commit/effects.ts'

/**
 * Writes a job down and begins to plan it. Refused when the request or the scene cannot be rendered; then nothing is
 * left behind. Done again with the same `id`, at the same time or later, it gives the job that was made first.
 */
export async function submitJob(
  engine: Engine,
  owner: string,
  request: JobRequest,
  id: JobId = newJobId(engine.clock.now(), engine.random.bytes(16)),
): Promise<{ ok: true; job: JobRecord } | Refusal> {
  const before = await engine.store.job(id)
  if (before !== null) return { ok: true, job: before.value }
  const stored = await engine.store.scene(request.scene)
  if (stored === null)
    return refuse(
      'scene_unknown',
      `scene: no scene with the SHA-256 ${request.scene} was uploaded; upload it with POST /v1/scenes first`,
    )
  const { scene, here } = await withUsableInspections(engine, stored, request)
  const planned = planJob(request, scene, here)
  if (!planned.ok) return planned
  const open = await engine.store.openJobs()
  if (open.length >= LIMITS.openJobsMax)
    return refuse(
      'too_many_jobs',
      `${open.length} jobs are open, ${LIMITS.openJobsMax} is the limit; wait for some to end`,
    )
  const own = await engine.store.countOpenJobs(owner)
  if (own >= LIMITS.openJobsPerOwnerMax)
    return refuse(
      'too_many_jobs',
      `${own} jobs of ${owner} are open, ${LIMITS.openJobsPerOwnerMax} ` +
        'is the limit for one owner; wait for some to end',
    )
  const inspection = inspectionOf(scene, planned.plan, planned.requirement)
  const inspected = inspection !== undefined
  const now = engine.clock.now()
  const job: JobRecord = {
    id,
    name: request.name ?? scene.name,
    owner,
    state: inspected ? 'planning' : 'inspecting',
    scene: sceneReference(scene),
    plan: planned.plan,
    priority: request.priority ?? PRIORITY_DEFAULT,
    ...RecordOptions.parse(request),
    requirement: inspection === undefined ? planned.requirement : boundTo(planned.requirement, inspection),
    createdAt: timeOfSortable(id),
    tasksPlanned: 0,
    files: [],
  }
  // Into the journal first: an outage then leaves no job behind of which its sender heard nothing.
  await engine.objects.put(journalKey(id, 'job.json'), Buffer.from(JSON.stringify(job)), {
    contentType: 'application/json',
  })
  const change: Change = {
    ok: true,
    job,
    ...(inspected
      ? {}
      : {
          tasks: [blankTask(INSPECT_TASK_ID, 'inspect', planned.frames.slice(0, 1))],
          effects: [{ type: 'announce_work' }],
        }),
    events: [
      {
        type: 'job_submitted',
        message:
          `${planned.plan.frameCount} frame(s), ${planned.plan.renderTaskCount} render ` +
          `task(s)${inspected ? '' : ', as far as the file tells; a worker looks at the scene first'}`,
      },
    ],
  }
  const nothing: Slice = { job: { version: 0, value: job }, tasks: new Map(), frames: new Map() }
  const created = await engine.store.commit(id, commitOf(nothing, change, now, engine.times.leaseMs), now)
  if (!created.ok) {
    const first = await engine.store.job(id)
    if (first === null) throw new Error(`job ${id} was deleted while it was being submitted`)
    return { ok: true, job: first.value }
  }
  if ((await engine.store.scene(scene.sha256)) !== null) {
    await runEffects(engine, id, effectsOf(change), created.effectIds)
    return { ok: true, job }
  }
  // Forgotten between the first look and the commit: its bytes are gone, or come back only for jobs that were there
  // before.
  await engine.store.eraseJob(id)
  await engine.queue.dropJob(id)
  await engine.objects.deletePrefix(jobPrefix(id))
  return refuse(
    'scene_unknown',
    `scene: the scene ${request.scene} was deleted while the job was ` +
      'being submitted; upload it again with POST /v1/scenes',
  )
}
