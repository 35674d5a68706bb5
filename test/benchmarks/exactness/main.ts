// The first promise as a table: scenes x splits x outputs, each compared with bare Blender on this machine. Ends with 1
// when a row that is promised is not exact. `npm run bench:exactness [-- OPTIONS]`; TILEWORK_TEST_BLENDER names another
// Blender than the one found. Each scene is written to .benchmarks/exactness-VERSION.json when it is done; SIGINT ends
// after the scene at hand.
//
//   --resume             goes on with a run of the same commit and Blender that was cut off
//   --scene FILE.blend   this file in every split, instead of the matrix; at --frame N, or the frame it was saved at
//   --only, --skip RE    scenes by their names or features
//   --summary            a line for each scene
//   --overscan           nothing of this: the pixels that differ by the width of the overscan
//   --picture OUT.jpg    nothing of this: draws the picture for the README

import { copyFile, mkdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Lab, sourceFile } from '../../fixtures/driver/lab.ts'
import { type Workers, measureChunk, measureFrame } from './measure.ts'
import { measureOverscan } from './overscan.ts'
import { RunRecord, commitHere } from '../../support/run-record.ts'
import { EXACTNESS_RECORD, type Row } from './record.ts'
import { type MatrixScene, OUTPUTS, SCENES } from './scenes.ts'
import { QUARTERS, ROTATED, SMALLEST } from './splits.ts'
import { markdown, summary, verdictOf } from './table.ts'

const EFFECTS_SCRIPT = sourceFile('test/fixtures/driver/build_effects.py')
/** Scenes whose frames are rendered one after the other besides. */
const CHUNKED = [
  'motion blur, rolling shutter',
  'animated settings, camera markers',
  'drivers, paths',
  'geometry nodes',
  'unbaked particles',
  'keyed exposure, gamma, dithering',
  'keyed shutter, film, filter, sky',
  'settings moved by NLA and drivers',
  'time at half speed, saved between frames',
  'keyed strip',
]

const { values } = parseArgs({
  options: {
    scene: { type: 'string' },
    frame: { type: 'string' },
    only: { type: 'string' },
    skip: { type: 'string' },
    summary: { type: 'boolean' },
    resume: { type: 'boolean', default: false },
    overscan: { type: 'boolean' },
    picture: { type: 'string' },
  },
})
if (values.picture !== undefined) {
  // Late: it brings a whole farm along.
  const { drawPicture } = await import('./picture.ts')
  const differing = await drawPicture(values.picture)
  console.log(`${values.picture}: ${differing} pixels differ`)
  process.exit(differing === 0 ? 0 : 1)
}

let interrupted = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (interrupted = true))
const begun = performance.now()
const lab = await Lab.open()
const workers: Workers = { lab, first: await lab.start(), second: await lab.start() }
if (values.overscan === true) {
  console.log(await measureOverscan(workers).finally(close))
  process.exit(0)
}
const probed = await workers.first.run('probe', {})
if (!probed.ok) throw new Error(probed.message)
const { blenderVersion: blender, hasDenoiser } = probed.value
const [major = 0, minor = 0] = blender.split('.').map(Number)
const isSince53 = major > 5 || (major === 5 && minor >= 3)
/** There EEVEE's tiles are refused and a tile takes as long as a frame; one split shows how far they are off. */
const hasNewEevee = major > 4 || (major === 4 && minor >= 2)
const run = { commit: commitHere(), blender, cores: availableParallelism() }
await mkdir('.benchmarks', { recursive: true })
const recordPath = join(
  '.benchmarks',
  `exactness-${values.scene === undefined ? '' : `${basename(values.scene, '.blend')}-`}${blender}.json`,
)
const record = await RunRecord.open(EXACTNESS_RECORD, { path: recordPath, run, resume: values.resume }).catch(
  async (error: unknown) => {
    await close()
    console.error(error instanceof Error ? error.message : error)
    process.exit(2)
  },
)
try {
  if (values.scene === undefined) await measureMatrix()
  else await measureFile(resolve(values.scene))
} finally {
  await close()
}

const rows = record.rows
console.log(
  `\nBlender ${blender}, ${run.cores} cores, commit ${run.commit}, ` +
    `${Math.round((performance.now() - begun) / 60_000)} minutes${values.resume ? ' since it was resumed' : ''}\n`,
)
console.log(values.summary === true ? summary(rows) : markdown(rows))
const broken = rows.filter((row) => verdictOf(row) === 'NOT EXACT')
const promised = rows.filter((row) => row.promised)
console.log(
  `\n${promised.length - broken.length} of ${promised.length} promised rows are exact; of ` +
    `${rows.length - promised.length} that are not promised, ` +
    `${rows.filter((row) => verdictOf(row) === 'exact, not promised').length} are exact too`,
)
if (interrupted) console.log('interrupted: --resume goes on')
process.exitCode = broken.length === 0 && !interrupted ? 0 : 1

async function close(): Promise<void> {
  await workers.first.stop()
  await workers.second.stop()
  await lab.close()
}

async function measureMatrix(): Promise<void> {
  const wanted = [...SCENES, ...OUTPUTS].filter(({ about, features }) => {
    const words = `${about} ${features}`
    return (
      new RegExp(values.only ?? '', 'i').test(words) &&
      (values.skip === undefined || !new RegExp(values.skip, 'i').test(words))
    )
  })
  for (const [index, each] of wanted.entries()) {
    if (interrupted) return
    if (each.since53 === true && !isSince53)
      console.error(`        ${each.about}: left out, Blender has it from 5.3 on`)
    else if (each.features.includes('denoising') && !hasDenoiser)
      console.error(`        ${each.about}: left out, this Blender was built without OpenImageDenoise`)
    else await measured(nameOf(each), `${index + 1}/${wanted.length}`, () => measureScene(each))
  }
}

async function measureScene(each: MatrixScene): Promise<Row[]> {
  const index = [...SCENES, ...OUTPUTS].indexOf(each)
  const own = join(lab.folder, String(index))
  await mkdir(own)
  const path = join(own, 'scene.blend')
  if (each.since53 === true) await lab.sceneOfToday(EFFECTS_SCRIPT, each.features, path)
  else await copyFile(await lab.scene(each.features), path)
  const isOneSplit = OUTPUTS.includes(each) || (hasNewEevee && each.features.includes('eevee'))
  const third = each.features.includes('tiny') ? SMALLEST : ROTATED[index % ROTATED.length]
  const subject = { name: nameOf(each), path, frame: each.frame }
  const found = await measureFrame(workers, subject, isOneSplit || third === undefined ? [QUARTERS] : [QUARTERS, third])
  return CHUNKED.includes(each.about) ? [...found, ...(await measureChunk(workers, subject))] : found
}

function nameOf(each: MatrixScene): string {
  return OUTPUTS.includes(each) ? `output: ${each.about}` : each.about
}

/** A file of the artist's own, in every split. */
async function measureFile(file: string): Promise<void> {
  const opened = await workers.first.run('open', { path: file })
  const facts = opened.ok ? await workers.first.run('inspect', {}) : opened
  if (!facts.ok) throw new Error(`${file}: ${facts.message}`)
  if (!('frames' in facts.value)) throw new Error(`${file} was not inspected`)
  const frame = values.frame === undefined ? facts.value.frames.current : Number(values.frame)
  if (!Number.isInteger(frame)) throw new Error(`--frame ${values.frame}: a whole number is wanted`)
  await measured(basename(file), '1/1', () =>
    measureFrame(workers, { name: basename(file), path: file, frame }, [QUARTERS, ...ROTATED]),
  )
}

/** A scene that cannot even be rendered bare is a row like any other; the rest goes on. */
async function measured(name: string, place: string, measure: () => Promise<Row[]>): Promise<void> {
  if (record.has(name)) return
  const start = performance.now()
  let found: Row[]
  try {
    found = await measure()
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    console.error(`${place}  ${name}: ${message.slice(0, 1_000)}`)
    found = [
      { scene: name, split: '', output: '', promised: true, reasons: [], pixels: message.slice(0, 300), bytes: 'none' },
    ]
  }
  // What was broken off says nothing of the scene: a signal at a terminal ends Blender too.
  if (interrupted && found.some((row) => verdictOf(row) === 'NOT EXACT')) return
  const seconds = (performance.now() - start) / 1000
  await record.add(name, seconds, found)
  console.error(
    `${place}  ${seconds.toFixed(0).padStart(4)} s  ${name}: ` +
      found.map((row) => `${row.split} ${verdictOf(row)}${howFar(row)}`).join(', '),
  )
}

/** The pixels that differ, of the image and of the passes; nothing where none do. */
function howFar(row: Row): string {
  return verdictOf(row).startsWith('exact') ? '' : ` (${row.pixels}/${row.passPixels ?? ''})`
}
