// What a channel's numbers are. Three kinds of channel want three kinds of care:
// light (`color`) belongs together pixel by pixel; a `quantity` (depth, position, coverage) stands alone
// and may honestly be infinite; an `identity` (a hash, an object index) is either the same or another
// one: two Cryptomatte hashes read as floats may both be near zero and yet name different objects.

import type { ExrChannel } from './exr-format.ts'

export type ExrChannelKind = 'color' | 'quantity' | 'identity'

const COLOR_COMPONENTS: ReadonlySet<string> = new Set(['R', 'G', 'B', 'A', 'Y', 'RY', 'BY'])

/** Cryptomatte ranks come two to a layer, named by two digits: r and b hold hashes, g and a coverage. */
const CRYPTOMATTE_LAYER = /crypto.*\d\d$/i
const CRYPTOMATTE_HASHES: ReadonlySet<string> = new Set(['R', 'B'])

/** Blender's object and material index passes: floats that hold whole numbers. */
const INDEX_PASS = /(^|\.)Index(OB|MA)$/

export interface ExrChannelRole {
  readonly kind: ExrChannelKind
  /** Color channels of one layer and pass share a group; every other channel is its own. */
  readonly group: string
}

/** The role of a channel, from its type and from the names that Blender and the Cryptomatte rules use. */
export function exrChannelRole(channel: ExrChannel): ExrChannelRole {
  const dot = channel.name.lastIndexOf('.')
  const layer = dot < 0 ? '' : channel.name.slice(0, dot)
  const component = channel.name.slice(dot + 1).toUpperCase()
  if (channel.type === 'uint') return { kind: 'identity', group: channel.name }
  if (CRYPTOMATTE_LAYER.test(layer)) {
    return { kind: CRYPTOMATTE_HASHES.has(component) ? 'identity' : 'quantity', group: channel.name }
  }
  if (INDEX_PASS.test(layer)) return { kind: 'identity', group: channel.name }
  if (COLOR_COMPONENTS.has(component) && !/(^|\.)(UV)$/.test(layer)) return { kind: 'color', group: layer }
  return { kind: 'quantity', group: channel.name }
}
