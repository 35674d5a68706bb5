// How each pass of a render is made from renders of parts of its samples. Which pass is which was measured by
// comparing parts with the whole (Blender 3.4, 4.2 and 5.0): most are means over the samples; some are those of
// the first sample alone; light by surface is a quotient of two means, which is no mean itself.

import type { ExrHeader } from './exr-format.ts'

export interface MergeRefusal {
  readonly ok: false
  readonly code: 'not_mergeable'
  readonly message: string
}

/**
 * `mean`: weighted by samples. `first`: as in the part that has the first sample. `light`: a mean divided by that of
 * its color pass.
 */
export type PassRule =
  | { readonly kind: 'mean' | 'first'; readonly channel: number }
  | { readonly kind: 'light'; readonly channels: Rgb; readonly colors: Rgb }

/** Indices into the channels of the header. */
export type Rgb = readonly [number, number, number]

/** Written for the first sample of a pixel and kept. By their names up to 4.x and from 5.0 on. */
const OF_FIRST_SAMPLE: ReadonlySet<string> = new Set([
  'Depth',
  'Position',
  'IndexOB',
  'IndexMA',
  'Object Index',
  'Material Index',
])

/** Light that a kind of surface sends on, divided by the color of the surface. */
const LIGHT = /^(Diff|Gloss|Trans)(Dir|Ind)$|^(Diffuse|Glossy|Transmission) (Direct|Indirect)$/

const REFUSED: readonly { readonly pass: RegExp; readonly why: string }[] = [
  {
    pass: /^Crypto/,
    why: 'Cryptomatte ranks the objects of a pixel by all of its samples, which ranked parts do not tell',
  },
  {
    pass: /^Vector$/,
    why: 'motion is a mean over those samples alone that hit something, and their number is not in the file',
  },
  { pass: /^(Noisy )?Shadow Catcher/, why: 'a shadow catcher is a quotient of passes that the file does not have' },
  { pass: /^(Debug|Guiding) |^Render Time$/, why: 'it tells how the render went, not what it shows' },
]

/** The rule for every channel, once each; refused when a channel cannot be made from parts. */
export function passRules(
  header: ExrHeader,
): { readonly ok: true; readonly rules: readonly PassRule[] } | MergeRefusal {
  if (header.attributes.some((attribute) => attribute.name === 'multiView'))
    return refuse('the file has several views; render views as separate frames')
  const indices = new Map(header.channels.map((channel, index) => [channel.name, index]))
  const rules: PassRule[] = []
  for (const [channel, { name, type }] of header.channels.entries()) {
    if (type !== 'float') return refuse(`channel ${name} is ${type}; parts are merged from 32-bit float`)
    const { layer, pass, component } = partsOf(name)
    const refused = REFUSED.find((each) => each.pass.test(pass))
    if (refused !== undefined) return refuse(`pass ${pass}: ${refused.why}; turn it off or do not split samples`)
    if (!LIGHT.test(pass)) {
      rules.push({ kind: OF_FIRST_SAMPLE.has(pass) ? 'first' : 'mean', channel })
      continue
    }
    const channels = rgb(indices, `${layer}${pass}`)
    const colors = rgb(indices, `${layer}${colorPass(pass)}`)
    if (channels === undefined || colors === undefined)
      return refuse(
        `pass ${pass} is light divided by ${colorPass(pass)}, which the file does not have; turn that pass on too`,
      )
    if (component === 'R') rules.push({ kind: 'light', channels, colors })
  }
  return { ok: true, rules }
}

/**
 * `Layer.Pass.R` in three; the layer with its dot, empty where there is none. A layer's name may hold dots, a pass's
 * may not.
 */
function partsOf(name: string): { readonly layer: string; readonly pass: string; readonly component: string } {
  const last = name.lastIndexOf('.')
  const before = name.lastIndexOf('.', last - 1)
  return last < 0
    ? { layer: '', pass: 'Combined', component: name }
    : { layer: name.slice(0, before + 1), pass: name.slice(before + 1, last), component: name.slice(last + 1) }
}

function colorPass(pass: string): string {
  return pass.replace(/(Dir|Ind)$/, 'Col').replace(/ (Direct|Indirect)$/, ' Color')
}

function rgb(indices: ReadonlyMap<string, number>, pass: string): Rgb | undefined {
  const [r, g, b] = [indices.get(`${pass}.R`), indices.get(`${pass}.G`), indices.get(`${pass}.B`)]
  return r === undefined || g === undefined || b === undefined ? undefined : [r, g, b]
}

function refuse(message: string): MergeRefusal {
  return { ok: false, code: 'not_mergeable', message }
}
