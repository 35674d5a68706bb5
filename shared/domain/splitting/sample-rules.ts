import { type Refusal, refuse } from '../../protocol/errors.ts'
import type { Inspection } from '../../protocol/inspection.ts'
import type { JobPlan } from '../../protocol/job.ts'
import { LIMITS } from '../../protocol/limits.ts'
import type { RenderSettings } from '../../protocol/render-settings.ts'
import type { SceneSettings } from '../../protocol/scene-facts.ts'
import { splitSamples } from './samples.ts'
import { tileObstacles } from './tile-rules.ts'

/** Of a Cycles scene whose file does not say, because nobody ever changed it: the default since 3.0. */
const CYCLES_SAMPLES_DEFAULT = 4_096

/**
 * Why ranges of samples of this scene would not make up its image, as far as the file itself tells; parts of a
 * sentence.
 */
export function rangeObstacles(facts: SceneSettings): string[] {
  if (facts.engine !== 'CYCLES') return [`only Cycles renders ranges of samples, not ${facts.engine}`]
  const obstacles = tileObstacles(facts)
  // An absent setting means the default of Blender, and that is adaptive since 3.0.
  if (facts.cycles.useAdaptiveSampling !== false)
    obstacles.push(
      'adaptive sampling decides the samples of each pixel by those before ' +
        '(switch it off: Render > Sampling > Noise Threshold)',
    )
  if (facts.cycles.useDenoising === true)
    obstacles.push('denoising the merged image was not measured (switch it off: Render > Sampling > Denoise)')
  return obstacles
}

/** The same by what Blender itself said of the scene; none where the worker did not look for it. */
export function inspectedRangeObstacles(found: Inspection): string[] {
  if (found.sampleRanges === undefined) return []
  return found.stereo
    ? [...new Set([...found.sampleRanges.reasons, 'several views are not merged'])]
    : [...found.sampleRanges.reasons]
}

/** Samples of each pixel of a frame, as far as the file tells; 1 for an engine that has none. */
export function samplesPerPixel(settings: RenderSettings, facts: SceneSettings): number {
  if (settings.samples !== undefined) return settings.samples
  const own = facts.engine === 'CYCLES' ? (facts.cycles.samples ?? CYCLES_SAMPLES_DEFAULT) : (facts.eeveeSamples ?? 1)
  // Blender itself keeps to these bounds, whatever a file says.
  return Math.min(Math.max(1, own), LIMITS.samplesMax)
}

export function refuseRanges(sceneName: string, obstacles: readonly string[]): Refusal {
  return refuse(
    'samples_not_splittable',
    `sampleRanges: ranges of the samples of scene "${sceneName}" would not make up its image: ` +
      `${obstacles.join('; ')}. Change that in Blender, save, and upload again; or submit without sample ranges`,
  )
}

/** How samples are split into so many ranges; refused with `samples_invalid` when a range would have none. */
export function rangesOf(
  total: number,
  ranges: number,
): { ok: true; samples: NonNullable<JobPlan['samples']> } | Refusal {
  const split = splitSamples(total, ranges)
  return split.ok
    ? { ok: true, samples: { total, ranges } }
    : refuse('samples_invalid', `sampleRanges: ${split.detail}, or for more samples`)
}

/** Holds a plan's ranges against what Blender said of the scene, which also knows the number of its samples. */
export function checkRanges(
  plan: JobPlan,
  samples: NonNullable<JobPlan['samples']>,
  found: Inspection,
): { ok: true; samples: NonNullable<JobPlan['samples']> } | Refusal {
  const told = found.sampleRanges
  if (told === undefined)
    return refuse(
      'samples_not_splittable',
      `sampleRanges: the worker that looked at scene "${plan.sceneName}" is too old to tell ` +
        'whether its samples can be split; update it, or submit without sample ranges',
    )
  const obstacles = inspectedRangeObstacles(found)
  if (obstacles.length > 0) return refuseRanges(plan.sceneName, obstacles)
  const total = plan.settings.samples ?? told.samples
  if (total === null)
    return refuse(
      'samples_not_splittable',
      `sampleRanges: scene "${plan.sceneName}" has no one number of samples (it is ` +
        'animated, or a view layer has its own); ask for a number of samples',
    )
  if (told.samplesMax !== undefined && total > told.samplesMax) {
    return refuse(
      'samples_not_splittable',
      `sampleRanges: with more than ${told.samplesMax} samples (${total}) the sampling pattern of the ` +
        `scene depends on their number in Blender ${found.blenderVersion}. Ask for ${told.samplesMax} ` +
        'samples at most, choose another pattern (Sobol-Burley), or render with Blender 5',
    )
  }
  return rangesOf(total, samples.ranges)
}
