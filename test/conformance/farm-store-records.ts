import type { Commit, FarmStore } from '../../shared/ports/farm-store.ts'
import { JobId, Sha256, WorkerId, finishTaskId, renderTaskId } from '../../shared/protocol/ids.ts'
import type { TaskId } from '../../shared/protocol/ids.ts'
import { JobRecord } from '../../shared/protocol/job.ts'
import { SceneRecord } from '../../shared/protocol/scene.ts'
import { FrameRecord, TaskRecord } from '../../shared/protocol/task.ts'
import { WorkerRecord } from '../../shared/protocol/worker.ts'

export const NOW = 1_800_000_000_000

export function aJobId(number: number): JobId {
  return JobId.parse(`job_${String(number).padStart(26, '0')}`)
}

export function aHash(number: number): Sha256 {
  return Sha256.parse(number.toString(16).padStart(64, '0'))
}

export function aJob(number: number, change: Partial<JobRecord> = {}): JobRecord {
  return JobRecord.parse({
    id: aJobId(number),
    name: `job ${number}`,
    owner: 'ada',
    state: 'planning',
    scene: { sha256: aHash(1), bytes: 1_000, kind: 'blend' },
    plan: {
      sceneName: 'Scene',
      engine: 'CYCLES',
      frames: '1-10',
      frameCount: 10,
      width: 640,
      height: 360,
      chunk: 1,
      renderTaskCount: 10,
      settings: {},
      format: 'png',
      video: 'none',
      fps: 24,
      auditRate: 0.1,
      notes: [],
    },
    priority: 50,
    requirement: {},
    createdAt: NOW + number,
    tasksPlanned: 0,
    files: [],
    ...change,
  })
}

export function aTask(id: TaskId, change: Partial<TaskRecord> = {}): TaskRecord {
  return TaskRecord.parse({
    id,
    kind: 'render',
    state: 'queued',
    frames: [1],
    epoch: 0,
    attempts: [],
    verdict: 'unverified',
    avoid: [],
    ...change,
  })
}

export function aFrame(number: number, change: Partial<FrameRecord> = {}): FrameRecord {
  return FrameRecord.parse({ number, position: Math.abs(number), state: 'rendering', tasksLeft: 1, ...change })
}

export function aWorker(name: string, change: Partial<WorkerRecord> = {}): WorkerRecord {
  return WorkerRecord.parse({
    id: WorkerId.parse(`wrk_${name}`),
    name,
    owner: 'grace',
    agentVersion: '0.1.0',
    capabilities: {
      blender: { version: '3.4.1', buildHash: 'abc', path: '/usr/bin/blender', engines: ['CYCLES'] },
      devices: [{ kind: 'CPU', name: 'a processor' }],
      memoryBytes: 2 ** 34,
      cpuThreads: 8,
      os: 'linux',
      slots: 1,
      tags: [],
    },
    state: 'connected',
    leases: 0,
    tasksCompleted: 0,
    tasksFailed: 0,
    tasksRefuted: 0,
    quarantined: false,
    connectedAt: NOW,
    lastSeenAt: NOW,
    ...change,
  })
}

export function aScene(number: number, uploadedAt: number = NOW): SceneRecord {
  return SceneRecord.parse({
    sha256: aHash(number),
    kind: 'blend',
    bytes: 1_000,
    name: `scene ${number}.blend`,
    facts: {
      version: { major: 3, minor: 4, subversion: null, text: '3.4' },
      compression: 'none',
      scenes: [
        {
          name: 'Scene',
          frameStart: 1,
          frameEnd: 10,
          frameStep: 1,
          fps: 24,
          resolutionX: 640,
          resolutionY: 360,
          resolutionPercentage: 100,
          engine: 'CYCLES',
          output: { fileFormat: 'PNG', colorDepth: 8, colorMode: 'RGBA', path: '//', quality: 90 },
          hasCamera: true,
          useCompositing: true,
          hasNodeTree: false,
          useSequencer: true,
          hasSequencerStrips: false,
          border: { used: false, crop: false, xMin: 0, xMax: 1, yMin: 0, yMax: 1 },
          cycles: {},
          eeveeSamples: null,
        },
      ],
      activeScene: 'Scene',
      externalFiles: [],
    },
    missingFiles: [],
    uploadedAt,
  })
}

/** A commit that changes only what is named. */
export function aCommit(change: Partial<Commit>): Commit {
  return { tasks: [], frames: [], counters: {}, leases: [], picky: [], effects: [], credits: [], events: [], ...change }
}

/** A job with this many queued render tasks and as many frames, committed as the planner would. */
export async function storeJob(store: FarmStore, job: JobRecord, taskCount = 1): Promise<JobId> {
  const tasks = Array.from({ length: taskCount }, (_, at) => ({
    id: renderTaskId(at),
    expected: 0,
    value: aTask(renderTaskId(at)),
  }))
  const frames = Array.from({ length: taskCount }, (_, at) => ({ id: at + 1, expected: 0, value: aFrame(at + 1) }))
  const committed = await store.commit(
    job.id,
    aCommit({ job: { id: job.id, expected: 0, value: job }, tasks, frames, counters: { 'render.queued': taskCount } }),
    NOW,
  )
  if (!committed.ok) throw new Error(`the job was not stored: ${JSON.stringify(committed)}`)
  return job.id
}

export { finishTaskId, renderTaskId }
