/** The doors that strangers speak to: the messages of workers, and REST. */
import { EventEmitter } from 'node:events'
import { pino } from 'pino'
import type { WebSocket } from 'ws'
import { WorkerSession } from '../../services/coordinator/worker-session.ts'
import { ENGINE_TIMES } from '../../shared/engine/context.ts'
import { Dispatcher } from '../../shared/engine/dispatch/dispatcher.ts'
import type { CoordinatorMessage, Lease } from '../../shared/protocol/messages.ts'
import { EngineFarm } from '../integration/engine/engine-farm.ts'
import { aHello } from '../support/hello.ts'
import { type RestFarm, sceneForm, startRestFarm } from '../support/rest-farm.ts'
import { smallBlend } from '../fixtures/scenes/small-blend.ts'
import { anInspection, capabilities } from '../unit/domain/records.ts'
import type { SeededRandom } from '../simulation/random.ts'
import { spoiled, spoiledJson } from './mutate.ts'
import type { Target } from './target.ts'

const LISTS = ['jobs', 'scenes', 'workers', 'uploads', 'jobs/job_01j9zzzzzzzzzzzzzzzzzzzzzz/tasks'] as const
const QUERIES = ['limit', 'cursor', 'state', 'x'] as const

export async function protocolTargets(): Promise<Target[]> {
  return [await workerMessages(), await restRequests()]
}

/** A socket that is as strict about close frames as the real one. */
class FuzzSocket extends EventEmitter {
  readonly OPEN = 1
  readyState = 1
  readonly bufferedAmount = 0
  readonly sent: CoordinatorMessage[] = []
  send(text: string): void {
    this.sent.push(JSON.parse(text) as CoordinatorMessage)
  }
  close(code: number, reason: string): void {
    if (Buffer.byteLength(reason) > 123 || code < 1000 || code > 4999)
      throw new RangeError(`no close frame holds ${code} ${reason}`)
    this.terminate()
  }
  terminate(): void {
    if (this.readyState === 3) return
    this.readyState = 3
    this.emit('close', 1000)
  }
  pause(): void {}
  resume(): void {}
}

const HELLO = aHello('fuzzer', { capabilities: capabilities({ slots: 4 }) })

/**
 * Up to seven lines, the first of them for most inputs a good hello; `LEASE` stands for a lease the worker was given.
 */
async function workerMessages(): Promise<Target> {
  const ref = { jobId: 'LEASE_JOB', taskId: 'LEASE_TASK', epoch: 424_242 }
  const file = (role: string) => ({ name: `1.${role}`, frame: 1, role, bytes: 10, sha256: 'a'.repeat(64) })
  const messages = [
    HELLO,
    { ...HELLO, leases: [ref] },
    { type: 'heartbeat', leases: [ref], loadAverage: 1, memoryFreeBytes: 2 },
    { type: 'progress', ...ref, frame: 1, samplesDone: 1, samplesTotal: 4, secondsLeft: 3 },
    { type: 'result', ...ref, files: [file('final'), file('raw')], renderSeconds: 1, peakMemoryBytes: 1 },
    { type: 'inspected', ...ref, inspection: anInspection(), seconds: 1 },
    { type: 'uploaded', ...ref },
    { type: 'failure', ...ref, failure: { code: 'blender_crashed', message: 'it went away' } },
    { type: 'released', ...ref },
    { type: 'draining' },
  ]
  let farm = new EngineFarm()
  let uses = 0
  const complaints: string[] = []
  const renew = async () => {
    farm = new EngineFarm()
    uses = 0
    await farm.submit({ frames: '1-40' })
  }
  await renew()
  return {
    name: 'worker-messages',
    input(random) {
      const lines: Buffer[] = random.chance(0.9) ? [Buffer.from(JSON.stringify(HELLO))] : []
      for (let count = 1 + random.below(6); count > 0; count--) {
        const message = random.pick(messages)
        if (random.chance(0.85))
          lines.push(
            Buffer.from(JSON.stringify(random.chance(0.4) ? spoiledJson(random, message) : message) ?? 'undefined'),
          )
        else
          lines.push(
            Buffer.from(
              spoiled(random, [Buffer.from(JSON.stringify(message))])
                .toString('latin1')
                .replaceAll('\n', ' '),
              'latin1',
            ),
          )
      }
      return Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]))
    },
    async take(input) {
      if (++uses > 100) await renew()
      complaints.length = 0
      const log = pino({ level: 'error' }, { write: (line: string) => void complaints.push(line) })
      const engine = { ...farm.engine, log, times: ENGINE_TIMES }
      const dispatcher = new Dispatcher(engine)
      const socket = new FuzzSocket()
      const session = new WorkerSession(socket as unknown as WebSocket, {
        engine,
        dispatcher,
        sessionId: `s${uses}`,
        owner: 'grace',
        onReady: () => undefined,
        onClose: () => undefined,
      })
      for (const jobId of await engine.store.openJobs()) await dispatcher.refresh(jobId)
      let lease: Lease | undefined
      for (const line of linesOf(input)) {
        lease ??= socket.sent.find((message) => message.type === 'lease')
        const text =
          lease === undefined
            ? line
            : Buffer.from(
                line
                  .toString('latin1')
                  .replaceAll('LEASE_JOB', lease.jobId)
                  .replaceAll('LEASE_TASK', lease.taskId)
                  .replaceAll('424242', String(lease.epoch)),
                'latin1',
              )
        if (socket.readyState === 1) socket.emit('message', text, false)
        for (let turn = 0; turn < 4; turn++) await new Promise((done) => setImmediate(done))
      }
      dispatcher.stop()
      const ended = socket.readyState === 3
      socket.terminate()
      await session.ended
      if (complaints.length > 0) throw new Error(complaints.join(''))
      return `${ended ? 'closed' : 'open'} ${[...new Set(socket.sent.map(({ type }) => type))].join(' ')}`
    },
    settle: renew,
    close: async () => undefined,
  }
}

function linesOf(input: Buffer): Buffer[] {
  const lines: Buffer[] = []
  for (let from = 0; from < input.length;) {
    const end = input.indexOf(10, from)
    lines.push(input.subarray(from, end < 0 ? input.length : end))
    from = end < 0 ? input.length : end + 1
  }
  return lines
}

interface Asked {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'HEAD'
  readonly url: string
  readonly headers: Record<string, string>
  /** As latin1. */
  readonly body: string
}

/** A request as JSON, with its body spoiled as JSON or as bytes. */
async function restRequests(): Promise<Target> {
  let farm: RestFarm | undefined
  let scene = ''
  const renew = async () => {
    await farm?.close()
    farm = await startRestFarm({ limits: { requestsPerMinuteMax: 1e9, sceneBytesMax: 1_000_000 } })
    scene = await farm.addScene()
  }
  await renew()
  const request = {
    scene,
    name: 'x',
    frames: '1-4',
    tiles: { columns: 2, rows: 2 },
    settings: { resolution: { width: 64, height: 36 }, samples: 4, format: { file: 'png', colorDepth: '8' } },
    auditRate: 0.1,
    video: 'none',
    priority: 50,
    requirement: { deviceKinds: ['CPU'], tags: ['a'], memoryBytesMin: 1 },
  }
  const json = { 'content-type': 'application/json' }
  const form = sceneForm({ scene: smallBlend(), before: { name: 'a' }, after: { sha256: scene } })
  const metadata =
    `filename ${Buffer.from('a.blend').toString('base64')},sha256 ` + `${Buffer.from(scene).toString('base64')}`
  const asked = (random: SeededRandom): Asked => {
    const spoil = (text: string) =>
      random.chance(0.5) ? text : spoiled(random, [Buffer.from(text, 'latin1')]).toString('latin1')
    const value = () =>
      encodeURIComponent(
        spoil(random.pick(['10', '0', scene, 'rendering', '000001800000000000:job_01j9zzzzzzzzzzzzzzzzzzzzzz'])),
      )
    switch (random.below(5)) {
      case 0:
      case 1: {
        const body = JSON.stringify(random.chance(0.8) ? spoiledJson(random, request) : request) ?? ''
        return { method: 'POST', url: '/v1/plans', headers: json, body: random.chance(0.8) ? body : spoil(body) }
      }
      case 2:
        return {
          method: random.pick(['GET', 'HEAD', 'DELETE', 'POST']),
          url: `/v1/${random.pick(LISTS)}${random.chance(0.3) ? `/${value()}` : ''}?${random.pick(QUERIES)}=${value()}`,
          headers: {},
          body: '',
        }
      case 3:
        return {
          method: 'POST',
          url: '/v1/scenes',
          headers: {
            'content-type': random.chance(0.8)
              ? (form.headers['content-type'] ?? '')
              : spoil(form.headers['content-type'] ?? '').replaceAll(/[^\x20-\x7e]/g, '_'),
          },
          body: spoiled(random, [form.payload]).toString('latin1'),
        }
      default:
        return {
          method: 'POST',
          url: '/v1/uploads',
          headers: {
            'tus-resumable': '1.0.0',
            'upload-length': random.pick(['9', '-1', '1e9', '99999999999999999999', '', '0']),
            'upload-metadata': spoil(metadata).replaceAll(/[^\x20-\x7e]/g, '_'),
          },
          body: '',
        }
    }
  }
  return {
    name: 'rest',
    input: (random) => Buffer.from(JSON.stringify(asked(random))),
    async take(input) {
      if (farm === undefined) throw new Error('closed')
      const { method, url, headers, body } = JSON.parse(input.toString()) as Asked
      const answer = await farm.ask(url.includes('workers') ? 'root' : 'ada', {
        method,
        url,
        headers,
        ...(body === '' ? {} : { payload: Buffer.from(body, 'latin1') }),
      })
      if (answer.statusCode >= 500)
        throw new Error(
          `${method} ${url} was answered ${answer.statusCode}: ${answer.body.slice(0, 500)} ` +
            `${JSON.stringify(farm.logged.at(-1)).slice(0, 1_500)}`,
        )
      farm.logged.length = 0
      if (method === 'POST' && url === '/v1/uploads' && answer.statusCode === 201)
        await farm.ask('ada', {
          method: 'DELETE',
          url: String(answer.headers.location),
          headers: { 'tus-resumable': '1.0.0' },
        })
      return `${url.split('/')[2]?.split('?')[0]} ${answer.statusCode}`
    },
    settle: renew,
    close: async () => farm?.close(),
  }
}
