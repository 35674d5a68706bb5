// Keys every property that Blender lets one animate, one a scene, and holds the farm's frames to bare Blender's.
//
//   npm run test:keyed [-- --only REGEXP]     with the Blender in PATH, or TILEWORK_TEST_BLENDER (a program, or a
//   Python with bpy)
//   --resume                                  leaves out what was tried at this commit
//
// Writes .benchmarks/keyed-<version>.json after each batch and prints a table; exits 1 when a frame differs or fails.

import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { commitHere } from '../support/run-record.ts'
import { Lab } from '../fixtures/driver/lab.ts'
import { EXCEPTIONS } from './exceptions.ts'
import { listProperties, makeScenes } from './properties.ts'
import { keyedTable } from './table.ts'
import { type Finding, tryScene } from './try-scene.ts'

const BATCH = 40
const Record = z.object({
  commit: z.string(),
  findings: z.array(
    z.object({
      name: z.string(),
      whole: z.enum(['exact', 'different', 'failed', 'no key']),
      tiles: z.enum(['exact', 'different', 'failed', 'refused', 'not tried']),
      why: z.string(),
    }),
  ),
})

const { values } = parseArgs({ options: { only: { type: 'string' }, resume: { type: 'boolean' } } })
let interrupted = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (interrupted = true))

const lab = await Lab.open()
let blender = await lab.start()
const probed = await blender.run('probe', {})
if (!probed.ok) throw new Error(probed.message)
const version = probed.value.blenderVersion
const recordPath = join('.benchmarks', `keyed-${version}.json`)
const commit = commitHere()
const kept =
  values.resume === true && existsSync(recordPath)
    ? Record.parse(JSON.parse(await readFile(recordPath, 'utf8')))
    : undefined
const findings: Finding[] = kept?.commit === commit ? kept.findings : []
await mkdir('.benchmarks', { recursive: true })

const properties = (await listProperties(lab)).filter(
  ({ name }) => values.only === undefined || new RegExp(values.only).test(name),
)
const tried = new Set(findings.map(({ name }) => name))
const waiting = properties.filter(
  ({ name }) => !tried.has(name) && !EXCEPTIONS.some(({ pattern }) => pattern.test(name)),
)
for (let at = 0; at < waiting.length && !interrupted; at += BATCH) {
  const batch = waiting.slice(at, at + BATCH)
  const folder = await mkdtemp(lab.path('scenes-'))
  for (const scene of await makeScenes(
    lab,
    batch.map(({ name }) => name),
    folder,
  )) {
    if (!blender.alive) blender = await lab.start()
    const finding = await tryScene(lab, blender, scene)
    findings.push(finding)
    if (
      finding.whole === 'different' ||
      finding.whole === 'failed' ||
      finding.tiles === 'different' ||
      finding.tiles === 'failed'
    )
      console.log(`${finding.name}: ${finding.why}`)
  }
  await rm(folder, { recursive: true, force: true })
  await writeFile(recordPath, `${JSON.stringify({ commit, findings }, null, 1)}\n`)
  console.log(`${Math.min(at + BATCH, waiting.length)} of ${waiting.length}`)
}
await blender.stop()
await lab.close()
console.log(keyedTable(version, properties, findings, EXCEPTIONS))
if (interrupted) console.log('interrupted: --resume goes on')
const broken = findings.filter(({ whole, tiles }) =>
  [whole, tiles].some((one) => one === 'different' || one === 'failed'),
)
process.exitCode = interrupted || broken.length > 0 ? 1 : 0
