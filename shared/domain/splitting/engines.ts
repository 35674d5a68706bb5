import { type Refusal, refuse } from '../../protocol/errors.ts'
import type { RenderSettings } from '../../protocol/render-settings.ts'

/** By their names in files; both of EEVEE are one, of which each Blender has its own. */
const NAMES = {
  cycles: ['CYCLES'],
  eevee: ['BLENDER_EEVEE', 'BLENDER_EEVEE_NEXT'],
  workbench: ['BLENDER_WORKBENCH'],
} as const
const ALL: readonly string[] = Object.values(NAMES).flat()
const OF_THE_PAST: Readonly<Record<string, string>> = {
  BLENDER_RENDER: 'Blender Internal',
  BLENDER_GAME: 'the game engine',
}

/**
 * The engine that renders: the one that was asked for, or the scene's own. Refused with `engine_unknown` where Blender
 * has none of that name, because it would take another without a word.
 */
export function engineOf(own: string, settings: RenderSettings | undefined): { ok: true; name: string } | Refusal {
  const asked = settings?.engine
  if (asked !== undefined) return { ok: true, name: NAMES[asked].find((name) => name === own) ?? NAMES[asked][0] }
  if (own === '' || ALL.includes(own)) return { ok: true, name: own }
  const past = OF_THE_PAST[own]
  const choice = `name the engine to use (settings.engine, --engine: ${Object.keys(NAMES).join(', ')})`
  return refuse(
    'engine_unknown',
    past === undefined
      ? `the scene is made for the engine ${own}, which comes with an add-on and is on no worker; ` +
          `Blender would render it with another. To have that, ${choice}`
      : `the scene is made for ${past} (${own}), which no Blender has had since 2.80; Blender makes EEVEE of it, ` +
          `and its materials and lights look different there. To have that, ${choice}`,
  )
}

/** Whether two names are of one engine. */
export function isSameEngine(a: string, b: string): boolean {
  return a === b || [a, b].every((name) => name.startsWith('BLENDER_EEVEE'))
}
