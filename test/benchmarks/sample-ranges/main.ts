// How far a frame whose samples were rendered in ranges is from the same frame rendered in one go, with real Blender:
// the float image pass by pass, and the finished 8-bit image against bare Blender's. `npm run bench:samples [--
// OPTIONS]`; TILEWORK_TEST_BLENDER names another Blender than the one found. Writes .benchmarks/sample-ranges.json.
//
//   --only RE    scenes by their names or features
//   --ranges 2,4,7

import { mkdir, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import type { BlenderProcess } from '../../../blender-worker/blender/process.ts'
import type { SampleRange } from '../../../shared/domain/splitting/samples.ts'
import { splitSamples } from '../../../shared/domain/splitting/samples.ts'
import { mergeSamples } from '../../../shared/adapters/imaging/merge-samples.ts'
import { Lab, must } from '../../fixtures/driver/lab.ts'
import { displayDistance, passDistances } from '../../support/image-distance.ts'

/** Scenes that can be split, as words for build_scene.py; with every pass that can be merged where they say so. */
const SCENES: readonly (readonly [string, string])[] = [
  ['plain, 64 samples', 'no-cryptomatte,samples-64'],
  ['every pass, depth of field, 64 samples', 'mergeable-passes,samples-64'],
  ['every pass, 100 samples', 'mergeable-passes,samples-100'],
  ['every pass, 256 samples', 'mergeable-passes,samples-256'],
  ['glass, textures, bump', 'mergeable-passes,texture,glass,samples-64'],
  ['subsurface scattering, hair', 'mergeable-passes,subsurface,hair,samples-64'],
  ['volume and fog', 'mergeable-passes,volume,samples-64'],
  ['many lights, sky', 'mergeable-passes,many-lights,samples-64'],
  ['transparent film, animated seed', 'mergeable-passes,transparent,animated-seed,samples-64'],
  ['motion blur, rolling shutter', 'no-cryptomatte,motion-blur,samples-64'],
  ['Glare (streaks, fog glow, ghosts, star)', 'no-cryptomatte,glares,samples-64'],
  [
    'two view layers, curve-mapped view, dithered',
    'mergeable-passes,two-layers-composited,layers-alike,curves,dithered,samples-64',
  ],
  ['AOVs, light groups, denoising data', 'all-passes,mergeable-passes,samples-64'],
  ['image larger than the tiles of Cycles', 'mergeable-passes,auto-tile,samples-64'],
]

const { values } = parseArgs({
  options: { only: { type: 'string' }, ranges: { type: 'string' }, scene: { type: 'string' } },
})
const counts = (values.ranges ?? '2,4,7').split(',').map(Number)

interface Row {
  readonly scene: string
  readonly samples: number
  readonly ranges: number
  readonly combined: { readonly differing: number; readonly absolute: number; readonly relative: number }
  readonly worstPass: string
  readonly worstPassRelative: number
  readonly display: { readonly differing: number; readonly steps: number }
}

const lab = await Lab.open()
const blender = await lab.start()
const rows: Row[] = []
let version = ''
try {
  const probed = await blender.run('probe', {})
  if (!probed.ok) throw new Error(probed.message)
  version = probed.value.blenderVersion
  for (const [index, [about, features]] of (values.scene === undefined
    ? SCENES
    : [[values.scene, values.scene] as const]
  ).entries()) {
    if (!new RegExp(values.only ?? '', 'i').test(`${about} ${features}`)) continue
    try {
      for (const row of await measure(blender, about, features, `scene-${index}`)) rows.push(row)
    } catch (error) {
      console.error(`        ${about}: ${error instanceof Error ? error.message.slice(0, 500) : String(error)}`)
    }
  }
} finally {
  await blender.stop()
  await lab.close()
}
console.log(`\nBlender ${version}\n\n${table(rows)}`)
await mkdir('.benchmarks', { recursive: true })
await writeFile(
  '.benchmarks/sample-ranges.json',
  `${JSON.stringify({ benchmark: 'sample-ranges', blender: version, rows }, null, 1)}\n`,
)

/** One scene in each number of ranges, against what Blender renders of it in one go. */
async function measure(by: BlenderProcess, about: string, features: string, name: string): Promise<Row[]> {
  const path = await lab.scene(features)
  const bare = await lab.bare(path, 1, `${name}-bare`)
  must(await by.run('open', { path }))
  const inspected = must(await by.run('inspect', {}))
  const { samples } = inspected.sampling
  if (samples === null) throw new Error('it has no samples')
  const window = inspected.image.region
  const render = async (file: string, sampleRange?: SampleRange): Promise<string> => {
    must(
      await by.run('render', {
        mode: 'tile',
        frame: 1,
        settings: { sampleRange },
        window,
        outputs: { raw: lab.path(file) },
        device: 'CPU',
      }),
    )
    return lab.path(file)
  }
  const whole = await render(`${name}-whole.exr`)
  const found: Row[] = []
  for (const count of counts) {
    const ranges = splitSamples(samples, count)
    if (!ranges.ok) throw new Error(ranges.detail)
    const parts = []
    for (const [index, range] of ranges.value.entries())
      parts.push({ path: await render(`${name}-${count}-${index}.exr`, range), samples: range.count })
    const merged = lab.path(`${name}-${count}.exr`)
    const result = await mergeSamples(parts, merged)
    if (!result.ok) throw new Error(result.message)
    const final = lab.path(`${name}-${count}${bare.slice(bare.lastIndexOf('.'))}`)
    must(await by.run('finish', { frame: 1, stitched: merged, outputs: { final } }))
    const passes = await passDistances(whole, merged)
    const combined = passes.get('Combined')
    if (combined === undefined) throw new Error('there is no Combined pass')
    const [worstPass, worst] = [...passes]
      .filter(([pass]) => pass !== 'Combined')
      .sort((a, b) => b[1].relative - a[1].relative)[0] ?? ['none', { relative: 0 }]
    found.push({
      scene: about,
      samples,
      ranges: count,
      combined,
      worstPass,
      worstPassRelative: worst.relative,
      display: await displayDistance(bare, final),
    })
  }
  console.error(`        ${about}: done`)
  return found
}

function table(measured: readonly Row[]): string {
  const percent = (share: number): string => `${(share * 100).toFixed(share > 0 && share < 0.1 ? 2 : 0)} %`
  const lines = measured.map((row) => [
    row.scene,
    String(row.samples),
    String(row.ranges),
    percent(row.combined.differing),
    row.combined.absolute.toExponential(1),
    row.combined.relative.toExponential(1),
    `${row.worstPass} ${row.worstPassRelative.toExponential(1)}`,
    row.display.differing === 0 ? '0' : `${percent(row.display.differing)}, by ${row.display.steps}`,
  ])
  return [
    [
      'scene',
      'samples',
      'ranges',
      'Combined: floats that differ',
      'most, absolute',
      'most, relative',
      'worst other pass, relative',
      '8-bit pixels that differ',
    ],
    Array.from({ length: 8 }, () => '---'),
    ...lines,
  ]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}
