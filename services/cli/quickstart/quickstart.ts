import { mkdir, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { downloadJob } from '../api/download.ts'
import { FarmClient } from '../api/farm-client.ts'
import { openSceneFile } from '../api/scene-file.ts'
import { uploadScene } from '../api/upload.ts'
import { UnfinishedUploads } from '../api/unfinished-uploads.ts'
import { CommandFailure, EXIT_CODES } from '../exit-codes.ts'
import { readTokens } from '../farm-address.ts'
import { endingLines } from '../progress/job-text.ts'
import { Screen } from '../progress/screen.ts'
import { watchJob } from '../progress/watch-job.ts'
import { checkOutput } from './check-output.ts'
import type { CheckedOutput } from './check-output.ts'
import { anyEnd, startChild, waitForLine } from './children.ts'
import type { Child } from './children.ts'
import { noteKeptFarm, stopKeptFarm } from './kept-farm.ts'
import { Stopwatch } from './stopwatch.ts'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
const SAMPLE = join(ROOT, 'services', 'cli', 'sample', 'sample.blend')
/** Two, because an audit needs a second worker. */
const WORKERS = ['worker-1', 'worker-2'] as const
const AUDIT_RATE = 0.1
/** A farm is up in two seconds; a Redis with a long history needs longer. */
const FARM_DEADLINE_MS = 120_000
/** A worker starts Blender to ask it about its devices; the first start from a cold disk takes a while. */
const WORKERS_DEADLINE_MS = 180_000
const POLL_PAUSE_MS = 200

const FarmReady = z.object({ url: z.string() })

export interface QuickstartOptions {
  readonly frames?: string
  readonly keep: boolean
  readonly stop: boolean
  readonly 'data-dir'?: string
  readonly port?: string
  /** On the clock of performance.now(). */
  readonly startedMs: number
  /** What setting up took, by its parts. */
  readonly seconds: Readonly<Record<string, number>>
}

/**
 * Renders the sample scene on a farm of its own and checks what comes out. Gives the exit code: 0 only if all is as it
 * should be.
 */
export async function quickstart(options: QuickstartOptions): Promise<number> {
  const screen = new Screen(process.stderr)
  const folder = resolve(options['data-dir'] ?? join(ROOT, '.tilework', 'quickstart'))
  const interruption = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interruption.abort())
  const watch = new Stopwatch(options.seconds)
  const children: Child[] = []
  let finished = false
  try {
    const old = await stopKeptFarm(folder)
    if (old !== null) screen.say(`Stopped the farm that an earlier run left at ${old}.`)
    if (options.stop) {
      if (old === null) screen.say('Nothing of an earlier run is running.')
      return EXIT_CODES.ok
    }
    const run: Run = { ...options, folder, screen, children, watch, signal: interruption.signal }
    const outcome = await renderSample(run)
    finished = true
    await conclude(outcome, run)
    process.stdout.write(`${summary(outcome, folder, watch, options)}\n`)
    return EXIT_CODES.ok
  } catch (error) {
    screen.keep()
    if (interruption.signal.aborted) {
      screen.say('Interrupted; stopping what was started.')
      return EXIT_CODES.interrupted
    }
    if (!(error instanceof CommandFailure)) throw error
    screen.say(`error: ${error.code}: ${error.message}`)
    return error.exitCode
  } finally {
    if (!finished) await stopAll(children)
  }
}

interface Run extends QuickstartOptions {
  readonly folder: string
  readonly screen: Screen
  readonly children: Child[]
  readonly watch: Stopwatch
  readonly signal: AbortSignal
}

interface Outcome {
  readonly url: string
  readonly jobId: string
  readonly checked: CheckedOutput
}

async function renderSample(run: Run): Promise<Outcome> {
  const { folder, screen, children, watch, signal } = run
  const output = join(folder, 'output')
  // Frames of an earlier run must not pass for those of this one.
  await rm(output, { recursive: true, force: true })
  await mkdir(join(folder, 'logs'), { recursive: true })

  screen.say('Starting a farm and two workers …')
  const { client, url } = await watch.time('farm start', () => startFarm(run))
  startWorkers(run, url)
  const goesWrong = anyEnd(children)
  // Nobody may be listening any more when the children are stopped at the end.
  goesWrong.catch(() => undefined)
  const unlessEnded = <T>(call: Promise<T>): Promise<T> => Promise.race([call, goesWrong])

  await unlessEnded(watch.time('workers', () => workersConnected(client, signal)))
  await unlessEnded(removeOldJobs(client))
  const scene = await openSceneFile(SAMPLE)
  const uploaded = await unlessEnded(
    watch.time('upload', () =>
      uploadScene(client, scene, { unfinished: new UnfinishedUploads(join(folder, 'uploads')) }),
    ),
  )
  screen.say(uploaded.known ? 'The farm has the sample scene already.' : 'Sent the sample scene to the farm.')

  const job = await client.submit({
    scene: scene.sha256,
    name: 'quickstart',
    tiles: { columns: 2, rows: 2 },
    auditRate: AUDIT_RATE,
    video: 'mp4',
    ...(run.frames === undefined ? {} : { frames: run.frames }),
  })
  screen.say(
    `Rendering ${job.plan.frameCount} ${job.plan.frameCount === 1 ? 'frame' : 'frames'} of ` +
      `${job.plan.width} x ${job.plan.height} in ${job.plan.renderTaskCount} tiles; ` +
      `the farm is at ${url}, its description at ${url}/docs.`,
  )
  const ended = await unlessEnded(watch.time('render', () => watchJob(client, job.id, screen, { signal })))
  if (ended.state !== 'completed')
    throw new CommandFailure(EXIT_CODES.failed, 'job_not_completed', endingLines(ended).join('\n'))

  await unlessEnded(watch.time('download', () => downloadJob(client, job.id, output)))
  const checked = await watch.time('check', () =>
    checkOutput(output, { frames: job.plan.frameCount, environment: process.env }),
  )
  return { url, jobId: job.id, checked }
}

async function startFarm({ folder, keep, port, children }: Run): Promise<{ client: FarmClient; url: string }> {
  const dataDir = join(folder, 'farm')
  const farm = startChild('farm', ['up', '--port', port ?? '0', '--data-dir', dataDir], {
    logPath: join(folder, 'logs', 'farm.log'),
    stays: keep,
    env: process.env,
  })
  children.push(farm)
  const { url } = FarmReady.parse(JSON.parse(await waitForLine(farm, '"farm_ready"', FARM_DEADLINE_MS)))
  const tokens = await readTokens(dataDir)
  return { url, client: new FarmClient({ url, token: tokens?.api }) }
}

function startWorkers({ folder, keep, children }: Run, url: string): void {
  const threads = Math.max(1, Math.floor(availableParallelism() / WORKERS.length))
  // The token goes by the environment: command lines can be read by everybody on the machine.
  for (const name of WORKERS) {
    const args = [
      'worker',
      '--url',
      url,
      '--name',
      name,
      '--data-dir',
      join(folder, name),
      '--threads',
      String(threads),
    ]
    children.push(
      startChild(name, args, {
        logPath: join(folder, 'logs', `${name}.log`),
        stays: keep,
        env: { ...process.env, TILEWORK_DATA_DIR: join(folder, 'farm') },
      }),
    )
  }
}

async function workersConnected(client: FarmClient, signal: AbortSignal): Promise<void> {
  const giveUpAtMs = performance.now() + WORKERS_DEADLINE_MS
  while ((await client.info(signal)).workersConnected < WORKERS.length) {
    if (performance.now() > giveUpAtMs)
      throw new CommandFailure(
        EXIT_CODES.failed,
        'no_workers',
        `not all workers had connected after ${WORKERS_DEADLINE_MS / 1000} s; see their logs`,
      )
    await pause(POLL_PAUSE_MS, undefined, { signal })
  }
}

// A run that was interrupted leaves a job, which would take the workers from this one; a run that was not leaves its
// files.
async function removeOldJobs(client: FarmClient): Promise<void> {
  for (const job of await client.jobs({ limit: Infinity })) if (job.state !== 'deleting') await client.delete(job.id)
}

async function conclude(outcome: Outcome, { children, folder, keep, watch }: Run): Promise<void> {
  if (keep) await noteKeptFarm(folder, { url: outcome.url, pids: [...children].reverse().map(({ pid }) => pid) })
  else await watch.time('stop', () => stopAll(children))
}

// Workers first, so that they can say goodbye.
async function stopAll(children: readonly Child[]): Promise<void> {
  const [farm, ...workers] = children
  await Promise.all(workers.map((worker) => worker.stop()))
  await farm?.stop()
}

function summary(
  { url, jobId, checked }: Outcome,
  folder: string,
  watch: Stopwatch,
  { keep, startedMs }: QuickstartOptions,
): string {
  const at = (path: string): string => relative(process.cwd(), join(folder, path)) || '.'
  const { audits } = checked.manifest
  return [
    '',
    `Checked ${checked.files} files: ${checked.frames} ` +
      `${checked.frames === 1 ? 'frame' : 'frames'}${checked.video === null ? '' : ', the video'}, ` +
      'previews and the manifest are there and decode.',
    `Audits: ${audits.made} made, ${audits.agreed} agreed, ${audits.refuted} refuted.`,
    '',
    `  frames    ${at('output/frames')}`,
    ...(checked.video === null ? [] : [`  video     ${at(`output/${checked.video}`)}`]),
    `  manifest  ${at('output/manifest.json')}`,
    '',
    `  API            ${url}/v1   (token: "api" in ${at('farm/tokens.json')})`,
    `  documentation  ${url}/docs`,
    '',
    keep
      ? `The farm and two workers go on running. Look: TILEWORK_URL=${url} TILEWORK_DATA_DIR=${at('farm')} ` +
        `npx tilework status ${jobId}\nStop them: npm run quickstart -- --stop`
      : 'The farm is stopped; its address was as above. To leave it running: npm run quickstart -- --keep',
    '',
    `${watch.text()}; ${((performance.now() - startedMs) / 1000).toFixed(1)} s in all`,
  ].join('\n')
}
