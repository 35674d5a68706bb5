/*
 * A real S3 server that is not ours: OpenStack Swift with its S3 interface, for one test run.
 *
 * Four processes on free ports of the loopback interface, data in a temporary folder. With
 * TILEWORK_TEST_S3_ENDPOINT (and _REGION, _ACCESS_KEY_ID, _SECRET_ACCESS_KEY, _BUCKET) the tests use
 * that server instead, and nothing is started.
 */
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile, open } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { projectFile } from './project-file.ts'

export type S3Server = {
  endpoint: string
  region: string
  accessKeyId: string
  secretAccessKey: string
  bucket: string
  stop(): Promise<void>
}

/** Longest start in milliseconds: four Python processes on a machine that is busy with other tests. */
const START_TIMEOUT_MS = 90_000
/** Longest wait in milliseconds for one look: a proxy that listens before the others do may never answer. */
const PROBE_TIMEOUT_MS = 10_000
/** Milliseconds between two looks at whether it has started. */
const PROBE_INTERVAL_MS = 100
/** Milliseconds in which a process may end by itself before it is killed. */
const STOP_TIMEOUT_MS = 3_000
/** Tries to start, since another process may take a port between our looking and Swift's binding. */
const START_TRIES_MAX = 3

const LAUNCHER = projectFile('test/support/swift-server.py')
// Plain JavaScript, which is not in the build.
const { installSwift, swiftEnvironment }: typeof import('./install-swift.mjs') = await import(
  pathToFileURL(projectFile('test/support/install-swift.mjs')).href
)
const PARTS = ['account', 'container', 'object', 'proxy'] as const
type Part = (typeof PARTS)[number]
type Ports = Record<Part, number>

/** Starts the server with one empty bucket; resolves when it answers. */
export async function startS3Server(): Promise<S3Server> {
  const given = serverFromEnvironment(process.env)
  if (given !== null) return given
  installSwift({ log: (line) => console.log(line) })
  for (let failed = 1; ; failed++) {
    try {
      return await startSwift()
    } catch (error) {
      if (failed === START_TRIES_MAX || !(error instanceof Error) || !error.message.includes('Address already in use'))
        throw error
    }
  }
}

function serverFromEnvironment(environment: NodeJS.ProcessEnv): S3Server | null {
  const endpoint = environment['TILEWORK_TEST_S3_ENDPOINT']
  if (endpoint === undefined || endpoint === '') return null
  const need = (name: string) => {
    const value = environment[`TILEWORK_TEST_S3_${name}`]
    if (value === undefined || value === '')
      throw new Error(`TILEWORK_TEST_S3_ENDPOINT also needs TILEWORK_TEST_S3_${name}`)
    return value
  }
  return {
    endpoint,
    region: need('REGION'),
    accessKeyId: need('ACCESS_KEY_ID'),
    secretAccessKey: need('SECRET_ACCESS_KEY'),
    bucket: need('BUCKET'),
    stop: async () => {},
  }
}

async function startSwift(): Promise<S3Server> {
  const home = await mkdtemp(join(tmpdir(), 'tilework-swift-'))
  const children: ChildProcess[] = []
  const stop = async () => {
    await Promise.all(children.map(stopChild))
    await rm(home, { recursive: true, force: true })
  }
  try {
    const ports = await freePorts()
    await writeSettings(home, ports)
    makeRings(home, ports)
    for (const part of PARTS) children.push(await startPart(home, part))
    const server: S3Server = {
      endpoint: `http://127.0.0.1:${ports.proxy}`,
      region: 'us-east-1',
      accessKeyId: 'test:tester',
      secretAccessKey: 'testing',
      bucket: 'tilework',
      stop,
    }
    await untilReady(server, home, children)
    return server
  } catch (error) {
    await stop()
    throw error
  }
}

// Held open together, so that the four differ.
async function freePorts(): Promise<Ports> {
  const servers = PARTS.map(() => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const found = servers.map((server) => {
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port was given')
    return address.port
  })
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  const [account = 0, container = 0, object = 0, proxy = 0] = found
  return { account, container, object, proxy }
}

async function writeSettings(home: string, ports: Ports): Promise<void> {
  await mkdir(join(home, 'data', 'disk'), { recursive: true })
  await writeFile(join(home, 'swift.conf'), SWIFT_CONF)
  for (const part of PARTS) {
    const common = [
      '[DEFAULT]',
      'bind_ip = 127.0.0.1',
      `bind_port = ${ports[part]}`,
      `user = ${userInfo().username}`,
      `devices = ${join(home, 'data')}`,
      `swift_dir = ${home}`,
      'mount_check = false',
      'disable_fallocate = true',
      'workers = 0',
      'log_level = ERROR',
    ].join('\n')
    await writeFile(join(home, `${part}.conf`), `${common}\n${part === 'proxy' ? PROXY_CONF : serverConf(part)}`)
  }
}

function makeRings(home: string, { account, container, object }: Ports): void {
  const rings = [`account=${account}`, `container=${container}`, `object=${object}`]
  const made = spawnSync('python3', [LAUNCHER, String(process.pid), 'rings', home, ...rings], {
    env: swiftEnvironment(),
    encoding: 'utf8',
    timeout: START_TIMEOUT_MS,
  })
  if (made.status !== 0) throw new Error(`Swift's rings could not be made:\n${made.stderr}`)
}

async function startPart(home: string, part: Part): Promise<ChildProcess> {
  const log = await open(join(home, `${part}.log`), 'w')
  try {
    const args = [LAUNCHER, String(process.pid), `${part}-server`, join(home, `${part}.conf`)]
    // In a group of its own, as Swift sends signals to its whole group.
    const options = { env: swiftEnvironment(), detached: true }
    const child = spawn('python3', args, { ...options, stdio: ['ignore', log.fd, log.fd] })
    await once(child, 'spawn')
    return child
  } finally {
    await log.close()
  }
}

// The bucket needs all four parts, so making it is the probe.
async function untilReady(server: S3Server, home: string, children: readonly ChildProcess[]): Promise<void> {
  const { endpoint, region, accessKeyId, secretAccessKey, bucket } = server
  const client = new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    maxAttempts: 1,
  })
  const deadline = performance.now() + START_TIMEOUT_MS
  try {
    for (;;) {
      try {
        await client.send(new CreateBucketCommand({ Bucket: bucket }), {
          abortSignal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
        })
        return
      } catch (error) {
        const dead = children.some((child) => child.exitCode !== null || child.signalCode !== null)
        if (dead || performance.now() > deadline) {
          throw new Error(`Swift did not start (${String(error)}):\n${await logsOf(home)}`)
        }
      }
      await pause(PROBE_INTERVAL_MS)
    }
  } finally {
    client.destroy()
  }
}

async function logsOf(home: string): Promise<string> {
  const logs = await Promise.all(PARTS.map((part) => readFile(join(home, `${part}.log`), 'utf8')))
  return logs.map((log, at) => `${PARTS[at]}: ${log.slice(-2000)}`).join('\n')
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const killer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
  await ended
  clearTimeout(killer)
}

const SWIFT_CONF = `[swift-hash]
swift_hash_path_prefix = tilework
swift_hash_path_suffix = tests
[storage-policy:0]
name = only
default = yes
`

// Without a background updater a listing is only right if each write waits for its container.
function serverConf(part: Exclude<Part, 'proxy'>): string {
  return `[pipeline:main]
pipeline = ${part}-server
[app:${part}-server]
use = egg:swift#${part}
container_update_timeout = 30
conn_timeout = 10
node_timeout = 30
`
}

// No memcached: its filter is there because the login wants one, and points at a port nobody has.
const PROXY_CONF = `[pipeline:main]
pipeline = catch_errors gatekeeper cache listing_formats bulk s3api tempauth copy slo dlo versioned_writes proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
conn_timeout = 10
node_timeout = 30
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
s3_acl = false
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
`
