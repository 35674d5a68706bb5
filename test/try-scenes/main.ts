// Every scene below a folder, by a farm and by bare Blender: `npm run try-scenes -- FOLDER`. README.md says more.

import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { type BlenderInstallation, findBlender } from '../../blender-worker/blender/find.ts'
import { RunRecord, commitHere } from '../support/run-record.ts'
import { TestFarm } from '../support/farm.ts'
import { FarmSide } from './farm-side.ts'
import { findScenes } from './find-scenes.ts'
import { type Options, readOptions } from './options.ts'
import { type Row, SCENES_RECORD } from './record.ts'
import { counts, howFar, markdown } from './table.ts'
import type { Trial } from './subject.ts'
import { tryScene } from './try-scene.ts'

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())
try {
  const options = readOptions(process.argv.slice(2))
  const rows = await run(options)
  console.log(`\n${markdown(rows)}\n\n${counts(rows)}; all of it is in ${options.json}`)
  if (stop.signal.aborted) console.log('interrupted: --resume goes on')
  process.exitCode = stop.signal.aborted
    ? 130
    : rows.some(({ verdict }) => verdict === 'different' || verdict === 'failed')
      ? 1
      : 0
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
}

async function run(options: Options): Promise<Row[]> {
  const blenders = await findBlenders(options.blenders)
  const scenes = (await findScenes(options.folder)).filter(
    ({ name }) => (options.only?.test(name) ?? true) && options.skip?.test(name) !== true,
  )
  const { folder, pixels, samples, strict } = options
  const record = await RunRecord.open(SCENES_RECORD, {
    path: options.json,
    run: { folder, commit: commitHere(), blenders: blenders.map(({ version }) => version), pixels, samples, strict },
    resume: options.resume,
  })
  const farm = await TestFarm.start({ LOG_LEVEL: 'silent' })
  try {
    const byWorker = new Map<string, BlenderInstallation>()
    for (const blender of blenders) {
      const worker = await farm.addWorker(`blender-${blender.version}`, {
        blender: blender.executable,
        threads: availableParallelism(),
      })
      byWorker.set(worker.workerId, blender)
    }
    const trial: Trial = { side: new FarmSide(farm), blenders: byWorker, options, signal: stop.signal }
    for (const [index, scene] of scenes.entries()) {
      if (stop.signal.aborted) break
      if (record.has(scene.name)) continue
      const begun = performance.now()
      const rows = await inFolder(farm, (own) => tryScene(trial, scene, own))
      if (rows === undefined) break
      const seconds = (performance.now() - begun) / 1000
      await record.add(scene.name, seconds, rows)
      console.error(
        `${index + 1}/${scenes.length}  ${seconds.toFixed(0).padStart(4)} s  ${scene.name}: ${rows
          .map((row) =>
            `${row.split} ${row.verdict} ${
              row.verdict === 'exact'
                ? ''
                : `(${[howFar(row), ...row.words]
                    .filter((word) => word !== '')
                    .join('; ')
                    .slice(0, 300)})`
            }`.trim(),
          )
          .join(', ')}`,
      )
    }
    return record.rows
  } finally {
    await farm.stop()
  }
}

/** Undefined when the run was interrupted meanwhile: what was broken off says nothing of the scene. */
async function inFolder(farm: TestFarm, call: (folder: string) => Promise<Row[]>): Promise<Row[] | undefined> {
  await mkdir(join(farm.folder, 'tries'), { recursive: true })
  const folder = await mkdtemp(join(farm.folder, 'tries', 'scene-'))
  try {
    const rows = await call(folder)
    return stop.signal.aborted ? undefined : rows
  } catch (error) {
    if (stop.signal.aborted) return undefined
    throw error
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function findBlenders(paths: readonly string[]): Promise<BlenderInstallation[]> {
  const found = []
  for (const path of paths) {
    const one = await findBlender(path === 'blender' ? {} : { configured: path })
    if (!one.ok) throw new Error(`${path}: ${one.detail}`)
    found.push(one.value)
  }
  return found
}
