// How many pixels around a tile its own pixels need: differing pixels of all passes by the width of the overscan.
// Cycles' convergence filter looks one pixel far each time it runs, and what a pixel does then bears on the next run,
// so long renders are in it too.

import type { Workers } from './measure.ts'
import { differingPixels } from './pixels.ts'

/**
 * Words for build_scene.py. Threshold and samples of `adaptive` make for four checks, of `loosely-adaptive` for twelve.
 */
const SCENES = [
  'plain',
  'adaptive',
  'adaptive,dof',
  'adaptive,volume',
  'adaptive,many-lights',
  'adaptive,hair',
  'adaptive,glass,texture',
  'loosely-adaptive',
  'loosely-adaptive,dof,many-lights',
  'long-adaptive',
]
const WIDTHS_PX = [0, 1, 2, 3, 4]
/** Seams everywhere: 9 x 9 tiles of an image of 96 x 54 px. */
const GRID = { columns: 9, rows: 9 }

/** A Markdown table; a row for each scene. */
export async function measureOverscan({ lab, first }: Workers): Promise<string> {
  const rows: string[][] = []
  for (const features of SCENES) {
    const name = features.replaceAll(',', '+')
    await first.run('open', { path: await lab.scene(features) })
    const facts = await first.run('inspect', {})
    if (!facts.ok) throw new Error(`${features}: ${facts.message}`)
    const whole = lab.path(`${name}-whole.exr`)
    const rendered = await first.run('render', {
      mode: 'frame',
      frame: 1,
      outputs: { final: lab.path(`${name}.png`), raw: whole },
      device: 'CPU',
    })
    if (!rendered.ok) throw new Error(`${features}: ${rendered.message}`)
    const found: string[] = []
    for (const overscanPx of WIDTHS_PX) {
      const stitched = await lab.tiles(first, {
        frame: 1,
        region: facts.value.image.region,
        ...GRID,
        overscanPx,
        name: `${name}-${overscanPx}`,
      })
      found.push(String(await differingPixels(whole, stitched)))
    }
    console.error(`${features}: ${found.join(', ')}`)
    rows.push([features, String(facts.value.tiling.overscanPx), ...found])
  }
  return [
    ['scene', 'overscan used', ...WIDTHS_PX.map((width) => `${width} px`)],
    ['---', ...Array.from({ length: WIDTHS_PX.length + 1 }, () => '---:')],
    ...rows,
  ]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}
