import { describe, expect, it } from 'vitest'
import type { HandMadeStructs, RawBlock } from '../../../fixtures/scenes/hand-made-blend.ts'
import { smallBlend } from '../../../fixtures/scenes/small-blend.ts'
import { sceneFolder } from './scene-folder.ts'

const GROUP = 6
const INT = 1

describe('a .blend of another version', () => {
  const scratch = sceneFolder()

  it.each(['wide', 'narrow64', 'narrow32'] as const)('is read in the %s layout', async (layout) => {
    const version = layout === 'wide' ? 502 : 293
    const facts = await scratch.facts(smallBlend({ layout, version }))
    expect(facts.version).toMatchObject(layout === 'wide' ? { major: 5, minor: 2 } : { major: 2, minor: 93 })
    expect(facts.scenes).toMatchObject([
      { name: 'Tiny', frameEnd: 24, fps: 25, engine: 'CYCLES', hasCamera: true, eeveeSamples: null },
    ])
  })

  it('finds Cycles settings where Blender 5 keeps them', async () => {
    const properties = (structs: HandMadeStructs): RawBlock[] => [
      structs.block('DATA', 0x30n, 'IDProperty', { type: GROUP, 'data.group.first': 0x31n }),
      structs.block('DATA', 0x31n, 'IDProperty', { type: GROUP, name: 'cycles', 'data.group.first': 0x32n }),
      structs.block('DATA', 0x32n, 'IDProperty', { type: INT, name: 'samples', 'data.val': 12, next: 0x33n }),
      structs.block('DATA', 0x33n, 'IDProperty', { type: 10, name: 'use_denoising', 'data.val': 0 }),
    ]
    const facts = await scratch.facts(smallBlend({ scene: { 'id.system_properties': 0x30n }, owned: properties }))
    expect(facts.scenes[0]?.cycles).toEqual({ samples: 12, useDenoising: false })
  })

  it('goes by the node group of Blender 5, not by the tree kept for older versions', async () => {
    const old = await scratch.facts(smallBlend({ scene: { use_nodes: 1, nodetree: 0x99n } }))
    expect(old.scenes[0]?.hasNodeTree).toBe(false)
    const group = await scratch.facts(smallBlend({ scene: { compositing_node_group: 0x99n } }))
    expect(group.scenes[0]?.hasNodeTree).toBe(true)
  })

  it('takes file paths under their new field name', async () => {
    const facts = await scratch.facts(
      smallBlend({
        others: (structs) => [
          structs.block('IM', 0x40n, 'Image', { 'id.name': 'IMWood', filepath: '//wood.png', source: 1 }),
        ],
      }),
    )
    expect(facts.externalFiles).toEqual([
      { kind: 'image', path: '//wood.png', span: 'file', packed: false, datablock: 'Wood' },
    ])
  })

  it('reads the first of an array that is longer than what is kept', async () => {
    const owned = (structs: HandMadeStructs): RawBlock[] => {
      const marker = structs.block('DATA', 0x30n, 'TimeMarker', { camera: 0x70n })
      return [{ ...marker, count: 200_000, bytes: Buffer.concat([marker.bytes, Buffer.alloc(4_000_000)]) }]
    }
    const facts = await scratch.facts(smallBlend({ scene: { camera: 0n, 'markers.first': 0x30n }, owned }))
    expect(facts.scenes[0]?.hasCamera).toBe(true)
  })

  it('names an output format that came later by its number', async () => {
    const facts = await scratch.facts(smallBlend({ scene: { 'r.im_format.imtype': 99 } }))
    expect(facts.scenes[0]?.output.fileFormat).toBe('UNKNOWN_99')
  })

  it('is refused if it is of a kind that cannot be read', async () => {
    const bigEndian = smallBlend({ layout: 'narrow64', version: 280 })
    bigEndian.write('V', 8)
    expect(await scratch.refusal(bigEndian)).toBe('blend_big_endian')
    const future = smallBlend()
    future.write('02', 10)
    expect(await scratch.refusal(future)).toBe('blend_unsupported_format')
  })
})
