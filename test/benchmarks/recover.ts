// How long a farm takes to be rebuilt from the object store alone: real Redis with an append-only file, a folder as
// object store.
//
// A job is written down as a farm would have left it: half of its frames delivered, a quarter rendered and waiting for
// the assembler, a quarter not begun; its journal in segments of a few records, as of a farm that accepts a task a
// second. Files hold a byte, and say in their records that they do. Then Redis is emptied. Written to
// .benchmarks/recover.json.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { pino } from 'pino'
import { MemoryWorkQueue } from '../../shared/adapters/memory/work-queue.ts'
import { MemoryBulletin } from '../../shared/adapters/memory/bulletin.ts'
import { DirectoryObjectStore } from '../../shared/adapters/object-store/directory.ts'
import { redisFarmStore } from '../../shared/adapters/redis/farm-store.ts'
import { connectRedis } from '../../shared/adapters/redis/link.ts'
import { startRedisServer } from '../../shared/adapters/redis/server.ts'
import { SystemClock } from '../../shared/adapters/system/clock.ts'
import { SystemRandom } from '../../shared/adapters/system/random.ts'
import { stitchedPath } from '../../shared/domain/file-names.ts'
import { blankTask, plannedPart, renderTasksOfFrame } from '../../shared/domain/splitting/job-tasks.ts'
import { commitOf } from '../../shared/engine/commit/commit.ts'
import { type Engine, ENGINE_TIMES } from '../../shared/engine/context.ts'
import { journalJob } from '../../shared/engine/journal/job-journal.ts'
import { eachAtOnce } from '../../shared/engine/each-at-once.ts'
import { recoverFarm } from '../../shared/engine/recovery/recover-farm.ts'
import { beginFarm } from '../../shared/engine/recovery/farm-term.ts'
import { finishTaskId, Sha256, type TaskId, WorkerId } from '../../shared/protocol/ids.ts'
import type { JobPlan, JobRecord } from '../../shared/protocol/job.ts'
import { attemptKey, finalKey, journalKey, type ObjectKey, workKey } from '../../shared/protocol/object-keys.ts'
import type { FinalFile, FrameRecord, TaskRecord } from '../../shared/protocol/task.ts'
import { aJob } from '../unit/domain/records.ts'

const BYTE = Buffer.from('x')
const SHA = Sha256.parse('0'.repeat(64))
const WORKER = WorkerId.parse('wrk_bench')
const RECORDS_PER_SEGMENT = 5

interface Row {
  readonly what: string
  readonly tasks: number
  readonly files: number
  readonly segments: number
  /** Wall time of writing the journal, for one record, with everything else around it. */
  readonly journalMsPerRecord: number
  readonly recoverSeconds: number
  readonly cpuSeconds: number
  readonly rssMiB: number
  readonly kept: number
  readonly open: number
}

async function measure(what: string, frames: number, tiles: JobPlan['tiles']): Promise<Row> {
  const folder = await mkdtemp(join(tmpdir(), 'br-'))
  const server = await startRedisServer({ folder: join(folder, 'redis') })
  const redis = connectRedis(server.url)
  try {
    const clock = new SystemClock()
    const store = redisFarmStore(redis)
    await mkdir(join(folder, 'objects'))
    const objects = new DirectoryObjectStore({
      root: join(folder, 'objects'),
      signingSecret: Buffer.alloc(32),
      publicUrl: () => '',
      nowMs: () => clock.now(),
    })
    const engine: Engine = {
      store,
      objects,
      queue: new MemoryWorkQueue(clock),
      bulletin: new MemoryBulletin(),
      clock,
      random: new SystemRandom(),
      log: pino({ level: 'silent' }),
      secret: '',
      times: ENGINE_TIMES,
    }
    await beginFarm(engine)
    const job = jobOf(frames, tiles)
    const left = leftBehind(
      job,
      Array.from({ length: frames }, (_, at) => at + 1),
    )
    await eachAtOnce(
      [...left.files],
      async (key) => void (await objects.put(key, BYTE, { contentType: 'application/octet-stream' })),
    )
    const { segments, journalMs } = await writeDown(engine, job, left)
    await redis.flushall()

    const [began, cpu] = [performance.now(), process.cpuUsage()]
    const recovery = await recoverFarm({ store, objects, clock })
    const recoverSeconds = (performance.now() - began) / 1000
    const { user, system } = process.cpuUsage(cpu)
    const [recovered] = recovery.ok ? recovery.jobs : []
    if (recovered === undefined || recovered.filesMissing > 0)
      throw new Error(`not recovered as it should be: ${JSON.stringify(recovery)}`)
    return {
      what,
      tasks: recovered.kept + recovered.open,
      files: left.files.size,
      segments,
      journalMsPerRecord: journalMs / (left.tasks.length + left.frames.length),
      recoverSeconds,
      cpuSeconds: (user + system) / 1e6,
      rssMiB: process.memoryUsage().rss / 1024 ** 2,
      kept: recovered.kept,
      open: recovered.open,
    }
  } finally {
    redis.disconnect()
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

function jobOf(frames: number, tiles: JobPlan['tiles']): JobRecord {
  const base = aJob()
  const plan: JobPlan = {
    ...base.plan,
    frames: `1-${frames}`,
    frameCount: frames,
    chunk: 1,
    video: 'none',
    format: 'png',
    renderTaskCount: frames * (tiles === undefined ? 1 : tiles.columns * tiles.rows),
    ...(tiles === undefined ? {} : { tiles }),
  }
  return { ...base, state: 'active', plan, tasksPlanned: plan.renderTaskCount }
}

/** What a farm would have left of the job, in the store and in its records. */
function leftBehind(
  job: JobRecord,
  numbers: readonly number[],
): { tasks: TaskRecord[]; frames: FrameRecord[]; files: Set<ObjectKey> } {
  const { plan } = job
  const blank = new Map<TaskId, TaskRecord>(
    plannedPart(plan, numbers, 0, plan.renderTaskCount).tasks.map((task) => [task.id, task]),
  )
  const files = new Set<ObjectKey>()
  const tasks: TaskRecord[] = []
  const frames: FrameRecord[] = []
  for (const [position, number] of numbers.slice(0, Math.floor(numbers.length * 0.75)).entries()) {
    const delivered = position < numbers.length / 2
    const render = renderTasksOfFrame(plan, position).flatMap((id) => blank.get(id) ?? [])
    const finish = plan.tiles !== undefined && delivered ? [blankTask(finishTaskId(position), 'finish', [number])] : []
    for (const task of [...render, ...finish]) {
      const role = task.tile === undefined ? 'final' : 'raw'
      const name = `${role}-${number}`
      files.add(attemptKey(job.id, task.id, 1, name))
      tasks.push({
        ...task,
        state: 'completed',
        epoch: 1,
        canonical: { taskId: task.id, epoch: 1 },
        attempts: [
          {
            epoch: 1,
            workerId: WORKER,
            outcome: 'rendered',
            startedAt: job.createdAt,
            endedAt: job.createdAt,
            renderSeconds: 1,
            peakMemoryBytes: 1,
            drawnForAudit: false,
            verdict: 'unverified',
            files: [{ name, frame: number, role, bytes: 1, sha256: SHA }],
          },
        ],
      })
    }
    const final = ['frames', 'previews'].map((kind): FinalFile => ({
      path: `${kind}/${number}.png`,
      bytes: 1,
      sha256: SHA,
      contentType: 'image/png',
    }))
    if (delivered)
      for (const kind of ['frames', 'previews'] as const) files.add(finalKey(job.id, kind, `${number}.png`))
    if (finish.length > 0) files.add(workKey(job.id, stitchedPath(number)))
    const state = delivered ? 'delivered' : plan.tiles === undefined ? 'delivering' : 'stitching'
    frames.push({
      number,
      position,
      tasksLeft: 0,
      state,
      ...(finish.length > 0 ? { stitched: { bytes: 1, sha256: SHA } } : {}),
      ...(delivered ? { files: final } : {}),
    })
  }
  return { tasks, frames, files }
}

/** Commits the records bit by bit, and lets the journal hear of each bit. */
async function writeDown(
  engine: Engine,
  job: JobRecord,
  { tasks, frames }: { tasks: TaskRecord[]; frames: FrameRecord[] },
): Promise<{ segments: number; journalMs: number }> {
  await engine.objects.put(journalKey(job.id, 'job.json'), Buffer.from(JSON.stringify(job)), {
    contentType: 'application/json',
  })
  let [segments, journalMs] = [0, 0]
  const share = Math.max(1, Math.round(tasks.length / frames.length))
  for (let from = 0; from < tasks.length; from += RECORDS_PER_SEGMENT) {
    const nothing = { job: { version: 0, value: job }, tasks: new Map(), frames: new Map() }
    const done = {
      tasks: tasks.slice(from, from + RECORDS_PER_SEGMENT),
      frames: frames.slice(Math.ceil(from / share), Math.ceil((from + RECORDS_PER_SEGMENT) / share)),
    }
    const { jobVersion: _, ...commit } = commitOf(
      nothing,
      { ok: true, ...(from === 0 ? { job } : {}), ...done },
      engine.clock.now(),
      0,
    )
    const committed = await engine.store.commit(job.id, commit, engine.clock.now())
    if (!committed.ok) throw new Error(`not committed: ${JSON.stringify(committed)}`)
    const began = performance.now()
    await journalJob(engine, job.id)
    journalMs += performance.now() - began
    segments += 1
  }
  return { segments, journalMs }
}

const { values } = parseArgs({ options: { frames: { type: 'string', default: '10000' } } })
const frames = Number(values.frames)
const rows: Row[] = []
console.log(
  '| job | tasks | files | segments | journal, ms a record | recovered in | processor | ' +
    'memory | done | to do |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|',
)
for (const [what, tiles] of [
  [`${frames} frames`, undefined],
  [`${frames} frames of 2x2 tiles`, { columns: 2, rows: 2, overscanPx: 0 }],
] as const) {
  const row = await measure(what, frames, tiles)
  rows.push(row)
  console.log(
    `| ${what} | ${row.tasks} | ${row.files} | ${row.segments} | ${row.journalMsPerRecord.toFixed(2)} ` +
      `| ${row.recoverSeconds.toFixed(1)} s | ${row.cpuSeconds.toFixed(1)} s | ` +
      `${row.rssMiB.toFixed(0)} MiB | ${row.kept} | ${row.open} |`,
  )
}
await mkdir('.benchmarks', { recursive: true })
await writeFile('.benchmarks/recover.json', `${JSON.stringify({ rows }, null, 1)}\n`)
