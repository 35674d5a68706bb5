import type { JobPlan } from '../protocol/job.ts'
import type { PlanView } from '../protocol/plan.ts'
import type { SceneSettings } from '../protocol/scene-facts.ts'
import type { TaskRecord } from '../protocol/task.ts'
import { resultOf } from './task/attempts.ts'
import { finishCount, tilesPerFrame } from './splitting/job-tasks.ts'
import { samplesPerPixel } from './splitting/sample-rules.ts'
import { sampleRangeOf } from './splitting/samples.ts'
import { stitchedSize, tileOfPlan } from './splitting/tiles.ts'

/** What earlier tasks of a scene cost. Each pixel is counted once for each of its samples. */
export interface Pace {
  readonly renderSeconds: number
  readonly pixelSamples: number
  readonly renderTasks: number
  readonly finishSeconds: number
  readonly finishTasks: number
}

export const NO_PACE: Pace = { renderSeconds: 0, pixelSamples: 0, renderTasks: 0, finishSeconds: 0, finishTasks: 0 }

/** The pace with the tasks of one more job: what was rendered and accepted of it. */
export function addPace(pace: Pace, plan: JobPlan, facts: SceneSettings, tasks: readonly TaskRecord[]): Pace {
  let { renderSeconds, pixelSamples, renderTasks, finishSeconds, finishTasks } = pace
  for (const task of tasks) {
    const seconds = task.state === 'completed' ? resultOf(task)?.renderSeconds : undefined
    if (seconds === undefined) continue
    if (task.kind === 'finish') {
      finishSeconds += seconds
      finishTasks += 1
    } else if (task.kind === 'render') {
      renderSeconds += seconds
      renderTasks += 1
      pixelSamples += task.frames.length * pixelsOf(plan, task.tile) * samplesOf(plan, facts, task.sampleRange)
    }
  }
  return { renderSeconds, pixelSamples, renderTasks, finishSeconds, finishTasks }
}

/** What an estimate stands on. */
export interface EstimateBasis {
  /** Audits that the job will probably have. */
  readonly audits: number
  readonly pace: Pace
  /** Jobs that the pace comes from. */
  readonly fromJobs: number
  /** Slots of connected workers that may have tasks of the job. */
  readonly slots: number
}

/**
 * How long a plan would take at that pace; null when nothing of the scene was
 * rendered before. Samples and pixels are taken to cost in proportion, which adaptive sampling only does roughly.
 */
export function estimateOf(
  plan: JobPlan,
  facts: SceneSettings,
  { audits, pace, fromJobs, slots }: EstimateBasis,
): PlanView['estimate'] {
  if (pace.renderTasks === 0 || pace.pixelSamples === 0) return null
  const framePixels = Array.from({ length: tilesPerFrame(plan) }, (_, tile) =>
    pixelsOf(plan, plan.tiles === undefined ? undefined : tile),
  ).reduce((sum, pixels) => sum + pixels, 0)
  const render =
    (pace.renderSeconds / pace.pixelSamples) * framePixels * plan.frameCount * samplesOf(plan, facts, undefined)
  const finishes = finishCount(plan)
  const finishEach = pace.finishTasks === 0 ? 0 : pace.finishSeconds / pace.finishTasks
  const again =
    (Math.max(0, audits - finishes) / plan.renderTaskCount) * render + (audits > 0 ? finishes * finishEach : 0)
  const workerSeconds = Math.round((render + finishes * finishEach + again) * 10) / 10
  const atOnce = Math.min(slots, plan.renderTaskCount + audits)
  return {
    workerSeconds,
    seconds: atOnce === 0 ? null : Math.round((workerSeconds / atOnce) * 10) / 10,
    fromTasks: pace.renderTasks,
    fromJobs,
  }
}

function pixelsOf(plan: JobPlan, tile: number | undefined): number {
  const { width, height } =
    tile === undefined || plan.tiles === undefined ? stitchedSize(plan) : tileOfPlan(plan, plan.tiles, tile).window
  return width * height
}

/** Of a range of the samples, or of all. */
function samplesOf(plan: JobPlan, facts: SceneSettings, range: number | undefined): number {
  if (plan.samples === undefined) return samplesPerPixel(plan.settings, facts)
  return range === undefined ? plan.samples.total : sampleRangeOf(plan.samples, range).count
}
