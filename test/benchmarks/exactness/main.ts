// The first promise as a table: scenes x splits x outputs, each compared with bare Blender on this machine. Ends with 1 when a row
// that is promised is not exact. `npm run bench:exactness [-- OPTIONS]`; TILEWORK_TEST_BLENDER names another Blender than the one
// found. Writes .benchmarks/exactness.json.
//
//   --scene FILE.blend   this file in every split, instead of the matrix; at --frame N, or the frame it was saved at
//   --only, --skip RE    scenes by their names or features
//   --summary            a line for each scene
//   --picture OUT.jpg    nothing of this: draws the picture for the README

import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Lab } from '../../fixtures/driver/lab.ts'
import { type Row, type Workers, measureChunk, measureFrame } from './measure.ts'
import { OUTPUTS, SCENES } from './scenes.ts'
import { QUARTERS, ROTATED, SMALLEST, type TileSplit } from './splits.ts'
import { markdown, summary, verdictOf } from './table.ts'

/** Scenes whose frames are rendered one after the other besides. */
const CHUNKED = ['motion blur, rolling shutter', 'animated settings, camera markers', 'drivers, paths', 'geometry nodes', 'unbaked particles']

const { values } = parseArgs({ options: { scene: { type: 'string' }, frame: { type: 'string' }, only: { type: 'string' }, skip: { type: 'string' }, summary: { type: 'boolean' }, picture: { type: 'string' } } })
if (values.picture !== undefined) {
  // Late: it brings a whole farm along.
  const { drawPicture } = await import('./picture.ts')
  const differing = await drawPicture(values.picture)
  console.log(`${values.picture}: ${differing} pixels differ`)
  process.exit(differing === 0 ? 0 : 1)
}

const lab = await Lab.open()
const workers: Workers = { lab, first: await lab.start(), second: await lab.start() }
const probed = await workers.first.run('probe', {})
if (!probed.ok) throw new Error(probed.message)
const { blenderVersion: blender, hasDenoiser } = probed.value
const rows: Row[] = []
try {
  if (values.scene === undefined) await measureMatrix()
  else await measureFile(resolve(values.scene))
} finally {
  await workers.first.stop()
  await workers.second.stop()
  await lab.close()
}

console.log(`\nBlender ${blender}, ${availableParallelism()} cores\n`)
console.log(values.summary === true ? summary(rows) : markdown(rows))
await mkdir('.benchmarks', { recursive: true })
await writeFile('.benchmarks/exactness.json', `${JSON.stringify({ benchmark: 'exactness', blender, cores: availableParallelism(), rows: rows.map((row) => ({ ...row, verdict: verdictOf(row) })) }, null, 1)}\n`)
const broken = rows.filter((row) => verdictOf(row) === 'NOT EXACT')
const promised = rows.filter((row) => row.promised)
console.log(`\n${promised.length - broken.length} of ${promised.length} promised rows are exact; of ${rows.length - promised.length} that are not promised, ${rows.filter((row) => verdictOf(row) === 'exact, not promised').length} are exact too`)
process.exitCode = broken.length === 0 ? 0 : 1

async function measureMatrix(): Promise<void> {
  for (const [index, { about, features, frame }] of [...SCENES, ...OUTPUTS].entries()) {
    const words = `${about} ${features}`
    if (!new RegExp(values.only ?? '', 'i').test(words) || (values.skip !== undefined && new RegExp(values.skip, 'i').test(words))) continue
    if (features.includes('denoising') && !hasDenoiser) {
      console.error(`        ${about}: left out, this Blender was built without OpenImageDenoise`)
      continue
    }
    const own = join(lab.folder, String(index))
    await mkdir(own)
    const path = join(own, 'scene.blend')
    await copyFile(await lab.scene(features), path)
    const output = index >= SCENES.length
    const third = features.includes('tiny') ? SMALLEST : ROTATED[index % ROTATED.length]
    const splits: TileSplit[] = output || third === undefined ? [QUARTERS] : [QUARTERS, third]
    const subject = { name: output ? `output: ${about}` : about, path, frame }
    await measured(subject.name, () => measureFrame(workers, subject, splits))
    if (CHUNKED.includes(about)) await measured(subject.name, () => measureChunk(workers, subject))
  }
}

/** A file of the artist's own, in every split. */
async function measureFile(file: string): Promise<void> {
  const opened = await workers.first.run('open', { path: file })
  const facts = opened.ok ? await workers.first.run('inspect', {}) : opened
  if (!facts.ok) throw new Error(`${file}: ${facts.message}`)
  if (!('frames' in facts.value)) throw new Error(`${file} was not inspected`)
  const frame = values.frame === undefined ? facts.value.frames.current : Number(values.frame)
  if (!Number.isInteger(frame)) throw new Error(`--frame ${values.frame}: a whole number is wanted`)
  await measured(basename(file), () => measureFrame(workers, { name: basename(file), path: file, frame }, [QUARTERS, ...ROTATED]))
}

/** A scene that cannot even be rendered bare is a row like any other; the rest goes on. */
async function measured(name: string, measure: () => Promise<Row[]>): Promise<void> {
  const begun = performance.now()
  try {
    const found = await measure()
    rows.push(...found)
    console.error(`${((performance.now() - begun) / 1000).toFixed(0).padStart(4)} s  ${name}: ${found.map((row) => `${row.split} ${verdictOf(row)}${verdictOf(row).startsWith('exact') ? '' : ` (${row.pixels}/${row.passPixels ?? ''})`}`).join(', ')}`)
  } catch (error) {
    rows.push({ scene: name, split: '', output: '', promised: true, reasons: [], pixels: error instanceof Error ? error.message.slice(0, 300) : String(error), bytes: 'none' })
    console.error(`        ${name}: ${error instanceof Error ? error.message.slice(0, 1_000) : String(error)}`)
  }
}
