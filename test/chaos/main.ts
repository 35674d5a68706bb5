// A farm of real processes under faults: Redis, an S3 server, coordinators, verifiers, assemblers, and workers with
// real Blender. `npm run chaos [-- OPTIONS]`; ends with 1 when a promise was broken. Writes .benchmarks/chaos.json.
// Ctrl-C ends it and what it started.
//
//   --minutes N    how long things go wrong (3); what is open then has ten minutes to end
//   --seed N       draws the same faults again; when they meet the farm is up to the machine
//   --workers N    (4)
//   --pause S      mean seconds between two faults (4)
//   --only RE      faults by name
//   --keep         leaves logs and data where they are

import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { FarmInfo, JobPage } from '../../shared/protocol/rest.ts'
import { seededRandom } from '../simulation/random.ts'
import { ProcessFarm } from '../support/process-farm.ts'
import { projectFile } from '../support/project-file.ts'
import { SmallDisk } from '../support/small-disk.ts'
import { buildTinyScene, renderBareAnimation } from '../support/tiny-scene.ts'
import { filesLeft, keysLeft, objectsLeft, processesLeft, recounted } from './aftermath.ts'
import { Artist, type Scene } from './artist.ts'
import { FAULTS, type Stage } from './faults.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: '4' },
    pause: { type: 'string', default: '4' },
    only: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
})
const minutes = Number(values.minutes)
const random = seededRandom(`chaos ${values.seed}`)
/** For open jobs to end after the last fault: the longest backoff of a step, and a render. */
const SETTLE_MS = 10 * 60_000
const PROGRESS_MS = 15_000
const WATCH_MS = 500
const DISK_MEBIBYTES = 48

const begun = performance.now()
const broken: string[] = []
const played: Record<string, number> = {}
const ends: string[] = []
const interruption = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => interruption.abort(new Error('interrupted')))

function say(text: string): void {
  process.stdout.write(`${((performance.now() - begun) / 1000).toFixed(1).padStart(7)} s  ${text}\n`)
}

const farm = await ProcessFarm.start({
  store: 's3',
  nodeArgs: ['--import', projectFile('test/chaos/shifted-clock.mjs')],
})
const disks: { of: string; disk: SmallDisk }[] = []
try {
  await run()
} catch (error) {
  broken.push(
    interruption.signal.aborted
      ? 'interrupted'
      : `the run itself failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  )
} finally {
  await end()
}
process.exitCode = interruption.signal.aborted ? 130 : broken.length === 0 ? 0 : 1

async function run(): Promise<void> {
  const scenes = await addScenes()
  const clockFile = (name: string) => join(farm.folder, 'clocks', name)
  await mkdir(join(farm.folder, 'clocks'))
  const change = (name: string) => ({ env: { TILEWORK_TEST_CLOCK_FILE: clockFile(name) } })
  for (const name of ['worker-1', 'assembler-1', 'coordinator-1']) {
    const disk = await SmallDisk.mount(farm.dataFolder(name), DISK_MEBIBYTES)
    if (disk !== null) disks.push({ of: name, disk })
  }
  if (disks.length === 0) say('mounting is not permitted here: no disk will be full')
  const services = (['coordinator', 'verifier', 'assembler'] as const).flatMap((kind) =>
    [`${kind}-1`, `${kind}-2`].map((name) => farm.add(kind, name, change(name))),
  )
  await Promise.all(services)
  await Promise.all(
    Array.from({ length: Number(values.workers) }, (_, index) =>
      farm.addWorker(`worker-${index + 1}`, change(`worker-${index + 1}`)),
    ),
  )
  const known: Scene[] = []
  for (const { path, bare } of scenes) known.push({ sha256: (await farm.upload(path)).sha256, bare })
  say(
    `the farm runs: 2 coordinators, 2 verifiers, 2 assemblers, ${values.workers} ` +
      `workers; its logs are in ${farm.folder}/logs`,
  )

  const calm = new AbortController()
  const over = new AbortController()
  const late = new AbortController()
  const stop = AbortSignal.any([calm.signal, interruption.signal])
  const giveUp = AbortSignal.any([late.signal, interruption.signal])
  const stage: Stage = { farm, disks, clockFile: (part) => clockFile(part.name), held: new Set(), signal: stop }
  const artist = new Artist(farm, known, random.fork('artist'))
  const watching = watch(stage, artist, over.signal)
  const trouble = makeTrouble(stage)
  let settle: NodeJS.Timeout | undefined
  try {
    const submitting = artist.submitJobs(stop, giveUp)
    await Promise.race([pause(minutes * 60_000, undefined, { signal: interruption.signal }), submitting])
    calm.abort()
    await trouble
    say('no more faults; waiting for the last jobs')
    settle = setTimeout(
      () => late.abort(new Error(`open jobs did not end within ${SETTLE_MS / 60_000} minutes after the last fault`)),
      SETTLE_MS,
    )
    await submitting
    await conclude(artist, known, giveUp)
  } finally {
    clearTimeout(settle)
    calm.abort()
    over.abort()
    await Promise.all([trouble, watching])
    await report(artist)
  }
}

async function addScenes(): Promise<{ path: string; bare: Map<number, string> }[]> {
  const scenes = []
  for (const feature of ['plain', 'adaptive']) {
    const folder = join(farm.folder, `bare-${feature}`)
    await mkdir(folder)
    const path = await buildTinyScene(join(folder, `${feature}.blend`), ...(feature === 'plain' ? [] : [feature]))
    scenes.push({ path, bare: await renderBareAnimation(path, folder) })
  }
  return scenes
}

/** One fault after the other, while those before may still last. */
async function makeTrouble(stage: Stage): Promise<void> {
  const own = random.fork('faults')
  const faults = FAULTS.filter(({ name }) => values.only === undefined || new RegExp(values.only).test(name))
  const lot = faults.flatMap((fault) => Array.from({ length: fault.weight }, () => fault))
  const going = new Set<Promise<void>>()
  while (!stage.signal.aborted) {
    const fault = own.pick(lot)
    const playing = fault
      .play(stage, own.fork(String(Object.values(played).reduce((sum, count) => sum + count, 0))), (what) => {
        played[fault.name] = (played[fault.name] ?? 0) + 1
        say(what)
      })
      .catch((error: unknown) => void broken.push(`the fault "${fault.name}" could not be played: ${String(error)}`))
      .finally(() => going.delete(playing))
    going.add(playing)
    await pause(own.between(0, 2 * Number(values.pause)) * 1000, undefined, { signal: stage.signal }).catch(
      () => undefined,
    )
  }
  await Promise.all(going)
}

/** Starts again what ended by itself, as a service manager does, and tells how far things are. */
async function watch({ farm: { parts }, held }: Stage, artist: Artist, over: AbortSignal): Promise<void> {
  let toldAt = performance.now()
  while (!over.aborted) {
    for (const part of parts.values()) {
      if (part.alive || held.has(part.name)) continue
      ends.push(`${part.name}: ${part.ending}`)
      say(`${part.name} ended by itself with ${part.ending}, and is started again`)
      part.start()
    }
    if (performance.now() - toldAt > PROGRESS_MS) {
      toldAt = performance.now()
      say(
        `        ${artist.jobs.length} jobs handed in, ${artist.accepted} frames accepted, ` +
          `${artist.framesCompared} compared, ${artist.faults.length + broken.length} promises broken`,
      )
    }
    await pause(WATCH_MS, undefined, { signal: over }).catch(() => undefined)
  }
}

async function conclude(artist: Artist, scenes: readonly Scene[], giveUp: AbortSignal): Promise<void> {
  // A job leaves the open ones when its leases are taken back and nothing is outstanding.
  while (FarmInfo.parse(await artist.ask('GET', '/v1', giveUp)).jobsOpen > 0)
    await pause(WATCH_MS, undefined, { signal: giveUp })
  await artist.count(giveUp)
  broken.push(...(await recounted(farm, artist.jobs)))
  const credited = (await farm.workers()).reduce((sum, worker) => sum + worker.tasksCompleted, 0)
  const listed = JobPage.parse(await artist.ask('GET', '/v1/jobs?limit=500', giveUp)).items.length
  if (listed !== Math.min(artist.jobs.length, 500))
    broken.push(`${artist.jobs.length} jobs were handed in, ${listed} are listed`)
  say(`${artist.renders} results and ${artist.audits} audits count; workers are credited ${credited}`)
  if (credited > artist.renders + artist.audits + artist.rejected)
    broken.push(
      `workers are credited ${credited} tasks, and ` +
        `${artist.renders + artist.audits + artist.rejected} results were handed in`,
    )

  say('deleting everything')
  for (const { id } of artist.jobs) await artist.ask('DELETE', `/v1/jobs/${id}`, giveUp)
  for (const { id } of artist.jobs)
    while ((await farm.send('GET', `/v1/jobs/${id}`)).status !== 404)
      await pause(WATCH_MS, undefined, { signal: giveUp })
  for (const { sha256 } of scenes) await artist.ask('DELETE', `/v1/scenes/${sha256}`, giveUp)
  const left = async () => [...(await keysLeft(farm)), ...(await objectsLeft(farm)), ...(await filesLeft(farm))]
  // Queues and folders are emptied after the records; a look too early is none.
  for (let looks = 0; looks < 40 && (await left()).length > 0; looks++)
    await pause(WATCH_MS, undefined, { signal: giveUp })
  broken.push(...(await left()).map((what) => `left behind: ${what}`))
}

async function report(artist: Artist): Promise<void> {
  broken.push(...artist.faults)
  const { jobs, framesCompared, bytes, renders, audits, accepted, rejected, expired, failed, canceled } = artist
  const figures = {
    minutes,
    seed: values.seed,
    seconds: Math.round((performance.now() - begun) / 1000),
    jobs: jobs.length,
    canceled,
    framesAccepted: accepted,
    framesCompared,
    bytes,
    results: renders,
    audits,
    attemptsExpired: expired,
    attemptsFailed: failed,
    attemptsRejected: rejected,
    faults: played,
    endedByThemselves: ends,
    lives: Object.fromEntries([...farm.parts.values()].map(({ name, lives }) => [name, lives])),
    connections: { redis: farm.redisLine.taken, store: farm.storeLine?.taken, coordinators: farm.front.taken },
    broken,
  }
  await mkdir(resolve('.benchmarks'), { recursive: true })
  await writeFile(resolve('.benchmarks', 'chaos.json'), `${JSON.stringify(figures, null, 1)}\n`)
  process.stdout.write(`${JSON.stringify(figures, null, 1)}\n`)
}

async function end(): Promise<void> {
  for (const { disk } of disks) await disk.free()
  const keep = values.keep || (broken.length > 0 && !interruption.signal.aborted)
  await farm.stop({ keep: true })
  for (const { disk } of disks) await disk.unmount()
  if (!keep) await rm(farm.folder, { recursive: true, force: true })
  if (keep) say(`logs and data are kept in ${farm.folder}`)
  broken.push(...(await processesLeft(farm.folder)).map((what) => `a process is left: ${what}`))
  if (broken.length === 0) return say('no promise was broken')
  for (const what of broken) say(`BROKEN  ${what}`)
}
