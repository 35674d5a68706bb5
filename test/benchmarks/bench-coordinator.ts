import { pino } from 'pino'
import { buildApp } from '../../services/coordinator/app.ts'
import { farmActions } from '../../services/coordinator/farm-actions.ts'
import { hearNotices } from '../../services/coordinator/notices.ts'
import { WorkerGateway } from '../../services/coordinator/worker-gateway.ts'
import { tokenHash } from '../../services/wiring/tokens.ts'
import { bullWorkQueue } from '../../shared/adapters/bullmq/work-queue.ts'
import { MemoryObjectStore } from '../../shared/adapters/memory/object-store.ts'
import { redisBulletin } from '../../shared/adapters/redis/bulletin.ts'
import { redisFarmStore } from '../../shared/adapters/redis/farm-store.ts'
import { connectRedis } from '../../shared/adapters/redis/link.ts'
import { SceneFileReader } from '../../shared/adapters/scene-files/scene-reader.ts'
import { FarmClock } from '../../shared/adapters/system/clock.ts'
import { SystemRandom } from '../../shared/adapters/system/random.ts'
import { ENGINE_TIMES, type Engine } from '../../shared/engine/context.ts'
import { Dispatcher } from '../../shared/engine/dispatch/dispatcher.ts'
import { Rounds } from '../../shared/engine/loops/rounds.ts'
import { planInBackground } from '../../shared/engine/jobs/plan-tasks.ts'
import type { ObjectInfo, ObjectStore } from '../../shared/ports/object-store.ts'
import { parseAttemptKey } from '../../shared/protocol/object-keys.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import type { ObjectKey } from '../../shared/protocol/object-keys.ts'

/** Whom everything in a benchmark belongs to. */
export const BENCH_TOKEN = 'benchmark-token-benchmark-token'
/** Length of every file of a result. */
export const BENCH_FILE_BYTES = 1_000

/** Says of every file of an attempt that it is there: with S3 no byte of one passes the coordinator. */
export class TrustingStore extends MemoryObjectStore {
  override async head(key: ObjectKey): Promise<ObjectInfo | null> {
    return parseAttemptKey(key) === null ? super.head(key) : { bytes: BENCH_FILE_BYTES }
  }
}

export interface BenchCoordinator {
  readonly url: string
  readonly engine: Engine
  readonly gateway: WorkerGateway
  stop(): Promise<void>
}

/**
 * A coordinator as services/coordinator/main.ts makes it, on a real Redis, with an object store that the caller
 * chooses.
 */
export async function startBenchCoordinator(options: {
  redisUrl: string
  folder: string
  objects?: (nowMs: () => number) => ObjectStore
}): Promise<BenchCoordinator> {
  const log = pino({ level: 'error' })
  const redis = connectRedis(options.redisUrl)
  const store = redisFarmStore(redis)
  await store.changeFarmTerm(null, { term: 1, open: true })
  const clock = new FarmClock(store)
  await clock.start()
  const objects = options.objects?.(() => clock.now()) ?? new TrustingStore({ nowMs: () => clock.now() })
  const queue = bullWorkQueue({ redisUrl: options.redisUrl })
  const engine: Engine = {
    store,
    queue,
    bulletin: redisBulletin(redis, { log }),
    objects,
    clock,
    random: new SystemRandom(),
    log,
    secret: 'benchmark'.repeat(5),
    times: ENGINE_TIMES,
  }
  const dispatcher = new Dispatcher(engine)
  const rounds = new Rounds(engine, dispatcher)
  const gateway = new WorkerGateway(engine, dispatcher)
  const app = await buildApp({
    farm: farmActions(engine, (jobId) => planInBackground(engine, jobId)),
    store,
    objects,
    scenes: new SceneFileReader(),
    log,
    dataDir: options.folder,
    version: 'benchmark',
    limits: { requestsPerMinuteMax: 1e9 },
  })
  await gateway.register(app)
  app.server.maxConnections = LIMITS.connectionsMax
  const unsubscribe = await hearNotices(engine, dispatcher, gateway)
  await store.putToken(tokenHash(BENCH_TOKEN), { name: 'benchmark', scopes: ['user', 'worker', 'admin'] })
  const url = await app.listen({ host: '127.0.0.1', port: 0, backlog: LIMITS.connectionsWaitingMax })
  rounds.start()
  return {
    url,
    engine,
    gateway,
    async stop() {
      dispatcher.stop()
      await gateway.close()
      await rounds.stop()
      await app.close()
      await unsubscribe()
      await clock.stop()
      await queue.close()
      await objects.close()
      redis.disconnect()
    },
  }
}
