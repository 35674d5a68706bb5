import { once } from 'node:events'
import Fastify, { type FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { tokenHash } from '../../../services/wiring/tokens.ts'
import { WorkerGateway } from '../../../services/coordinator/worker-gateway.ts'
import { MemoryBulletin } from '../../../shared/adapters/memory/bulletin.ts'
import { MemoryFarmStore } from '../../../shared/adapters/memory/farm-store.ts'
import { MemoryObjectStore } from '../../../shared/adapters/memory/object-store.ts'
import { MemoryWorkQueue } from '../../../shared/adapters/memory/work-queue.ts'
import { SystemClock } from '../../../shared/adapters/system/clock.ts'
import { SystemRandom } from '../../../shared/adapters/system/random.ts'
import { type Engine, ENGINE_TIMES } from '../../../shared/engine/context.ts'
import { Dispatcher } from '../../../shared/engine/dispatch/dispatcher.ts'
import { renderTaskId } from '../../../shared/protocol/ids.ts'
import { CLOSE_CODES } from '../../../shared/protocol/messages.ts'
import { aJobId } from '../../conformance/farm-store-records.ts'
import { aHello } from '../../support/hello.ts'

let app: FastifyInstance
let store: MemoryFarmStore
let gateway: WorkerGateway
let url: string
const opened: WebSocket[] = []

async function open(
  limits: ConstructorParameters<typeof WorkerGateway>[2] = {},
  around: (store: MemoryFarmStore) => Engine['store'] = (each) => each,
): Promise<void> {
  store = new MemoryFarmStore()
  const clock = new SystemClock()
  const engine: Engine = {
    store: around(store),
    queue: new MemoryWorkQueue(),
    bulletin: new MemoryBulletin(),
    objects: new MemoryObjectStore({ nowMs: () => clock.now() }),
    clock,
    random: new SystemRandom(),
    log: pino({ level: 'silent' }),
    secret: 'a secret of the test',
    times: ENGINE_TIMES,
  }
  gateway = new WorkerGateway(engine, new Dispatcher(engine), limits)
  app = Fastify()
  await gateway.register(app)
  url = (await app.listen({ host: '127.0.0.1', port: 0 })).replace('http', 'ws')
  for (const name of ['ada', 'ben']) await store.putToken(tokenHash(`${name}-token`), { name, scopes: ['worker'] })
}

beforeEach(() => open())

afterEach(async () => {
  for (const socket of opened.splice(0)) socket.terminate()
  await gateway.close()
  await app.close()
})

function connect(token = 'ada-token'): WebSocket {
  const socket = new WebSocket(`${url}/v1/worker`, { headers: { authorization: `Bearer ${token}` } })
  socket.on('error', () => undefined)
  opened.push(socket)
  return socket
}

const hello = (name: string) => JSON.stringify(aHello(`test_${name}`))

/** A worker that is welcomed. */
async function welcomed(name: string, token?: string): Promise<WebSocket> {
  const socket = connect(token)
  socket.once('open', () => socket.send(hello(name)))
  const answer = await Promise.race([
    once(socket, 'message').then(([text]) => JSON.parse(String(text))),
    ending(socket),
  ])
  expect(answer).toMatchObject({ type: 'welcome' })
  return socket
}

async function ending(socket: WebSocket): Promise<{ code: number; reason: string }> {
  const [code, reason] = await once(socket, 'close')
  return { code, reason: String(reason) }
}

describe('the door for workers', () => {
  it('lets in a thousand that come back at the same moment', async () => {
    await Promise.all(Array.from({ length: 1_000 }, (_, at) => welcomed(`n${at}`)))
    expect(gateway.connected()).toBe(1_000)
    expect((await store.connectedWorkers()).size).toBe(1_000)
    for (const socket of opened) socket.close()
    await vi.waitFor(() => expect(gateway.connected()).toBe(0), 10_000)
  })

  it.each([
    [{ connected: 2 }, '2 workers are connected here'],
    [{ perToken: 2 }, '2 workers with tokens of ada are connected here'],
  ])('sends away, to come again later, who comes when as many are here as may be: %o', async (limits, reason) => {
    await gateway.close()
    await app.close()
    await open(limits)
    const first = await welcomed('first')
    await welcomed('second')
    expect(await ending(connect())).toEqual({ code: CLOSE_CODES.overloaded, reason })
    first.close()
    await vi.waitFor(() => expect(gateway.connected()).toBe(1))
    await welcomed('third')
  })

  it.each([
    [{ ungreeted: 2 }, '2 workers are waiting to be greeted here'],
    [{ ungreetedPerAddress: 2 }, '2 workers of your address are waiting to be greeted here'],
  ])('counts those that have not said hello apart: %o', async (limits, reason) => {
    await gateway.close()
    await app.close()
    await open(limits)
    for (const name of ['a', 'b', 'c']) await welcomed(name)
    const silent = connect()
    await Promise.all([once(silent, 'open'), once(connect(), 'open')])
    expect(await ending(connect())).toEqual({ code: CLOSE_CODES.overloaded, reason })
    silent.send(hello('d'))
    await once(silent, 'message')
    await welcomed('e')
  })

  it('keeps places of one owner apart from those of another', async () => {
    await gateway.close()
    await app.close()
    await open({ perToken: 1 })
    await welcomed('first')
    await welcomed('other', 'ben-token')
    expect((await ending(connect())).code).toBe(CLOSE_CODES.overloaded)
  })

  it('closes a connection that says no hello', async () => {
    await gateway.close()
    await app.close()
    await open({ helloMs: 50 })
    expect(await ending(connect())).toEqual({ code: CLOSE_CODES.silent, reason: 'no hello in time' })
    await welcomed('quick')
  })

  it('does not take a second hello while the first is answered', async () => {
    const socket = connect()
    await once(socket, 'open')
    socket.send(hello('twice'))
    socket.send(hello('twice'))
    expect(await ending(socket)).toEqual({ code: CLOSE_CODES.bad_message, reason: 'a second hello' })
  })

  it('refuses a worker that nobody knows when as many are known as may be', async () => {
    await welcomed('known')
    store.countWorkers = async () => 100_000
    await welcomed('known')
    const stranger = connect()
    stranger.once('open', () => stranger.send(hello('stranger')))
    expect(await ending(stranger)).toMatchObject({
      code: CLOSE_CODES.overloaded,
      reason: expect.stringContaining('the farm already knows 100000 workers'),
    })
  })
})

describe('a connection of a worker', () => {
  it('leaves nothing behind when it ends while its token is looked up', async () => {
    await gateway.close()
    await app.close()
    let answer: () => void = () => undefined
    const asked = new Promise<void>((isAsked) => {
      void open({}, (each) => {
        each.token = async () => {
          isAsked()
          await new Promise<void>((resolve) => (answer = resolve))
          return { name: 'ada', scopes: ['worker'] }
        }
        return each
      }).then(() => connect())
    })
    await asked
    opened[0]?.terminate()
    await vi.waitFor(() => expect(app.server.listening).toBe(true))
    await vi.waitFor(async () =>
      expect(await new Promise((resolve) => app.server.getConnections((_, count) => resolve(count)))).toBe(0),
    )
    answer()
    await gateway.close()
    expect(gateway.connected()).toBe(0)
  })

  it('is told to come again when the farm cannot look its token up', async () => {
    store.away = true
    expect(await ending(connect())).toEqual({
      code: CLOSE_CODES.going_away,
      reason: 'the farm is not available right now; reconnect',
    })
    store.away = false
    await welcomed('later')
  })

  it('outlives an outage of the farm state in which it only beats', async () => {
    const socket = await welcomed('steady')
    const beat = JSON.stringify({ type: 'heartbeat', leases: [] })
    const beats = vi.spyOn(store, 'keepSession')
    store.away = true
    socket.send(beat)
    await vi.waitFor(() => expect(beats).toHaveBeenCalledTimes(1))
    store.away = false
    socket.send(beat)
    await vi.waitFor(() => expect(beats).toHaveBeenCalledTimes(2))
    expect([socket.readyState, gateway.connected()]).toEqual([WebSocket.OPEN, 1])
    store.away = true
    socket.send(JSON.stringify({ type: 'draining' }))
    expect((await ending(socket)).code).toBe(CLOSE_CODES.going_away)
    store.away = false
  })

  it('is dropped with the reason when it does not read what it is sent', async () => {
    const slow = await welcomed('slow')
    slow.pause()
    for (let count = 0; count < 6_000; count++)
      gateway.cancelLease({
        type: 'lease_canceled',
        jobId: aJobId(1),
        taskId: renderTaskId(1),
        epoch: 1,
        workerId: 'wrk_test_slow',
        reason: 'x'.repeat(4_000),
      })
    slow.resume()
    expect(await ending(slow)).toEqual({
      code: CLOSE_CODES.overloaded,
      reason: 'the worker does not read what it is sent',
    })
    await vi.waitFor(() => expect(gateway.connected()).toBe(0))
  })

  it('ends with a reason that fits into its close frame, whatever the worker wrote', async () => {
    const socket = await welcomed('odd')
    socket.send(JSON.stringify({ type: 'heartbeat', leases: [], ['日'.repeat(300)]: 1 }))
    const { code, reason } = await ending(socket)
    expect(code).toBe(CLOSE_CODES.bad_message)
    expect(reason).toMatch(/^not a message of this protocol: .*日$/)
    expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123)
    await welcomed('next')
  })
})
