/*
 * check.mjs coordinator|verifier|assembler|worker: whether the service of this container is well. Prints one line for
 * the log of the container engine and ends with 0, or with 1 and what is wrong.
 */
import { readdir, readFile, readlink, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Longest wait for an answer in ms; half of what the image gives the whole check, so that there is time to say what was
 * wrong.
 */
const ANSWER_TIMEOUT_MS = 5_000
/**
 * Longest age of a heartbeat in ms: it is written every 5 s, and stitching a large frame may keep a process busy for
 * some.
 */
const HEARTBEAT_AGE_MAX_MS = 60_000
/** The state of an established connection in /proc/net/tcp. */
const ESTABLISHED = '01'

const CHECKS = {
  coordinator: checkReadiness,
  verifier: () => checkConsumer('verify'),
  assembler: () => checkConsumer('assemble'),
  worker: checkConnection,
}

try {
  const check = CHECKS[process.argv[2] ?? '']
  if (check === undefined) throw new Error(`say of which service: ${Object.keys(CHECKS).join(', ')}`)
  process.stdout.write(`${await check()}\n`)
  process.exit(0)
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}

/** The coordinator answers, and reaches the farm state and the object store. */
async function checkReadiness() {
  const url = `http://127.0.0.1:${process.env.PORT || 8470}/readyz`
  const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) }).catch((error) => {
    throw new Error(`${url} does not answer: ${error.cause?.message ?? error.message}`)
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}: ${text.slice(0, 300)}`)
  return 'ready'
}

/**
 * The event loop turns, Redis answers from here, and Redis sees a consumer of the queue at this address, that is, one
 * that would be given work. Where containers share an address (the host's network) the last part cannot tell them
 * apart.
 * @param {string} queue
 */
async function checkConsumer(queue) {
  await beatingProcess()
  const { Redis } = await import('ioredis')
  const redis = new Redis(process.env.REDIS_URL ?? '', {
    lazyConnect: true,
    retryStrategy: null,
    connectTimeout: ANSWER_TIMEOUT_MS,
    commandTimeout: ANSWER_TIMEOUT_MS,
  })
  let why = ''
  redis.on('error', (error) => (why = error.message))
  await redis.connect().catch((error) => {
    throw new Error(`Redis cannot be reached: ${why || error.message}`)
  })
  const own = hostOf(await redis.client('INFO'))
  const clients = String(await redis.client('LIST', 'TYPE', 'NORMAL')).split('\n')
  const consumes = clients.some((client) => client.includes(` name=tilework-${queue} `) && hostOf(client) === own)
  if (!consumes) throw new Error(`Redis answers, but sees no consumer of the queue ${queue} at ${own}`)
  return `consumes ${queue}`
}

/** The event loop turns, and the worker's own process holds an open connection to the coordinator's port. */
async function checkConnection() {
  const url = new URL((process.env.TILEWORK_WORKER_URL ?? '').replace(/^http/i, 'ws'))
  const port = Number(url.port || (url.protocol === 'wss:' ? 443 : 80))
  const sockets = await socketsOf(await beatingProcess())
  const open = (await connectionsTo(port)).some((inode) => sockets.has(inode))
  if (!open) throw new Error(`the worker has no connection to port ${port} of ${url.hostname}`)
  return `connected to ${url.host}`
}

/**
 * The number of the process whose event loop turned lately, by the file that heartbeat.mjs writes; throws when none
 * did.
 */
async function beatingProcess() {
  const file = join(tmpdir(), 'tilework-heartbeat')
  const [{ mtimeMs }, text] = await Promise.all([stat(file), readFile(file, 'utf8')]).catch(() => {
    throw new Error(`there is no heartbeat ${file}: the service has not started`)
  })
  const ageMs = Date.now() - mtimeMs
  if (ageMs > HEARTBEAT_AGE_MAX_MS)
    throw new Error(`the last heartbeat is ${Math.round(ageMs / 1000)} s old: the process hangs`)
  return Number(text)
}

/** @param {unknown} client A line of CLIENT LIST. */
function hostOf(client) {
  return /(?:^| )addr=(\S+):\d+ /.exec(String(client))?.[1] ?? 'an unknown address'
}

/** Inodes of the sockets that a process holds. @param {number} pid */
async function socketsOf(pid) {
  const folder = `/proc/${pid}/fd`
  const targets = await Promise.all(
    (await readdir(folder)).map((name) => readlink(`${folder}/${name}`).catch(() => '')),
  ) // closed meanwhile
  return new Set(targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []))
}

/** Inodes of this container's established connections to a port. @param {number} port */
async function connectionsTo(port) {
  // No IPv6 here.
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')))
  const rows = tables.flatMap((table) => table.split('\n').slice(1)).map((line) => line.trim().split(/\s+/))
  return rows
    .filter((row) => row[3] === ESTABLISHED && Number.parseInt(row[2]?.split(':')[1] ?? '', 16) === port)
    .map((row) => row[9] ?? '')
}
