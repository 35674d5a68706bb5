import { type Refusal } from '../../protocol/errors.ts'
import type { JobPlan, JobRequest } from '../../protocol/job.ts'
import { LIMITS } from '../../protocol/limits.ts'
import type { PlanView } from '../../protocol/plan.ts'
import type { SceneRecord } from '../../protocol/scene.ts'
import type { SceneInspection } from '../../protocol/inspection.ts'
import type { Requirement } from '../../protocol/worker.ts'
import type { BlendersHere } from '../scheduling/blender-choice.ts'
import { inspectedObstacles } from './apply-inspection.ts'
import { inspectedRangeObstacles, rangeObstacles } from './sample-rules.ts'
import { RANGES_INEXACT } from './samples.ts'
import { finishCount, tilesPerFrame } from './job-tasks.ts'
import { missingOf } from './missing-files.ts'
import { inspectionOf, planJob } from './plan-job.ts'
import { overscanFor, tileObstacles } from './tile-rules.ts'
import { tileOfPlan } from './tiles.ts'

/** A plan as it is shown; how long it would take is not known here. */
export type PlanDescription = Omit<PlanView, 'estimate'>

/**
 * What a job of this request would be. A request that only its missing files, its tiles or its ranges of samples stand
 * against is planned without them, and the refusal is told beside the plan; any other refusal is the answer.
 */
export function describePlan(
  request: JobRequest,
  scene: SceneRecord,
  here?: BlendersHere,
): { ok: true; plan: PlanDescription; requirement: Requirement } | Refusal {
  let planned = planJob(request, scene, here)
  let refusal: Refusal | undefined
  let asked = request
  const left = new Set([withMissingFiles, withOtherColor, withoutTiles, withoutRanges])
  for (;;) {
    const code = planned.ok ? undefined : planned.code
    const relaxed = [...left].find((each) => each.code === code)
    if (planned.ok || relaxed === undefined) break
    left.delete(relaxed)
    refusal ??= planned
    asked = relaxed.change(asked)
    planned = planJob(asked, scene, here)
  }
  if (!planned.ok) return planned
  const { plan, requirement } = planned
  const inspection = inspectionOf(scene, plan, requirement)
  const grid = plan.tiles
  return {
    ok: true,
    requirement,
    plan: {
      scene: { sha256: scene.sha256, name: scene.name },
      plan,
      ...(refusal === undefined
        ? {}
        : { refusal: { code: refusal.code, detail: refusal.detail.slice(0, LIMITS.messageLengthMax) } }),
      tasks: {
        inspect: inspection === undefined ? 1 : 0,
        render: plan.renderTaskCount,
        finish: finishCount(plan),
        audits: auditsExpected(plan),
        rule: ruleOf(plan),
      },
      tiles:
        grid === undefined ? [] : Array.from({ length: tilesPerFrame(plan) }, (_, index) => placed(plan, grid, index)),
      exactness: exactnessOf(plan, scene, inspection),
      inspected:
        inspection === undefined
          ? null
          : { by: inspection.inspectedBy, at: inspection.inspectedAt, blenderVersion: inspection.blenderVersion },
      missingFiles: missingFiles(scene, plan, inspection),
    },
  }
}

const withMissingFiles = {
  code: 'scene_missing_files',
  change: (request: JobRequest): JobRequest => ({ ...request, allowMissingFiles: true }),
} as const
const withOtherColor = { ...withMissingFiles, code: 'scene_color_unknown' } as const
const withoutTiles = {
  code: 'tiles_not_exact',
  change: ({ tiles: _tiles, ...request }: JobRequest): JobRequest => request,
} as const
const withoutRanges = {
  code: 'samples_not_splittable',
  change: ({ sampleRanges: _ranges, ...request }: JobRequest): JobRequest => request,
} as const

/** One render task at least and each finish, once auditing is on at all (verification/audit-draw.ts). */
function auditsExpected(plan: JobPlan): number {
  return plan.auditRate === 0 ? 0 : Math.max(1, Math.round(plan.auditRate * plan.renderTaskCount)) + finishCount(plan)
}

function ruleOf(plan: JobPlan): string {
  const frames = plan.frameCount === 1 ? 'the frame' : `each of the ${plan.frameCount} frames`
  if (plan.tiles !== undefined) {
    const finished = 'a worker finishes it (compositor, view, file format)'
    const tiles = tilesPerFrame(plan) === 1 ? '' : ` is cut into ${plan.tiles.columns} x ${plan.tiles.rows} tiles`
    if (plan.samples === undefined) return `${frames}${tiles}, a task each; stitched, ${finished}`
    const { total, ranges } = plan.samples
    const split = `${total} samples in ${ranges} ranges, a task each`
    return tiles === ''
      ? `${frames} is rendered as ${split}; merged by weight, ${finished}`
      : `${frames}${tiles}, each rendered as ${split}; merged by weight and stitched, ${finished}`
  }
  if (plan.ordered === true) return `all ${plan.frameCount} frames are one task, because they depend on one another`
  if (plan.chunk > 1) return `${plan.chunk} frames to a task`
  return plan.frameCount === 1 ? 'the frame is one task' : 'a task for each frame'
}

function placed(plan: JobPlan, grid: NonNullable<JobPlan['tiles']>, index: number): PlanView['tiles'][number] {
  const { placement, window } = tileOfPlan(plan, grid, index)
  const { x, y } = plan.region ?? { x: 0, y: 0 }
  return { placement: { ...placement, x: placement.x + x, y: placement.y + y }, window }
}

function exactnessOf(
  plan: JobPlan,
  scene: SceneRecord,
  inspection: SceneInspection | undefined,
): PlanView['exactness'] {
  const facts = scene.facts.scenes.find((each) => each.name === plan.sceneName)
  if (facts === undefined)
    throw new Error(`scene ${scene.sha256} has no scene "${plan.sceneName}", though a plan was made for it`)
  const against: string[] = []
  if (inspection?.burnsStamp === true)
    against.push('the render time and the like are burned into the images: no two renders are equal')
  if ((inspection?.timeLimitSeconds ?? 0) > 0)
    against.push('a time limit lets the speed of a machine decide the pixels')
  if (plan.samples !== undefined) against.push(RANGES_INEXACT)
  const why =
    against.length > 0
      ? against
      : [
          plan.tiles === undefined
            ? 'whole frames are rendered by Blender as it would without a farm'
            : `tiles carry ${plan.tiles.overscanPx} px of overscan and everything ` +
              'after the render is done on the whole frame',
        ]
  if (inspection === undefined)
    why.push(
      'so far the file alone was read; the job begins with a worker that looks at the ' +
        'scene in Blender, and the job stops early if that finds a problem',
    )
  const ranges = [
    ...new Set([
      ...rangeObstacles(facts),
      ...(inspection === undefined ? [] : [...inspectedRangeObstacles(inspection), ...inspectedObstacles(inspection)]),
    ]),
  ]
  const reasons = [
    ...new Set([...tileObstacles(facts), ...(inspection === undefined ? [] : inspectedObstacles(inspection))]),
  ]
  return {
    exact: against.length === 0,
    why,
    tiles: {
      exact: reasons.length === 0,
      overscanPx: Math.max(overscanFor(facts).px, inspection?.tiling.overscanPx ?? 0),
      reasons,
    },
    samples: { splittable: ranges.length === 0, reasons: ranges },
  }
}

/** What Blender found, once it has looked; until then what the file alone seems to lack. */
function missingFiles(
  scene: SceneRecord,
  plan: JobPlan,
  inspection: SceneInspection | undefined,
): PlanView['missingFiles'] {
  if (inspection === undefined) return scene.missingFiles
  return missingOf(plan, inspection).map((file) => ({
    path: file.path,
    reason: `Blender does not find this ${file.kind}${inPlan(file)}`,
  }))
}

function inPlan(file: ReturnType<typeof missingOf>[number]): string {
  const use = file.usedBy === undefined ? '' : ` of ${file.usedBy}`
  const frames = file.frames === undefined ? '' : `, frame ${file.frames}`
  const tiles = file.tiles === undefined ? '' : `, tile ${file.tiles}`
  return `${use}${tiles}${frames}${file.effect === 'nothing' ? '; nothing that is rendered uses it' : ''}`
}
