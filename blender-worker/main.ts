import { join } from 'node:path'
import type { Logger } from 'pino'
import { PROTOCOL_VERSION } from '../shared/protocol/messages.ts'
import { VERSION } from '../shared/protocol/version.ts'
import { Agent } from './agent.ts'
import { findBlender } from './blender/find.ts'
import { SceneCache } from './cache/scene-cache.ts'
import { bestDeviceKind, capabilitiesOf } from './capabilities.ts'
import type { WorkerConfig } from './config.ts'
import { openDataFolder, type DataFolder } from './data-folder.ts'
import type { WorkerExit } from './exit.ts'
import { failureOf } from './failure.ts'
import { BlenderRenderer } from './rendering/blender-renderer.ts'
import { RenderQueue } from './rendering/render-queue.ts'
import type { NewRenderer } from './rendering/renderer.ts'
import { IDLE_CLOSE_MS, Slot } from './rendering/slot.ts'
import { Deliveries } from './results/deliveries.ts'
import { ResultStore } from './results/result-store.ts'
import { RECONNECT_BACKOFF, type BackoffSchedule } from './session/backoff.ts'
import { Session } from './session/session.ts'
import { addressesFrom } from './transfer/file-addresses.ts'
import { TRANSFER_PATIENCE, type Patience } from './transfer/patience.ts'

/** How long the last messages may take to leave when the worker does. */
const FAREWELL_MS = 2_000

export interface WorkerParts {
  readonly log: Logger
  /** Drives Blender unless told otherwise. */
  readonly newRenderer?: NewRenderer
  readonly reconnectBackoff?: BackoffSchedule
  readonly patience?: Patience
  readonly idleCloseMs?: number
}

export interface RunningWorker {
  readonly workerId: string
  /** Resolves when the worker has left, with the reason; never rejects for what a farm or a network does. */
  readonly stopped: Promise<WorkerExit>
  /** Finish what is being rendered, deliver, leave. May be called twice. */
  drain(): void
  /** Leave at once; what is not delivered goes back to the farm. Resolves when it has left. May be called twice. */
  stop(): Promise<void>
}

/** The worker could not be started; the message says what to do. */
export class WorkerStartError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'WorkerStartError'
    this.code = code
  }
}

/**
 * Starts a worker, which then looks for its coordinator as long as it takes. Throws WorkerStartError (data folder in
 * use, no Blender, no such device).
 */
export async function startWorker(config: WorkerConfig, parts: WorkerParts): Promise<RunningWorker> {
  const opened = await openDataFolder(config.dataDir)
  if (!opened.ok) throw new WorkerStartError(opened.code, opened.detail)
  const folder = opened.value
  try {
    return await wire(config, parts, folder)
  } catch (error) {
    await folder.unlock()
    throw error
  }
}

async function wire(config: WorkerConfig, parts: WorkerParts, folder: DataFolder): Promise<RunningWorker> {
  const log = parts.log.child({ workerId: folder.workerId })
  const patience = parts.patience ?? { ...TRANSFER_PATIENCE, random: Math.random }
  const newRenderer = parts.newRenderer ?? (await blenderRenderers(config, folder))
  const capabilities = await probe(newRenderer, config, folder)
  log.info({ ...capabilities, workerName: config.name, coordinator: config.url.host }, 'worker starts')

  const cache = await SceneCache.open(folder.sceneFolder, {
    bytesMax: config.cacheBytesMax,
    patience,
    log,
    askForRoom: () => queue.closeIdleSlots(),
    addresses: addressesFrom({ coordinator: config.url, token: config.token, patience }),
  })
  const { store, results } = await ResultStore.open(folder.resultsFolder, log)
  const slots = Array.from({ length: config.slots }, (_unused, index) => {
    const slotFolder = join(folder.scratchFolder, `slot-${index}`)
    return new Slot({
      folder: slotFolder,
      newRenderer,
      device: bestDeviceKind(capabilities),
      threads: config.threads,
      idleCloseMs: parts.idleCloseMs ?? IDLE_CLOSE_MS,
      log,
    })
  })
  const queue: RenderQueue = new RenderQueue({
    slots,
    cache,
    incomingFolder: join(folder.scratchFolder, 'incoming'),
    coordinator: config.url,
    patience,
    log,
    onProgress: (lease, frame, progress) => agent.onProgress(lease, frame, progress),
    onRendered: (lease, performed) => agent.onRendered(lease, performed),
    onInspected: (lease, inspected) => agent.onInspected(lease, inspected),
    onFailed: (lease, failure) => agent.onFailed(lease, failure),
    onSettled: () => agent.onChange(),
  })
  const deliveries = new Deliveries({
    store,
    results,
    coordinator: config.url,
    patience,
    log,
    send: (message) => session.send(message),
    connection: () => (session.connected ? session.generation : undefined),
    onFailed: (lease, failure) => agent.onFailed(lease, failure),
    onChange: () => agent.onChange(),
  })
  const agent: Agent = new Agent({
    queue,
    deliveries,
    capabilities,
    log,
    send: (message) => session.send(message),
    onDrained: () => leave({ why: 'drained' }),
  })
  const session: Session = new Session({
    url: workerUrl(config.url),
    token: config.token,
    backoff: parts.reconnectBackoff ?? RECONNECT_BACKOFF,
    random: Math.random,
    log,
    hello: () => ({
      type: 'hello',
      protocolVersion: PROTOCOL_VERSION,
      agentVersion: VERSION,
      workerId: folder.workerId,
      name: config.name,
      capabilities,
      leases: agent.leases(),
    }),
    heartbeat: () => agent.heartbeat(),
    onWelcome: (welcome) => agent.onWelcome(welcome.lost),
    onMessage: (message) => agent.onMessage(message),
  })

  let leave: (exit: WorkerExit) => void = () => undefined
  const leaving = new Promise<WorkerExit>((resolve) => (leave = resolve))
  void session.run().then((end) => {
    if (end.why !== 'closed') leave(end)
  })
  const stopped = leaving.then(async (exit) => {
    if (exit.why === 'stopped') await agent.abandon()
    await Promise.all([session.close(FAREWELL_MS), queue.close(), deliveries.close()])
    await folder.unlock()
    log.info({ why: exit.why }, 'worker has left')
    return exit
  })
  return {
    workerId: folder.workerId,
    stopped,
    drain: () => agent.drain(),
    stop: async () => {
      leave({ why: 'stopped' })
      await stopped
    },
  }
}

async function blenderRenderers(config: WorkerConfig, folder: DataFolder): Promise<NewRenderer> {
  const found = await findBlender(config.blender === undefined ? {} : { configured: config.blender })
  if (!found.ok) throw new WorkerStartError(found.code, found.detail)
  return (scratchFolder, ocio) =>
    new BlenderRenderer({
      ocio,
      installation: found.value,
      scratchFolder,
      sceneFolder: folder.sceneFolder,
      sandbox: config.sandbox,
    })
}

async function probe(newRenderer: NewRenderer, config: WorkerConfig, folder: DataFolder): ReturnType<typeof granted> {
  const renderer = newRenderer(join(folder.scratchFolder, 'probe'))
  try {
    const blender = await renderer.probe()
    return await granted(blender, config)
  } catch (error) {
    if (error instanceof WorkerStartError) throw error
    const failure = failureOf(error, 'blender_crashed')
    throw new WorkerStartError(
      failure.code,
      failure.lastWords === undefined ? failure.message : `${failure.message}; its last words: ${failure.lastWords}`,
    )
  } finally {
    await renderer.close()
  }
}

async function granted(blender: Parameters<typeof capabilitiesOf>[0], config: WorkerConfig) {
  const capabilities = await capabilitiesOf(blender, {
    slots: config.slots,
    tags: config.tags,
    deviceKinds: config.devices,
    threads: config.threads,
  })
  if (!capabilities.ok) throw new WorkerStartError(capabilities.code, capabilities.detail)
  return capabilities.value
}

function workerUrl(base: URL): URL {
  const url = new URL(base.href)
  if (!url.pathname.endsWith('/v1/worker')) url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/worker`
  return url
}
