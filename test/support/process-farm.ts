/*
 * A farm of real processes for tests of what can go wrong: a redis-server, an object store, and any number of
 * coordinators, verifiers, assemblers and workers, each started by the `tilework` command. Everybody reaches Redis, the
 * object store and the coordinators over lines that a test can cut; coordinators are behind one that gives each
 * connection to the next of them.
 */
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectRedis, reach } from '../../shared/adapters/redis/link.ts'
import { startRedisServer } from '../../shared/adapters/redis/server.ts'
import type { RedisServer } from '../../shared/adapters/redis/server.ts'
import { WorkerPage } from '../../shared/protocol/rest.ts'
import type { WorkerRecord } from '../../shared/protocol/worker.ts'
import { FarmApi } from './farm-api.ts'
import { Part, type PartOptions } from './part.ts'
import { startS3Server, type S3Server } from './s3-server.ts'
import { freePorts, TcpLine } from './tcp-line.ts'

const OPERATOR_TOKEN = 'operator-token-of-the-test'
const WORKER_TOKEN = 'worker-token-of-the-test'
/** Leases are short, so that tests need not wait long for one to run out; each is still five heartbeats. */
const ENVIRONMENT = {
  TILEWORK_SECRET: 'a secret of the test that is long enough',
  TILEWORK_ADMIN_TOKENS: `operator:${OPERATOR_TOKEN}`,
  TILEWORK_WORKER_TOKENS: `crew:${WORKER_TOKEN}`,
  TILEWORK_LEASE_SECONDS: '10',
  TILEWORK_HEARTBEAT_SECONDS: '2',
  LOG_LEVEL: 'info',
}
/** Coordinators that one farm may have. The line before them passes over those that do not run. */
const COORDINATORS_MAX = 4

export type ServiceKind = 'coordinator' | 'verifier' | 'assembler'
export interface ProcessFarmOptions {
  readonly store: 'folder' | 's3'
  readonly env?: Readonly<Record<string, string>>
  readonly nodeArgs?: readonly string[]
}
export interface PartChange {
  readonly env?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
  readonly under?: readonly string[]
}

export class ProcessFarm extends FarmApi {
  readonly redisLine: TcpLine
  readonly storeLine: TcpLine | null
  /** Before all coordinators, for artists and workers. */
  readonly front: TcpLine
  readonly parts = new Map<string, Part>()
  /** Of the coordinators, in the order in which they are added. */
  readonly ports: readonly number[]
  readonly environment: Readonly<Record<string, string>>
  readonly s3: S3Server | null
  readonly #options: ProcessFarmOptions
  #redis: RedisServer
  #coordinators = 0
  #recoveries = 0

  private constructor(
    folder: string,
    options: ProcessFarmOptions,
    made: {
      redis: RedisServer
      s3: S3Server | null
      redisLine: TcpLine
      storeLine: TcpLine | null
      front: TcpLine
      ports: number[]
    },
  ) {
    super(`http://127.0.0.1:${made.front.port}`, OPERATOR_TOKEN, folder)
    this.#options = options
    this.#redis = made.redis
    this.s3 = made.s3
    this.redisLine = made.redisLine
    this.storeLine = made.storeLine
    this.front = made.front
    this.ports = made.ports
    const store: Record<string, string> =
      made.s3 === null || made.storeLine === null
        ? { TILEWORK_STORE_DIR: this.storeFolder, TILEWORK_PUBLIC_URL: this.url }
        : {
            S3_BUCKET: made.s3.bucket,
            S3_ENDPOINT: `http://127.0.0.1:${made.storeLine.port}`,
            S3_REGION: made.s3.region,
            S3_ACCESS_KEY_ID: made.s3.accessKeyId,
            S3_SECRET_ACCESS_KEY: made.s3.secretAccessKey,
          }
    this.environment = {
      ...ENVIRONMENT,
      ...store,
      REDIS_URL: `redis://127.0.0.1:${made.redisLine.port}`,
      ...options.env,
    }
  }

  /** Redis and the object store; the rest is added. */
  static async start(options: ProcessFarmOptions): Promise<ProcessFarm> {
    const folder = await mkdtemp(join(tmpdir(), 'tw-'))
    await mkdir(join(folder, 'logs'))
    const redis = await startRedisServer({ folder: join(folder, 'redis') })
    const s3 = options.store === 's3' ? await startS3Server() : null
    const ports = await freePorts(COORDINATORS_MAX)
    return new ProcessFarm(folder, options, {
      redis,
      s3,
      ports,
      redisLine: await TcpLine.open({ path: redis.url }),
      storeLine: s3 === null ? null : await TcpLine.open({ port: Number(new URL(s3.endpoint).port) }),
      front: await TcpLine.open(),
    })
  }

  get storeFolder(): string {
    return join(this.folder, 'objects')
  }

  get workerToken(): string {
    return WORKER_TOKEN
  }

  get redisPath(): string {
    return this.#redis.url
  }

  part(name: string): Part {
    const part = this.parts.get(name)
    if (part === undefined) throw new Error(`there is no ${name} on this farm`)
    return part
  }

  /** Starts a service and waits until it works. */
  async add(kind: ServiceKind, name: string, change: PartChange = {}): Promise<Part> {
    const port = kind === 'coordinator' ? { PORT: String(this.#nextPort()) } : {}
    const part = this.#make(
      name,
      {
        args: [kind, ...(change.args ?? [])],
        env: { ...this.environment, TILEWORK_DATA_DIR: this.dataFolder(name), ...port, ...change.env },
      },
      change,
    )
    await part.start().said(READY[kind])
    return part
  }

  /** Starts a worker with real Blender and waits until a coordinator knows it. */
  async addWorker(name: string, change: PartChange & { url?: string } = {}): Promise<Part> {
    const args = [
      'worker',
      '--url',
      (change.url ?? this.url).replace('http', 'ws'),
      '--name',
      name,
      '--data-dir',
      this.dataFolder(name),
      '--threads',
      '1',
      '--sandbox',
      'off',
      ...(change.args ?? []),
    ]
    const part = this.#make(name, { args, env: { TILEWORK_WORKER_TOKEN: WORKER_TOKEN, ...change.env } }, change)
    part.start()
    await this.connected(name)
    return part
  }

  dataFolder(name: string): string {
    return join(this.folder, name)
  }

  async workers(): Promise<WorkerRecord[]> {
    return WorkerPage.parse(await this.get('/v1/workers')).items
  }

  async connected(name: string): Promise<void> {
    await this.until(async () => {
      if (!this.part(name).alive)
        throw new Error(`${name} ended with ${this.part(name).ending}:\n${(await this.part(name).log()).slice(-3_000)}`)
      return (await this.workers()).some((worker) => worker.name === name && worker.state === 'connected')
    })
  }

  /** Blenders that a worker has started and that run, by process id. */
  async blendersOf(name: string): Promise<number[]> {
    const pid = this.part(name).pid
    if (pid === undefined) return []
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
    return children
      .split(' ')
      .filter((each) => each !== '')
      .map(Number)
  }

  readonly redis = {
    kill: async (): Promise<void> => {
      process.kill(this.#redis.pid, 'SIGKILL')
      await this.#redis.ended
    },
    /** On the append-only file of before. */
    start: async (): Promise<void> => {
      this.#redis = await startRedisServer({ folder: join(this.folder, 'redis') })
    },
    freeze: (): void => void process.kill(this.#redis.pid, 'SIGSTOP'),
    thaw: (): void => void process.kill(this.#redis.pid, 'SIGCONT'),
  }

  /** All that Redis holds is gone at once. */
  async emptyRedis(): Promise<void> {
    const redis = connectRedis(this.redisPath)
    try {
      await reach(redis, () => redis.flushall())
    } finally {
      redis.disconnect()
    }
  }

  /** `tilework recover` in a process of its own; false when it said that it could not. */
  async recover(): Promise<boolean> {
    const name = `recover-${this.#recoveries++}`
    const from = this.s3 === null ? this.storeFolder : `s3://${this.s3.bucket}`
    const part = new Part(name, {
      args: ['recover', '--from', from, '--json'],
      env: this.environment,
      logPath: join(this.folder, 'logs', `${name}.log`),
    }).start()
    await part.over()
    return part.ending === 'exit code 0'
  }

  /** The folder with all objects is taken away, as a network drive may be; `back` brings it again. */
  async takeStoreAway(): Promise<() => Promise<void>> {
    await rename(this.storeFolder, `${this.storeFolder}-away`)
    return async () => {
      await rm(this.storeFolder, { recursive: true, force: true })
      await rename(`${this.storeFolder}-away`, this.storeFolder)
    }
  }

  /** Ends everything. Legal at any moment; with `keep` the folder stays. */
  async stop({ keep = false }: { keep?: boolean } = {}): Promise<void> {
    const all = [...this.parts.values()]
    // Workers first, so that they can say goodbye.
    await Promise.all(all.filter((part) => part.isWorker).map((part) => part.stop()))
    await Promise.all(all.map((part) => part.stop()))
    this.redis.thaw()
    await this.#redis.stop()
    await this.s3?.stop()
    await Promise.all([this.redisLine, this.storeLine, this.front].map(async (line) => line?.remove()))
    if (!keep) await rm(this.folder, { recursive: true, force: true })
  }

  /** The line before the coordinators leads there from now on; until then the port may be somebody else's. */
  #nextPort(): number {
    const port = this.ports[this.#coordinators++]
    if (port === undefined) throw new Error(`a farm of the tests has at most ${COORDINATORS_MAX} coordinators`)
    this.front.add({ port })
    return port
  }

  #make(name: string, base: Pick<PartOptions, 'args' | 'env'>, change: PartChange): Part {
    if (this.parts.has(name)) throw new Error(`there is a ${name} on this farm already`)
    const part = new Part(name, {
      ...base,
      logPath: join(this.folder, 'logs', `${name}.log`),
      ...(this.#options.nodeArgs === undefined ? {} : { nodeArgs: this.#options.nodeArgs }),
      ...(change.under === undefined ? {} : { under: change.under }),
    })
    this.parts.set(name, part)
    return part
  }
}

const READY: Readonly<Record<ServiceKind, string>> = {
  coordinator: 'coordinator listens',
  verifier: 'verifier runs',
  assembler: 'assembler runs',
}
