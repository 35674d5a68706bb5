import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import { pino } from 'pino'
import { buildApp } from '../../services/coordinator/app.ts'
import type { AppDependencies } from '../../services/coordinator/dependencies.ts'
import { type FarmActions, farmActions } from '../../services/coordinator/farm-actions.ts'
import { tokenHash } from '../../services/wiring/tokens.ts'
import { MemoryBulletin } from '../../shared/adapters/memory/bulletin.ts'
import { MemoryFarmStore } from '../../shared/adapters/memory/farm-store.ts'
import { MemoryObjectStore } from '../../shared/adapters/memory/object-store.ts'
import { MemoryWorkQueue } from '../../shared/adapters/memory/work-queue.ts'
import { SceneFileReader } from '../../shared/adapters/scene-files/scene-reader.ts'
import { SystemClock } from '../../shared/adapters/system/clock.ts'
import type { Engine } from '../../shared/engine/context.ts'
import type { FarmStore } from '../../shared/ports/farm-store.ts'
import { ENGINE_TIMES } from '../../shared/engine/context.ts'
import { planTasks } from '../../shared/engine/jobs/plan-tasks.ts'
import { Problem } from '../../shared/protocol/rest.ts'
import { smallBlend } from '../fixtures/scenes/small-blend.ts'
import { aSceneInspection } from '../unit/domain/records.ts'

/** Tokens of the farm under test, by whom they belong to. */
export const TOKENS = { ada: 'ada-token', ben: 'ben-token', root: 'root-token', worker: 'worker-token' } as const
export type Who = keyof typeof TOKENS

/** A REST side on memory twins with the real engine, and what a test needs to look behind it. */
export interface RestFarm {
  readonly app: FastifyInstance
  readonly store: MemoryFarmStore
  readonly objects: MemoryObjectStore
  readonly engine: Engine
  readonly dataDir: string
  /** What was logged, one JSON object for each line. */
  readonly logged: Record<string, unknown>[]
  ask(who: Who | null, options: InjectOptions): Promise<LightMyRequestResponse>
  /** Hands a scene in over HTTP and gives its hash. */
  addScene(bytes?: Buffer): Promise<string>
  /** Submits a job of that scene over HTTP and gives its id. */
  addJob(who: Who, request?: Record<string, unknown>): Promise<string>
  /** Paths of all files below dataDir. */
  leftOnDisk(): Promise<string[]>
  close(): Promise<void>
}

export async function startRestFarm(
  options: Partial<Pick<AppDependencies, 'limits' | 'farm' | 'metrics'>> & {
    beforeObjectCall?: (call: string, name: string) => void
    /** The clock of the object store. */
    nowMs?: () => number
  } = {},
): Promise<RestFarm> {
  const dataDir = await mkdtemp(join(tmpdir(), 'tilework-rest-'))
  const logged: Record<string, unknown>[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(JSON.parse(line)) })
  const store = new MemoryFarmStore()
  const objects = new MemoryObjectStore({
    nowMs: options.nowMs ?? (() => Date.now()),
    beforeCall: (call, name) => options.beforeObjectCall?.(call, name),
  })
  const engine = quietEngine(store, objects, log)
  const app = await buildApp({
    farm: options.farm ?? plannedAtOnce(engine),
    store,
    objects,
    scenes: new SceneFileReader(),
    log,
    dataDir,
    version: '0.0.0-test',
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
  })
  await store.putToken(tokenHash(TOKENS.ada), { name: 'ada', scopes: ['user'] })
  await store.putToken(tokenHash(TOKENS.ben), { name: 'ben', scopes: ['user'] })
  await store.putToken(tokenHash(TOKENS.root), { name: 'root', scopes: ['admin'] })
  await store.putToken(tokenHash(TOKENS.worker), { name: 'box', scopes: ['worker'] })
  await app.ready()

  const farm: RestFarm = {
    app,
    store,
    objects,
    engine,
    dataDir,
    logged,
    ask: (who, request) =>
      app.inject({
        ...request,
        headers: { ...(who === null ? {} : { authorization: `Bearer ${TOKENS[who]}` }), ...request.headers },
      }),
    addScene: async (bytes = smallBlend()) => {
      const answer = await farm.ask('ada', { method: 'POST', url: '/v1/scenes', ...sceneForm({ scene: bytes }) })
      if (answer.statusCode >= 300) throw new Error(`the scene was refused: ${answer.body}`)
      return sha256Of(bytes)
    },
    addJob: async (who, request = {}) => {
      const answer = await farm.ask(who, {
        method: 'POST',
        url: '/v1/jobs',
        payload: { scene: await farm.addScene(), ...request },
      })
      if (answer.statusCode !== 201) throw new Error(`the job was refused: ${answer.body}`)
      return answer.json().id
    },
    leftOnDisk: async () =>
      (await readdir(dataDir, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => entry.name),
    close: async () => {
      await app.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
  return farm
}

/** The problem in an answer; throws if it is none, or not one in whole. */
export function problemOf(answer: LightMyRequestResponse): Problem {
  if (String(answer.headers['content-type']).split(';')[0] !== 'application/problem+json')
    throw new Error(`not a problem: ${answer.statusCode} ${answer.body}`)
  const problem = Problem.parse(answer.json())
  if (problem.status !== answer.statusCode)
    throw new Error(`the problem says ${problem.status}, the answer ${answer.statusCode}`)
  return problem
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** A multipart form with the file in `scene` and the other fields before or after it. */
export function sceneForm({
  scene,
  fileName = 'tiny.blend',
  before = {},
  after = {},
}: {
  scene: Uint8Array
  fileName?: string
  before?: Record<string, string>
  after?: Record<string, string>
}): { payload: Buffer; headers: Record<string, string> } {
  const boundary = 'tilework-test-boundary'
  const field = ([name, value]: [string, string]) =>
    Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
  const payload = Buffer.concat([
    ...Object.entries(before).map(field),
    Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="scene"; ` +
        `filename="${fileName}"\r\ncontent-type: application/octet-stream\r\n\r\n`,
    ),
    scene,
    Buffer.from('\r\n'),
    ...Object.entries(after).map(field),
    Buffer.from(`--${boundary}--\r\n`),
  ])
  return { payload, headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } }
}

/** As if a worker had looked at every scene of the file and found nothing in the way. */
export async function inspectScene(store: Pick<FarmStore, 'scene' | 'putScene'>, sha256: string): Promise<void> {
  const scene = await store.scene(sha256)
  if (scene === null || scene.inspections !== undefined) return
  const { major, minor } = scene.facts.version
  const blenderVersion = `${major}.${minor}.1`
  const inspections = scene.facts.scenes.map((settings) => aSceneInspection({ blenderVersion }, settings))
  await store.putScene({ ...scene, inspections })
}

/** The real actions, with scenes that are inspected already and the tasks of a job written down before its answer. */
function plannedAtOnce(engine: Engine): FarmActions {
  const actions = farmActions(engine, () => {})
  return {
    ...actions,
    submitJob: async (owner, request, id) => {
      await inspectScene(engine.store, request.scene)
      const submitted = await actions.submitJob(owner, request, id)
      if (submitted.ok) await planTasks(engine, submitted.job.id)
      return submitted
    },
  }
}

/** The engine without loops: nothing is dispatched, so what a test did to a job is all that happens to it. */
function quietEngine(store: MemoryFarmStore, objects: MemoryObjectStore, log: Engine['log']): Engine {
  let drawn = 0
  return {
    store,
    objects,
    log,
    queue: new MemoryWorkQueue(),
    bulletin: new MemoryBulletin(),
    clock: new SystemClock(),
    random: {
      float: () => 0.5,
      bytes: (count) => Uint8Array.from({ length: count }, () => (drawn = (drawn * 31 + 17) % 251)),
    },
    secret: 'a secret of the test',
    times: ENGINE_TIMES,
  }
}
