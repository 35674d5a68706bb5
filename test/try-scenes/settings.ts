// How a scene is made cheap, for the farm and for bare Blender alike, and which of its frames are rendered.

import type { JobPlan } from '../../shared/protocol/job.ts'
import type { RenderSettings } from '../../shared/protocol/render-settings.ts'
import type { SceneFacts, SceneSettings } from '../../shared/protocol/scene-facts.ts'
import type { BareSettings } from './bare.ts'

/** Frames lie this far from the first one at most: simulations go through all that are between. */
const SPAN_MAX = 24
/** Blender's names of what the farm delivers. */
const FORMATS: Readonly<Record<string, string>> = {
  png: 'PNG',
  jpeg: 'JPEG',
  exr: 'OPEN_EXR',
  'exr-multilayer': 'OPEN_EXR_MULTILAYER',
  tiff: 'TIFF',
  webp: 'WEBP',
}

/** The scene that `blender -b` renders. */
export function activeScene(facts: SceneFacts): SceneSettings {
  const found = facts.scenes.find(({ name }) => name === facts.activeScene) ?? facts.scenes[0]
  if (found === undefined) throw new Error('a .blend without a scene was taken')
  return found
}

/** What the job asks for; empty where the scene is cheap by itself. */
export function cheapSettings(
  scene: SceneSettings,
  { pixels, samples }: { readonly pixels: number; readonly samples: number },
): RenderSettings {
  const percentage = Math.max(1, Math.floor((pixels * 100) / Math.max(scene.resolutionX, scene.resolutionY, 1)))
  const own =
    scene.engine === 'CYCLES' ? scene.cycles.samples : scene.engine.startsWith('BLENDER_EEVEE') ? scene.eeveeSamples : 0
  return {
    ...(percentage < scene.resolutionPercentage ? { resolution: { percentage } } : {}),
    // What the file does not say is Blender's default, which is many.
    ...((own ?? Infinity) > samples ? { samples } : {}),
  }
}

/** The same for bare Blender. Where the plan has another format than the scene, that is rendered; `remark` says so. */
export function bareSettings(
  settings: RenderSettings,
  scene: SceneSettings,
  plan?: JobPlan,
): { readonly settings: BareSettings; readonly remark?: string } {
  const wanted = FORMATS[plan?.format ?? ''] ?? scene.output.fileFormat
  const other = wanted !== scene.output.fileFormat
  return {
    settings: {
      ...(settings.resolution !== undefined && 'percentage' in settings.resolution
        ? { percentage: settings.resolution.percentage }
        : {}),
      ...(settings.samples === undefined ? {} : { samples: settings.samples }),
      ...(other ? { still: wanted } : {}),
    },
    ...(other ? { remark: `delivered as ${wanted}, the scene says ${scene.output.fileFormat}` } : {}),
  }
}

/** Three frames out of order, the last first; a still's one frame twice. */
export function framesOutOfOrder({ frameStart, frameEnd }: SceneSettings): number[] {
  const last = Math.max(frameStart, Math.min(frameEnd, frameStart + SPAN_MAX))
  const middle = Math.floor((frameStart + last) / 2)
  if (last === frameStart) return [frameStart, frameStart]
  return middle === frameStart ? [last, frameStart] : [last, frameStart, middle]
}

/** The first four frames, for scenes whose frames depend on earlier ones; undefined for a still. */
export function firstFrames({ frameStart, frameEnd }: SceneSettings): readonly [number, number] | undefined {
  return frameEnd > frameStart ? [frameStart, Math.min(frameEnd, frameStart + 3)] : undefined
}
