import type { Attempt, FrameRecord, ResultFile, TaskRecord } from '../../../shared/protocol/task.ts'
import { JobId, Sha256, WorkerId, finishTaskId, renderTaskId } from '../../../shared/protocol/ids.ts'
import { regionOf } from '../../../shared/domain/splitting/region.ts'
import type { Inspection, SceneInspection } from '../../../shared/protocol/inspection.ts'
import type { JobPlan, JobRecord } from '../../../shared/protocol/job.ts'
import type { SceneSettings } from '../../../shared/protocol/scene-facts.ts'
import type { SceneRecord } from '../../../shared/protocol/scene.ts'
import type { Capabilities, WorkerRecord } from '../../../shared/protocol/worker.ts'

/** Small valid records; each test changes what it is about. */

export const NOW = 1_800_000_000_000
export const HASH = Sha256.parse('a'.repeat(64))

export function worker(name: string): WorkerId {
  return WorkerId.parse(`wrk_${name.padEnd(4, '_')}`)
}

export function aPlan(change: Partial<JobPlan> = {}): JobPlan {
  return {
    sceneName: 'Scene',
    engine: 'CYCLES',
    frames: '1-3',
    frameCount: 3,
    width: 64,
    height: 36,
    chunk: 1,
    renderTaskCount: 3,
    settings: {},
    format: 'png',
    video: 'none',
    fps: 24,
    auditRate: 0,
    notes: [],
    ...change,
  }
}

export function aJob(change: Partial<JobRecord> = {}): JobRecord {
  return {
    id: JobId.parse('job_00000000000000000000000001'),
    name: 'a job',
    owner: 'ada',
    state: 'active',
    scene: { sha256: HASH, bytes: 10, kind: 'blend' },
    plan: aPlan(),
    priority: 50,
    requirement: {},
    createdAt: NOW,
    startedAt: NOW,
    tasksPlanned: 3,
    files: [],
    ...change,
  }
}

export function aTask(change: Partial<TaskRecord> = {}): TaskRecord {
  return {
    id: renderTaskId(0),
    kind: 'render',
    state: 'queued',
    frames: [1],
    epoch: 0,
    attempts: [],
    verdict: 'unverified',
    avoid: [],
    ...change,
  }
}

export function aFinish(change: Partial<TaskRecord> = {}): TaskRecord {
  return aTask({ id: finishTaskId(0), kind: 'finish', ...change })
}

export function aFrame(change: Partial<FrameRecord> = {}): FrameRecord {
  return { number: 1, position: 0, state: 'rendering', tasksLeft: 1, ...change }
}

export function anAttempt(epoch: number, workerId: WorkerId, change: Partial<Attempt> = {}): Attempt {
  return { epoch, workerId, outcome: 'running', startedAt: NOW, verdict: 'unverified', ...change }
}

/** A task that is with a worker, at epoch 1. */
export function leasedTo(workerId: WorkerId, change: Partial<TaskRecord> = {}): TaskRecord {
  return aTask({ state: 'leased', epoch: 1, attempts: [anAttempt(1, workerId)], ...change })
}

export function aFile(role: ResultFile['role'], frame = 1, change: Partial<ResultFile> = {}): ResultFile {
  return { name: `${role}-${frame}`, frame, role, bytes: 100, sha256: HASH, ...change }
}

export function capabilities(change: Partial<Capabilities> = {}): Capabilities {
  return {
    blender: { version: '3.4.1', buildHash: 'abc', path: '/usr/bin/blender', engines: ['CYCLES'] },
    devices: [{ kind: 'CPU', name: 'a processor' }],
    memoryBytes: 16 * 1024 ** 3,
    cpuThreads: 8,
    os: 'linux',
    slots: 1,
    tags: [],
    ...change,
  }
}

export function aWorker(name: string, change: Partial<WorkerRecord> = {}): WorkerRecord {
  return {
    id: worker(name),
    name,
    owner: 'grace',
    agentVersion: '0.1.0',
    capabilities: capabilities(),
    state: 'connected',
    leases: 0,
    tasksCompleted: 0,
    tasksFailed: 0,
    tasksRefuted: 0,
    quarantined: false,
    connectedAt: NOW,
    lastSeenAt: NOW,
    ...change,
  }
}

export function sceneSettings(change: Partial<SceneSettings> = {}): SceneSettings {
  return {
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
    ...change,
  }
}

/** What Blender finds in the scene of `sceneSettings` with the same change: nothing that stands in the way. */
export function anInspection(change: Partial<Inspection> = {}, settings: Partial<SceneSettings> = {}): Inspection {
  const { name, engine, resolutionX, resolutionY, resolutionPercentage, border, hasCamera, cycles } =
    sceneSettings(settings)
  const [width, height] = [resolutionX, resolutionY].map((pixels) =>
    Math.trunc((pixels * resolutionPercentage) / 100),
  ) as [number, number]
  return {
    scene: name,
    blenderVersion: '3.4.1',
    engine,
    image: {
      width,
      height,
      region: border.used ? regionOf(border, width, height) : { x: 0, y: 0, width, height },
      cropsToBorder: border.used && border.crop,
    },
    hasCamera,
    tiling: { exact: true, overscanPx: 0, reasons: [] },
    sampleRanges: { samples: cycles.samples ?? 4_096, reasons: [] },
    history: [],
    missingFiles: [],
    fileOutputs: [],
    blockedScripts: [],
    denoising: false,
    stereo: false,
    motionBlur: false,
    burnsStamp: false,
    timeLimitSeconds: 0,
    cut: false,
    ...change,
  }
}

/** The same, as it is kept with a scene. */
export function aSceneInspection(
  change: Partial<Inspection> = {},
  settings: Partial<SceneSettings> = {},
): SceneInspection {
  return { ...anInspection(change, settings), inspectedBy: worker('seer'), inspectedAt: NOW }
}

export function aScene(settings: Partial<SceneSettings> = {}, change: Partial<SceneRecord> = {}): SceneRecord {
  const scene = sceneSettings(settings)
  return {
    sha256: HASH,
    kind: 'blend',
    bytes: 10,
    name: 'a scene.blend',
    missingFiles: [],
    uploadedAt: NOW,
    facts: {
      version: { major: 3, minor: 4, subversion: null, text: '3.4' },
      compression: 'none',
      scenes: [scene],
      activeScene: scene.name,
      externalFiles: [],
    },
    ...change,
  }
}
