import { parseFrames } from '../../shared/domain/splitting/frames.ts'
import { partOf, renderTasksOfFrame, tasksPerFrame } from '../../shared/domain/splitting/job-tasks.ts'
import type { Engine } from '../../shared/engine/context.ts'
import { pages } from '../../shared/engine/pages.ts'
import { auditTaskId, finishTaskId, type JobId, type TaskId, type WorkerId } from '../../shared/protocol/ids.ts'
import type { JobRecord } from '../../shared/protocol/job.ts'
import { Manifest } from '../../shared/protocol/manifest.ts'
import type { FinalFile, TaskRecord } from '../../shared/protocol/task.ts'

/** Records read at once. */
const PAGE = 500

const Head = Manifest.pick({ manifestVersion: true, job: true, scene: true, plan: true })
const Frame = Manifest.shape.frames.element
const Tail = Manifest.pick({ files: true, workers: true, audits: true })
type Frame = Manifest['frames'][number]

/**
 * What was delivered, who rendered it and how it was checked, as the text of a `Manifest` in pieces: of a long job no
 * more than a page of its records is held at a time, or one frame where that has more. `files`: those beside the
 * frames, the manifest itself left out.
 */
export async function* manifestText(
  engine: Engine,
  job: JobRecord,
  files: readonly FinalFile[],
): AsyncGenerator<string> {
  yield `{\n${membersOf(headOf(job, engine.clock.now()))},\n "frames": [`
  let before = '\n  '
  for await (const frame of framesOf(engine, job)) {
    yield before + indented(Frame.parse(frame), 2)
    before = ',\n  '
  }
  yield `\n ],\n${membersOf(Tail.parse({ files, ...(await totalsOf(engine, job)) }))}\n}\n`
}

function headOf(job: JobRecord, now: number): Partial<Manifest> {
  const { id, name, owner, priority, requirement, scene, plan } = job
  return Head.parse({
    manifestVersion: 1,
    job: {
      id,
      name,
      owner,
      createdAt: new Date(job.createdAt).toISOString(),
      completedAt: new Date(now).toISOString(),
      priority,
      requirement,
    },
    scene,
    plan,
  })
}

async function* framesOf(engine: Engine, job: JobRecord): AsyncGenerator<Frame> {
  const numbers = parseFrames(job.plan.frames)
  if (!numbers.ok) throw new Error(`job ${job.id}: stored frames do not parse: ${numbers.detail}`)
  const atOnce = Math.max(1, Math.floor(PAGE / (tasksPerFrame(job.plan) + 1)))
  for (let from = 0; from < numbers.frames.length; from += atOnce) {
    const part = numbers.frames.slice(from, from + atOnce)
    const frames = (await engine.store.frames(job.id, part)).map((record, index) => {
      const position = record?.value.position ?? from + index
      return {
        number: part[index] ?? 0,
        files: record?.value.files ?? [],
        ids: [...renderTasksOfFrame(job.plan, position), finishTaskId(position)],
      }
    })
    const own = await tasksOf(
      engine,
      job.id,
      frames.flatMap(({ ids }) => ids),
    )
    const audits = await tasksOf(engine, job.id, [...own.values()].flatMap(auditsOf))
    for (const { number, files, ids } of frames) {
      const tasks = ids
        .flatMap((id) => own.get(id) ?? [])
        .flatMap((task) => [task, ...auditsOf(task).flatMap((id) => audits.get(id) ?? [])])
      yield { number, files: [...files], tasks: tasks.map(told) }
    }
  }
}

/** Those of these tasks that there are. */
async function tasksOf(engine: Engine, jobId: JobId, ids: readonly TaskId[]): Promise<Map<TaskId, TaskRecord>> {
  const wanted = [...new Set(ids)]
  const found = new Map<TaskId, TaskRecord>()
  for (let from = 0; from < wanted.length; from += PAGE) {
    for (const task of await engine.store.tasks(jobId, wanted.slice(from, from + PAGE)))
      if (task !== null) found.set(task.value.id, task.value)
  }
  return found
}

/** Every audit that was made of a task, also those that decide nothing any more. */
function auditsOf({ id, auditRounds = 0 }: TaskRecord): TaskId[] {
  return Array.from({ length: auditRounds }, (_, round) => auditTaskId(id, round + 1))
}

function told(task: TaskRecord): Frame['tasks'][number] {
  const { id, kind, verdict, canonical, audits, attempts } = task
  return {
    id,
    kind,
    verdict,
    attempts,
    ...partOf(task),
    ...(canonical === undefined ? {} : { canonical }),
    ...(audits === undefined ? {} : { audits }),
  }
}

/** Everybody who had a task of the job, and what was checked of it, also in frames that were taken out of it. */
async function totalsOf(engine: Engine, job: JobRecord): Promise<Pick<Manifest, 'workers' | 'audits'>> {
  const seen = new Set<WorkerId>()
  const audits = { rate: job.plan.auditRate, made: 0, agreed: 0, refuted: 0 }
  for await (const tasks of pages((cursor) => engine.store.listTasks(job.id, { limit: PAGE, ...cursor }))) {
    for (const task of tasks) {
      for (const { workerId } of task.attempts) seen.add(workerId)
      if (task.kind !== 'audit' || task.state !== 'completed') continue
      audits.made += 1
      if (task.verdict === 'agreed' || task.verdict === 'refuted') audits[task.verdict] += 1
    }
  }
  const ids = [...seen]
  const workers: Manifest['workers'] = []
  for (let from = 0; from < ids.length; from += PAGE) {
    for (const { id, name, capabilities } of await engine.store.workers(ids.slice(from, from + PAGE)))
      workers.push({ id, name, blender: capabilities.blender.version, buildHash: capabilities.blender.buildHash })
  }
  return { workers, audits }
}

/** The members of an object, without its braces. */
function membersOf(value: object): string {
  return Object.entries(value)
    .map(([name, member]) => ` ${JSON.stringify(name)}: ${indented(member, 1)}`)
    .join(',\n')
}

function indented(value: unknown, depth: number): string {
  return JSON.stringify(value, null, 1).replaceAll('\n', `\n${' '.repeat(depth)}`)
}
