import type { AddressInfo } from 'node:net'
import { registerSignedObjectRoutes } from '../../shared/adapters/object-store/directory-http.ts'
import { SceneFileReader } from '../../shared/adapters/scene-files/scene-reader.ts'
import { Dispatcher } from '../../shared/engine/dispatch/dispatcher.ts'
import { Rounds } from '../../shared/engine/loops/rounds.ts'
import { planInBackground } from '../../shared/engine/jobs/plan-tasks.ts'
import type { Logger } from '../../shared/ports/core.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import { VERSION } from '../../shared/protocol/version.ts'
import { readConfig, type FarmConfig } from '../wiring/config.ts'
import { connectFarm } from '../wiring/connect.ts'
import { makeLog, type RunningService, stoppable, stopOnSignals } from '../wiring/process.ts'
import { scratchFolder } from '../wiring/scratch.ts'
import { buildApp } from './app.ts'
import { farmActions } from './farm-actions.ts'
import { farmGauges } from './farm-gauges.ts'
import { hearNotices } from './notices.ts'
import { WorkerGateway } from './worker-gateway.ts'

export interface RunningCoordinator extends RunningService {
  /** Where it listens: `http://127.0.0.1:8470`. */
  readonly url: string
}

/** Starts a coordinator: REST, the workers' WebSocket, dispatch, and the loops over open jobs. */
export async function startCoordinator(config: FarmConfig, log: Logger): Promise<RunningCoordinator> {
  let url = config.TILEWORK_PUBLIC_URL ?? `http://${config.HOST}:${config.PORT}`
  const connections = await connectFarm(config, log, () => url)
  const { engine, directory } = connections
  const dispatcher = new Dispatcher(engine)
  const rounds = new Rounds(engine, dispatcher)
  const gateway = new WorkerGateway(engine, dispatcher)
  const app = await buildApp({
    farm: farmActions(engine, (jobId) => planInBackground(engine, jobId)),
    store: engine.store,
    objects: engine.objects,
    scenes: new SceneFileReader(),
    log,
    dataDir: await scratchFolder(config, 'coordinator'),
    version: VERSION,
    trustProxy: config.TILEWORK_TRUST_PROXY,
    metrics: () => farmGauges(engine, gateway),
  })
  await gateway.register(app)
  app.server.maxConnections = LIMITS.connectionsMax
  if (directory !== null) await registerSignedObjectRoutes(app, { ...directory, nowMs: () => engine.clock.now() })
  const unsubscribe = await hearNotices(engine, dispatcher, gateway)
  await app.listen({ host: config.HOST, port: config.PORT, backlog: LIMITS.connectionsWaitingMax })
  const address = app.server.address() as AddressInfo | null
  if (address !== null && config.TILEWORK_PUBLIC_URL === undefined) url = `http://${config.HOST}:${address.port}`
  rounds.start()
  log.info({ url }, 'coordinator listens')

  const service = stoppable(async () => {
    dispatcher.stop()
    await gateway.close()
    await rounds.stop()
    await app.close()
    await unsubscribe()
    await connections.close()
  })
  return { ...service, url }
}

/** The process `tilework coordinator`. */
export async function main(env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const config = readConfig(env)
  const log = makeLog(config, 'coordinator')
  const service = await startCoordinator(config, log)
  stopOnSignals(service, log)
  await service.stopped
}
