// Turns one scene data-block into its settings. Field names are those in files, which keep the
// oldest name of a field; where a name has changed in files too, both are tried.

import type { SceneCycles, SceneSettings } from '../../protocol/scene-facts.ts'
import type { BlendDatablock } from './blend-datablock.ts'
import { BlendFault } from './blend-fault.ts'
import { readPropertyGroup } from './blend-id-properties.ts'
import { colorDepthBits, colorModeName, fileFormatName } from './blend-image-format.ts'
import { showsStrips } from './blend-strips.ts'

// Bits of the render settings, checked against files of Blender 3.4.
const MODE_BORDER = 1 << 9
const MODE_CROP = 1 << 11
const SCENE_MODE_SEQUENCER = 1 << 0
const SCENE_MODE_COMPOSITING = 1 << 6

/** Reads one scene; throws a BlendFault if a setting that every Blender has is not there. */
export function readScene(scene: BlendDatablock): SceneSettings {
  const { record } = scene
  const integer = (path: string): number => required(scene, path, record.integer(path))
  const float = (path: string): number => required(scene, path, record.float(path))
  const text = (path: string): string => required(scene, path, record.text(path))
  const mode = integer('r.mode')
  const sceneMode = integer('r.scemode')
  return {
    name: scene.name,
    frameStart: integer('r.sfra'),
    frameEnd: integer('r.efra'),
    frameStep: integer('r.frame_step'),
    fps: integer('r.frs_sec') / asTyped(float('r.frs_sec_base')),
    resolutionX: integer('r.xsch'),
    resolutionY: integer('r.ysch'),
    resolutionPercentage: integer('r.size'),
    engine: text('r.engine'),
    output: {
      fileFormat: fileFormatName(integer('r.im_format.imtype')),
      colorDepth: colorDepthBits(integer('r.im_format.depth')),
      colorMode: colorModeName(integer('r.im_format.planes')),
      path: text('r.pic'),
      ...(record.integer('r.im_format.jp2_codec') === 1 ? { jpeg2000Codec: 'J2K' as const } : {}),
      quality: integer('r.im_format.quality'),
    },
    ...colorOf(record),
    hasCamera: hasCamera(scene),
    useCompositing: (sceneMode & SCENE_MODE_COMPOSITING) !== 0,
    hasNodeTree: hasNodeTree(scene),
    useSequencer: (sceneMode & SCENE_MODE_SEQUENCER) !== 0,
    hasSequencerStrips: showsStrips(scene),
    border: {
      used: (mode & MODE_BORDER) !== 0,
      crop: (mode & MODE_CROP) !== 0,
      xMin: float('r.border.xmin'),
      xMax: float('r.border.xmax'),
      yMin: float('r.border.ymin'),
      yMax: float('r.border.ymax'),
    },
    cycles: readCycles(scene),
    eeveeSamples: record.integer('eevee.taa_render_samples') ?? null,
  }
}

function colorOf(record: BlendDatablock['record']): Pick<SceneSettings, 'color'> {
  const display = record.text('display_settings.display_device')
  const view = record.text('view_settings.view_transform')
  const look = record.text('view_settings.look')
  return display === undefined || view === undefined || look === undefined ? {} : { color: { display, view, look } }
}

// A single-precision float as the person typed it: 1.001, which is stored as 1.00100004673.
function asTyped(stored: number): number {
  return Number(stored.toPrecision(7))
}

function required<T>(scene: BlendDatablock, path: string, value: T | undefined): T {
  if (value !== undefined) return value
  throw new BlendFault(
    'blend_corrupt',
    `the scene "${scene.name}" has no field ${path}; open the file in Blender 2.8 or newer and save it again`,
  )
}

// A marker may bind a camera, which Blender switches to on its frame even if the scene has none.
function hasCamera(scene: BlendDatablock): boolean {
  if ((scene.record.pointer('camera') ?? 0n) !== 0n) return true
  for (const marker of scene.list(scene.record.pointer('markers.first'))) {
    if ((marker.pointer('camera') ?? 0n) !== 0n) return true
  }
  return false
}

// To 4.x the scene owns its tree and a switch turns it on; from 5.0 it points to a node group, and
// the old tree stays in the file only for older versions.
function hasNodeTree(scene: BlendDatablock): boolean {
  const group = scene.record.pointer('compositing_node_group')
  if (group !== undefined) return group !== 0n
  return scene.record.integer('use_nodes') !== 0 && (scene.record.pointer('nodetree') ?? 0n) !== 0n
}

function readCycles(scene: BlendDatablock): SceneCycles {
  const stored = readPropertyGroup(scene, 'cycles')
  const number = (name: string): number | undefined => stored.get(name)
  const flag = (name: string): boolean | undefined => (stored.has(name) ? stored.get(name) !== 0 : undefined)
  const threshold = number('adaptive_threshold')
  const settings: { [Name in keyof SceneCycles]-?: SceneCycles[Name] | undefined } = {
    samples: number('samples'),
    useAdaptiveSampling: flag('use_adaptive_sampling'),
    adaptiveThreshold: threshold === undefined ? undefined : asTyped(threshold),
    useDenoising: flag('use_denoising'),
    seed: number('seed'),
    useAnimatedSeed: flag('use_animated_seed'),
  }
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
}
