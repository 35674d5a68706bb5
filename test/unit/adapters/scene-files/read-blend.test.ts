import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { findExternalFiles } from '../../../../shared/adapters/scene-files/missing-files.ts'
import { readBlend } from '../../../../shared/adapters/scene-files/read-blend.ts'
import type { SceneFacts } from '../../../../shared/protocol/scene-facts.ts'
import { blenderIsHere, blenderScenes } from '../../../fixtures/scenes/blender-scenes.ts'
import { blendFile, blocksOf } from '../../../fixtures/scenes/hand-made-blend.ts'
import { sceneFolder } from './scene-folder.ts'

describe.skipIf(!blenderIsHere)('a .blend written by Blender', () => {
  let scenes = ''
  beforeAll(async () => {
    scenes = await blenderScenes()
  }, 60_000)
  const scratch = sceneFolder()

  async function factsOf(name: string): Promise<SceneFacts> {
    const result = await readBlend(join(scenes, name))
    if (!result.ok) throw new Error(`${name}: ${result.code}: ${result.detail}`)
    return result.value
  }

  it('gives the settings that Blender starts with', async () => {
    const facts = await factsOf('default.blend')
    expect(facts.compression).toBe('none')
    expect(facts.version).toMatchObject({ major: 3, minor: 4 })
    expect(facts.externalFiles).toEqual([])
    expect(facts.activeScene).toBe('Scene')
    expect(facts.scenes).toEqual([
      {
        name: 'Scene',
        frameStart: 1,
        frameEnd: 250,
        frameStep: 1,
        fps: 24,
        resolutionX: 1920,
        resolutionY: 1080,
        resolutionPercentage: 100,
        engine: 'BLENDER_EEVEE',
        output: { fileFormat: 'PNG', colorDepth: 8, colorMode: 'RGBA', path: '/tmp/', quality: 90 },
        color: { display: 'sRGB', view: 'Filmic', look: 'None' },
        hasCamera: true,
        useCompositing: true,
        hasNodeTree: false,
        useSequencer: true,
        hasSequencerStrips: false,
        border: { used: false, crop: false, xMin: 0, xMax: 1, yMin: 0, yMax: 1 },
        cycles: {},
        eeveeSamples: 64,
      },
    ])
  })

  it('gives every changed setting of every scene, and which scene is active', async () => {
    const facts = await factsOf('settings.blend')
    expect(facts.compression).toBe('zstd')
    expect(facts.activeScene).toBe('Second')
    expect(facts.scenes.map(({ name }) => name).toSorted()).toEqual(['Second', 'Shot Ä'])
    expect(facts.scenes.find(({ name }) => name === 'Shot Ä')).toEqual({
      name: 'Shot Ä',
      frameStart: 11,
      frameEnd: 47,
      frameStep: 3,
      fps: 30 / 1.001,
      resolutionX: 640,
      resolutionY: 360,
      resolutionPercentage: 50,
      engine: 'CYCLES',
      output: {
        fileFormat: 'OPEN_EXR_MULTILAYER',
        colorDepth: 32,
        colorMode: 'RGBA',
        path: '//out/shot_',
        quality: 90,
      },
      color: { display: 'sRGB', view: 'Filmic', look: 'None' },
      hasCamera: true,
      useCompositing: false,
      hasNodeTree: true,
      useSequencer: false,
      hasSequencerStrips: false,
      border: { used: true, crop: true, xMin: 0.25, xMax: 0.5, yMin: 0.125, yMax: 0.75 },
      cycles: { samples: 77, useAdaptiveSampling: false, adaptiveThreshold: 0.25, useDenoising: false, seed: 12345 },
      eeveeSamples: 64,
    })
    expect(facts.scenes.find(({ name }) => name === 'Second')).toMatchObject({
      engine: 'BLENDER_WORKBENCH',
      output: { fileFormat: 'JPEG', colorDepth: 8, colorMode: 'BW', quality: 61 },
      color: { display: 'sRGB', view: 'Filmic', look: 'None' },
      hasCamera: false,
      hasNodeTree: false,
      eeveeSamples: 9,
    })
  })

  it('calls every output format what Blender calls it', async () => {
    const { scenes: named } = await factsOf('formats.blend')
    const formats = named.filter(({ name }) => name !== 'Scene')
    expect(formats.length).toBeGreaterThan(12)
    for (const { name, output } of formats) expect(output.fileFormat).toBe(name)
  })

  it('sees a camera that only a marker binds, and that there is none', async () => {
    expect((await factsOf('no-camera.blend')).scenes[0]?.hasCamera).toBe(false)
    expect((await factsOf('marker-camera.blend')).scenes[0]?.hasCamera).toBe(true)
  })

  it('says the same whether it is plain, compressed by Blender, or gzipped', async () => {
    const plain = await factsOf('default.blend')
    expect(await factsOf('default-zstd.blend')).toEqual({ ...plain, compression: 'zstd' })
    const gzipped = gzipSync(await readFile(join(scenes, 'default.blend')))
    expect(await scratch.facts(gzipped)).toEqual({ ...plain, compression: 'gzip' })
  })

  it('says the same with the header and block heads of Blender 5', async () => {
    for (const name of ['default.blend', 'linked.blend', 'formats.blend']) {
      const wide = blendFile('wide', 501, blocksOf(await readFile(join(scenes, name))))
      const facts = await factsOf(name)
      const version = { ...facts.version, major: 5, minor: 1, text: '5.1 (file subversion 6)' }
      expect(await scratch.facts(wide)).toEqual({ ...facts, version })
    }
  })

  it('lists external files of every kind, and whether they are packed', async () => {
    const {
      externalFiles,
      scenes: [scene],
    } = await factsOf('linked.blend')
    expect(scene?.hasSequencerStrips).toBe(true)
    const told = externalFiles.map(({ kind, datablock, path, span, packed }) => [kind, datablock, path, span, packed])
    expect(told.toSorted((a, b) => (String(a[1]) < String(b[1]) ? -1 : 1))).toEqual([
      ['image', 'Absolute', '/nowhere/wall.png', 'file', false],
      ['movieclip', 'Clip', '//textures/clip.png', 'sequence', false],
      ['image', 'Gone', '//textures/gone.png', 'file', false],
      ['sound', 'Hum', '//textures/hum.wav', 'file', false],
      ['image', 'Inner', '//textures/inner.png', 'file', false],
      ['image', 'Packed', '//textures/packed.png', 'file', true],
      ['image', 'Plates', '//textures/plate_01.png', 'sequence', false],
      ['image', 'Present', '//textures/present.png', 'file', false],
      ['image', 'Skin', '//textures/skin.<UDIM>.png', 'tiles', false],
      ['volume', 'Smoke', '//cache/smoke.vdb', 'file', false],
      ['image', 'Walk', '//textures/walk_0001.png', 'sequence', false],
      ['library', 'library.blend', '//library.blend', 'file', false],
    ])
  })

  it('misses what is neither packed nor in the project', async () => {
    const textures = ['clip.png', 'hum.wav', 'present.png', 'skin.1001.png', 'walk_0007.png'].map(
      (name) => `shot/textures/${name}`,
    )
    const filePaths = ['shot/linked.blend', 'shot/library.blend', ...textures]
    const { missing } = findExternalFiles(await factsOf('linked.blend'), {
      mainBlendPath: 'shot/linked.blend',
      filePaths,
    })
    expect(missing.map(({ file, reason }) => [file.datablock, reason]).toSorted()).toEqual([
      ['Absolute', 'absolute_path'],
      ['Gone', 'not_in_project'],
      ['Inner', 'not_in_project'],
      ['Plates', 'not_in_project'],
      ['Smoke', 'not_in_project'],
    ])
  })
})
