// Real files for the tests: one Blender run renders a tiny scene whole and in tiles.

import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

export const RENDER_SIZE = { width: 64, height: 36 }

interface RenderedTile {
  readonly path: string
  readonly placement: { readonly x: number; readonly y: number; readonly width: number; readonly height: number }
  readonly crop: { readonly left: number; readonly top: number }
}

export interface BlenderRenders {
  /** RGBA float, whole frame. */
  readonly rgbaFull: string
  readonly rgbaTiles: readonly RenderedTile[]
  /** All passes with Cryptomatte, whole frame; tiles of odd sizes with 3 px overscan. */
  readonly multilayerFull: string
  readonly multilayerTiles: readonly RenderedTile[]
  /** RGBA half with PIZ, which is not read. */
  readonly piz: string
}

const SCENE = `
import bpy, json, sys
jobs = json.loads(open(sys.argv[-1]).read())
scene = bpy.context.scene
scene.render.engine = 'CYCLES'
scene.cycles.samples = 4
scene.cycles.use_adaptive_sampling = False
scene.cycles.use_denoising = False
scene.cycles.seed = 7
scene.render.resolution_x, scene.render.resolution_y = ${RENDER_SIZE.width}, ${RENDER_SIZE.height}
scene.render.resolution_percentage = 100
scene.render.use_compositing = False
layer = bpy.context.view_layer
for name in ('use_pass_z', 'use_pass_mist', 'use_pass_normal', 'use_pass_position', 'use_pass_object_index',
             'use_pass_cryptomatte_object', 'use_pass_cryptomatte_material', 'use_pass_diffuse_direct'):
    setattr(layer, name, True)
bpy.data.objects['Cube'].pass_index = 5
render = scene.render
W, H = ${RENDER_SIZE.width}, ${RENDER_SIZE.height}
def edge(px, size):
    return 0.0 if px <= 0 else 1.0 if px >= size else (px + 0.5) / size
for job in jobs:
    settings = render.image_settings
    settings.file_format = job['format']
    settings.color_mode = 'RGBA'
    settings.color_depth = job['depth']
    settings.exr_codec = job['codec']
    render.use_border = render.use_crop_to_border = 'window' in job
    if 'window' in job:
        x0, y0, x1, y1 = job['window']
        render.border_min_x, render.border_max_x = edge(x0, W), edge(x1, W)
        render.border_min_y, render.border_max_y = edge(H - y1, H), edge(H - y0, H)
    render.filepath = job['path']
    render.use_file_extension = False
    bpy.ops.render.render(write_still=True)
`

interface RenderJob {
  readonly path: string
  readonly format: 'OPEN_EXR' | 'OPEN_EXR_MULTILAYER'
  readonly depth: '16' | '32'
  readonly codec: string
  readonly window?: readonly number[]
}

/** Renders everything into `folder`. Takes about 4 s. */
export async function renderWithBlender(folder: string): Promise<BlenderRenders> {
  await mkdir(folder, { recursive: true })
  const rgbaTiles = grid(folder, 'rgba', [0, 20, 64], [0, 15, 36], 0)
  const multilayerTiles = grid(folder, 'multilayer', [0, 21, 64], [0, 17, 36], 3)
  const base = { format: 'OPEN_EXR', depth: '32', codec: 'ZIP' } as const
  const multilayer = { ...base, format: 'OPEN_EXR_MULTILAYER' } as const
  const jobs: RenderJob[] = [
    { ...base, path: join(folder, 'rgba.exr') },
    { ...multilayer, path: join(folder, 'multilayer.exr') },
    { ...base, depth: '16', codec: 'PIZ', path: join(folder, 'piz.exr') },
    ...rgbaTiles.map((tile) => ({ ...base, path: tile.path, window: windowOf(tile, 0) })),
    ...multilayerTiles.map((tile) => ({ ...multilayer, path: tile.path, window: windowOf(tile, 3) })),
  ]
  await writeFile(join(folder, 'jobs.json'), JSON.stringify(jobs))
  await writeFile(join(folder, 'scene.py'), SCENE)
  await promisify(execFile)(
    'blender',
    [
      '--background',
      '--factory-startup',
      '--python-exit-code',
      '1',
      '--python',
      join(folder, 'scene.py'),
      '--',
      join(folder, 'jobs.json'),
    ],
    { timeout: 120_000 },
  )
  return {
    rgbaFull: join(folder, 'rgba.exr'),
    rgbaTiles,
    multilayerFull: join(folder, 'multilayer.exr'),
    multilayerTiles,
    piz: join(folder, 'piz.exr'),
  }
}

function grid(
  folder: string,
  name: string,
  xs: readonly number[],
  ys: readonly number[],
  overscanPx: number,
): RenderedTile[] {
  return ys.slice(0, -1).flatMap((y, row) =>
    xs.slice(0, -1).map((x, column) => ({
      path: join(folder, `${name}-${row}-${column}.exr`),
      placement: { x, y, width: xs[column + 1]! - x, height: ys[row + 1]! - y },
      crop: { left: Math.min(x, overscanPx), top: Math.min(y, overscanPx) },
    })),
  )
}

function windowOf({ placement, crop }: RenderedTile, overscanPx: number): readonly number[] {
  return [
    placement.x - crop.left,
    placement.y - crop.top,
    Math.min(RENDER_SIZE.width, placement.x + placement.width + overscanPx),
    Math.min(RENDER_SIZE.height, placement.y + placement.height + overscanPx),
  ]
}
