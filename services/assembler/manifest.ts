import { parseFrames } from '../../shared/domain/splitting/frames.ts'
import { partOf, renderTasksOfFrame } from '../../shared/domain/splitting/job-tasks.ts'
import type { Engine } from '../../shared/engine/context.ts'
import { pages } from '../../shared/engine/pages.ts'
import { finishTaskId } from '../../shared/protocol/ids.ts'
import type { JobRecord } from '../../shared/protocol/job.ts'
import { Manifest } from '../../shared/protocol/manifest.ts'
import type { FinalFile, FrameRecord, TaskRecord } from '../../shared/protocol/task.ts'
import type { WorkerRecord } from '../../shared/protocol/worker.ts'

const PAGE = 500

/** What was delivered, who rendered it and how it was checked. `files`: those beside the frames, the manifest itself left out. */
export async function buildManifest(engine: Engine, job: JobRecord, files: readonly FinalFile[]): Promise<Manifest> {
  const [tasks, frames] = await Promise.all([
    everyPage((cursor) => engine.store.listTasks(job.id, { limit: PAGE, ...cursor })),
    everyPage((cursor) => engine.store.listFrames(job.id, { limit: PAGE, ...cursor })),
  ])
  const byId = new Map<string, TaskRecord>(tasks.map((task) => [task.id, task]))
  const auditsOf = new Map<string, TaskRecord[]>()
  for (const task of tasks) if (task.audits !== undefined) auditsOf.set(task.audits, [...(auditsOf.get(task.audits) ?? []), task])
  const seen = [...new Set(tasks.flatMap((task) => task.attempts.map((attempt) => attempt.workerId)))]
  const workers: WorkerRecord[] = []
  for (let from = 0; from < seen.length; from += PAGE) workers.push(...(await engine.store.workers(seen.slice(from, from + PAGE))))
  const audits = tasks.filter((task) => task.kind === 'audit' && task.state === 'completed')
  const byNumber = new Map<number, FrameRecord>(frames.map((frame) => [frame.number, frame]))
  const numbers = parseFrames(job.plan.frames)
  if (!numbers.ok) throw new Error(`job ${job.id}: stored frames do not parse: ${numbers.detail}`)
  return Manifest.parse({
    manifestVersion: 1,
    job: {
      id: job.id,
      name: job.name,
      owner: job.owner,
      createdAt: new Date(job.createdAt).toISOString(),
      completedAt: new Date(engine.clock.now()).toISOString(),
      priority: job.priority,
      requirement: job.requirement,
    },
    scene: job.scene,
    plan: job.plan,
    frames: numbers.frames.map((number, place) => {
      const position = byNumber.get(number)?.position ?? place
      const own = [...renderTasksOfFrame(job.plan, position), finishTaskId(position)].flatMap((id) => byId.get(id) ?? [])
      return {
        number,
        files: byNumber.get(number)?.files ?? [],
        tasks: own.flatMap((task) => [task, ...(auditsOf.get(task.id) ?? [])]).map(told),
      }
    }),
    files,
    workers: workers.map((worker) => ({ id: worker.id, name: worker.name, blender: worker.capabilities.blender.version, buildHash: worker.capabilities.blender.buildHash })),
    audits: {
      rate: job.plan.auditRate,
      made: audits.length,
      agreed: audits.filter((audit) => audit.verdict === 'agreed').length,
      refuted: audits.filter((audit) => audit.verdict === 'refuted').length,
    },
  })
}

function told(task: TaskRecord): Manifest['frames'][number]['tasks'][number] {
  const { id, kind, verdict, canonical, audits, attempts } = task
  return { id, kind, verdict, attempts, ...partOf(task), ...(canonical === undefined ? {} : { canonical }), ...(audits === undefined ? {} : { audits }) }
}

async function everyPage<T>(read: Parameters<typeof pages<T>>[0]): Promise<T[]> {
  const all: T[] = []
  for await (const page of pages(read)) all.push(...page)
  return all
}
