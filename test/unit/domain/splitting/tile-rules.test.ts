import { describe, expect, test } from 'vitest'
import { ADAPTIVE_OVERSCAN_PX, overscanFor, tileObstacles } from '../../../../shared/domain/splitting/tile-rules.ts'
import { sceneSettings } from '../records.ts'

describe('tiles of a scene', () => {
  test.each(['CYCLES', 'BLENDER_EEVEE', 'BLENDER_EEVEE_NEXT', 'BLENDER_WORKBENCH'])('of %s are exact', (engine) => {
    expect(tileObstacles(sceneSettings({ engine }))).toEqual([])
  })

  test('are not known to be exact for the engine of an add-on', () => {
    expect(tileObstacles(sceneSettings({ engine: 'LUXCORE' }))).toEqual([expect.stringMatching(/LUXCORE/)])
  })

  test('are told every obstacle, not only the first', () => {
    const facts = sceneSettings({ engine: 'LUXCORE', hasSequencerStrips: true })
    expect(tileObstacles(facts)).toHaveLength(2)
  })

  test(
    'do not mind strips that are not used, nor denoising: which ' + 'settings of it are exact, the inspection tells',
    () => {
      expect(tileObstacles(sceneSettings({ useSequencer: false, hasSequencerStrips: true }))).toEqual([])
      expect(tileObstacles(sceneSettings({ cycles: { useDenoising: true } }))).toEqual([])
    },
  )

  test('have overscan when Cycles samples adaptively, which it does unless it is switched off', () => {
    expect(overscanFor(sceneSettings()).px).toBe(ADAPTIVE_OVERSCAN_PX)
    expect(overscanFor(sceneSettings({ cycles: { useAdaptiveSampling: true } })).px).toBe(ADAPTIVE_OVERSCAN_PX)
    expect(overscanFor(sceneSettings({ cycles: { useAdaptiveSampling: false } })).px).toBe(0)
    expect(overscanFor(sceneSettings({ engine: 'BLENDER_EEVEE' })).px).toBe(0)
  })
})
