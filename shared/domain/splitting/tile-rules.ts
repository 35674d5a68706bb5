import type { SceneSettings } from '../../protocol/scene-facts.ts'

/**
 * Pixels of overscan that make tiles with adaptive sampling exact: the convergence filter looks at neighbours. Measured
 * with Blender 3.4.1: without, 33 to 339 of 5,184 pixels differ along the seams; 80 samples need 2 px, 200 need 3, 1024
 * need 4 (the filter looks again every 16 samples, so the reach grows slowly). 8 leaves room for thousands of samples.
 */
export const ADAPTIVE_OVERSCAN_PX = 8

const TILEABLE = ['CYCLES', 'BLENDER_EEVEE', 'BLENDER_EEVEE_NEXT', 'BLENDER_WORKBENCH']

/**
 * Why tiles of this scene would not be exact, as far as the file itself tells; Blender's inspection has the last word.
 * One sentence part each.
 */
export function tileObstacles(facts: SceneSettings): string[] {
  const obstacles: string[] = []
  if (!TILEABLE.includes(facts.engine))
    obstacles.push(`the engine ${facts.engine} is not known to render tiles exactly`)
  if (facts.useSequencer && facts.hasSequencerStrips) obstacles.push('its image comes from the video sequencer')
  return obstacles
}

/** An absent setting means the default of Blender, and that is adaptive since 3.0. */
export function overscanFor(facts: SceneSettings): { px: number; why: string } {
  const adaptive = facts.engine === 'CYCLES' && facts.cycles.useAdaptiveSampling !== false
  return adaptive
    ? {
        px: ADAPTIVE_OVERSCAN_PX,
        why: `tiles have ${ADAPTIVE_OVERSCAN_PX} px of overscan because the scene uses adaptive sampling`,
      }
    : { px: 0, why: 'tiles need no overscan: sampling is not adaptive' }
}
