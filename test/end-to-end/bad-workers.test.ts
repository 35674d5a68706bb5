// What a worker that is broken or hostile may send: each gets a precise answer, and the farm goes on.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { LIMITS } from '../../shared/protocol/limits.ts'
import { CLOSE_CODES, CoordinatorMessage, PROTOCOL_VERSION } from '../../shared/protocol/messages.ts'
import { TestFarm } from '../support/farm.ts'
import { aHello } from '../support/hello.ts'

const MINUTE = 60_000
let farm: TestFarm

beforeAll(async () => {
  farm = await TestFarm.start()
}, MINUTE)

afterAll(async () => farm?.stop(), MINUTE)

/** A raw socket to the farm's door, with what comes back from it. */
class Knock {
  readonly socket: WebSocket
  readonly closed: Promise<{ code: number; reason: string }>
  readonly #messages: CoordinatorMessage[] = []
  readonly #waiting: ((message: CoordinatorMessage) => void)[] = []

  constructor(token: string) {
    this.socket = new WebSocket(`${farm.url.replace('http', 'ws')}/v1/worker`, {
      headers: { authorization: `Bearer ${token}` },
    })
    this.closed = new Promise((resolve) =>
      this.socket.on('close', (code, reason) => resolve({ code, reason: String(reason) })),
    )
    this.socket.on('error', () => undefined) // the close code tells
    this.socket.on('message', (bytes) => {
      const message = CoordinatorMessage.parse(JSON.parse(String(bytes)))
      const waiting = this.#waiting.shift()
      if (waiting === undefined) this.#messages.push(message)
      else waiting(message)
    })
  }

  async opened(): Promise<this> {
    if (this.socket.readyState !== WebSocket.OPEN) await new Promise((resolve) => this.socket.once('open', resolve))
    return this
  }

  async next(): Promise<CoordinatorMessage> {
    return this.#messages.shift() ?? new Promise((resolve) => this.#waiting.push(resolve))
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message))
  }
}

async function greeted(name: string): Promise<Knock> {
  const knock = await new Knock(farm.workerToken).opened()
  knock.send(aHello(name))
  expect(await knock.next()).toMatchObject({ type: 'welcome', lost: [] })
  return knock
}

/** The rest of the farm does not notice: somebody else is served as before. */
async function expectFarmServes(): Promise<void> {
  const knock = await greeted('bystander')
  expect(knock.socket.readyState).toBe(WebSocket.OPEN)
  knock.socket.close()
  await knock.closed
}

describe('the door for workers', () => {
  it('closes for a wrong token, with the code that says not to come back with it', async () => {
    const knock = new Knock('not-a-token-of-this-farm')
    expect(await knock.closed).toEqual({
      code: CLOSE_CODES.unauthorized,
      reason: 'the token is not one of a worker of this farm',
    })
  })

  it("closes for an artist's token: it is no worker's", async () => {
    expect((await new Knock(farm.token).closed).code).toBe(CLOSE_CODES.unauthorized)
  })

  it.each([
    ['text that is not JSON', 'hello?'],
    ['JSON that is no message', '{"type":"gift"}'],
    ['binary bytes', Buffer.from([1, 2, 3])],
    ['a message before hello', { type: 'heartbeat', leases: [] }],
    ['a hello with an unknown key', { ...aHello('extra'), favourite: 'tea' }],
    [
      'a hello with ten thousand leases',
      {
        ...aHello('greedy'),
        leases: Array.from({ length: 1_000 }, () => ({ jobId: `job_${'0'.repeat(26)}`, taskId: 'r0000000', epoch: 1 })),
      },
    ],
  ])('closes for %s, and says why', async (_what, message) => {
    const knock = await new Knock(farm.workerToken).opened()
    knock.send(message)
    const closed = await knock.closed
    expect(closed.code).toBe(CLOSE_CODES.bad_message)
    expect(closed.reason.length).toBeGreaterThan(5)
    await expectFarmServes()
  })

  it('closes for a message of 100 MB without reading it whole', async () => {
    const knock = await new Knock(farm.workerToken).opened()
    const before = process.memoryUsage().rss
    knock.send('x'.repeat(100_000_000))
    expect((await knock.closed).code).toBe(CLOSE_CODES.too_big)
    // The sender's own 100 MB string and its copies live in this process too: three of them, and no more.
    expect(process.memoryUsage().rss - before).toBeLessThan(400 * 1024 ** 2)
    expect(LIMITS.workerMessageBytesMax).toBeLessThan(1024 ** 2)
    await expectFarmServes()
  })

  it('closes for another version of the protocol', async () => {
    const knock = await new Knock(farm.workerToken).opened()
    knock.send({ ...aHello('future'), protocolVersion: PROTOCOL_VERSION + 1 })
    expect((await knock.closed).code).toBe(CLOSE_CODES.version)
  })

  it('gives way to a newer connection of the same worker', async () => {
    const first = await greeted('twice')
    const second = await greeted('twice')
    expect((await first.closed).code).toBe(CLOSE_CODES.replaced)
    expect(second.socket.readyState).toBe(WebSocket.OPEN)
    second.socket.close()
  })

  it.each([
    [
      'a result',
      {
        type: 'result',
        files: [{ name: '0001.raw.exr', frame: 1, role: 'raw', bytes: 10, sha256: '0'.repeat(64) }],
        renderSeconds: 1,
        peakMemoryBytes: 1,
      },
    ],
    ['a delivery', { type: 'uploaded' }],
    ['a failure', { type: 'failure', failure: { code: 'gpu_error', message: 'no' } }],
    ['a lease given back', { type: 'released' }],
  ])('refuses %s of a task that was never leased, and stays open', async (_what, message) => {
    const knock = await greeted('inventive')
    knock.send({ ...message, jobId: `job_${'0'.repeat(26)}`, taskId: 'r0000000', epoch: 1 })
    expect(await knock.next()).toMatchObject({
      type: 'refused',
      code: expect.stringMatching(/^(lease_unknown|not_found)$/),
    })
    expect(knock.socket.readyState).toBe(WebSocket.OPEN)
    knock.socket.close()
    await knock.closed
  })
})
