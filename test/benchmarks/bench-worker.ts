import { createHash } from 'node:crypto'
import { WebSocket } from 'ws'
import { CLOSE_CODES, CoordinatorMessage, type LeaseRef } from '../../shared/protocol/messages.ts'
import { aHello } from '../support/hello.ts'
import { BENCH_FILE_BYTES, BENCH_TOKEN } from './bench-coordinator.ts'

const SHA = createHash('sha256').update('x').digest('hex')
/** What a worker would say of the sample scene, as far as the coordinator asks. */
const INSPECTION = {
  scene: 'sea of tiles',
  blenderVersion: '3.4.1',
  engine: 'CYCLES',
  image: { width: 480, height: 270, region: { x: 0, y: 0, width: 480, height: 270 }, cropsToBorder: false },
  hasCamera: true,
  tiling: { exact: true, overscanPx: 0, reasons: [] },
  history: [],
  missingFiles: [],
  fileOutputs: [],
  blockedScripts: [],
  denoising: false,
  stereo: false,
  motionBlur: false,
  burnsStamp: false,
  timeLimitSeconds: 0,
  cut: false,
}

export interface BenchWorkerOptions {
  readonly url: string
  readonly index: number
  /** Where it calls from; a machine has a few ten thousand ports for each of its addresses. */
  readonly localAddress?: string
  /** Beats at this rhythm; never when left out. */
  readonly heartbeatMs?: number
  onLease?(): void
  /** It has committed to a result: there is room for the next lease. */
  onResult?(): void
  onReleased?(): void
  /** What is done about files that the farm asks for; nothing when left out. */
  send?(files: readonly { url: string; headers: Record<string, string> }[]): Promise<void>
}

/**
 * A worker that renders in no time: it commits to two files, is asked for one, says that it is uploaded, and has room
 * again.
 */
export class BenchWorker {
  readonly #options: BenchWorkerOptions
  readonly #held = new Map<string, LeaseRef>()
  #socket: WebSocket | null = null
  #beat: NodeJS.Timeout | undefined
  #again: NodeJS.Timeout | undefined
  #wanted = false
  #tries = 0
  welcomed = false

  constructor(options: BenchWorkerOptions) {
    this.#options = options
  }

  /** Connects, and again after each loss, with the waits of the real agent. */
  start(): void {
    this.#wanted = true
    this.#connect()
  }

  /** Ends the line as a lost network does; the worker comes back by itself. */
  cut(): void {
    this.#socket?.terminate()
  }

  async stop(): Promise<void> {
    this.#wanted = false
    clearTimeout(this.#again)
    const socket = this.#socket
    if (socket === null || socket.readyState === WebSocket.CLOSED) return
    await new Promise((resolve) => {
      socket.once('close', resolve)
      socket.close()
    })
  }

  #connect(): void {
    const { url, index, localAddress, heartbeatMs } = this.#options
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/worker`, {
      headers: { authorization: `Bearer ${BENCH_TOKEN}` },
      perMessageDeflate: false,
      ...(localAddress === undefined ? {} : { localAddress }),
    })
    this.#socket = socket
    socket.on('error', () => undefined) // followed by close
    socket.on('open', () =>
      socket.send(JSON.stringify(aHello(`bench_${index}`, { leases: [...this.#held.values()].slice(0, 64) }))),
    )
    socket.on('message', (bytes) => this.#hear(JSON.parse(String(bytes)) as CoordinatorMessage))
    socket.on('close', (code) => {
      this.welcomed = false
      clearInterval(this.#beat)
      if (!this.#wanted) return
      // The waits of blender-worker/session/backoff.ts.
      const waitMs =
        code === CLOSE_CODES.overloaded
          ? 15_000 * (1 + Math.random())
          : Math.random() * Math.min(30_000, 500 * 2 ** this.#tries++)
      this.#again = setTimeout(() => this.#connect(), waitMs)
    })
    if (heartbeatMs === undefined) return
    this.#beat = setInterval(() => {
      if (this.welcomed)
        socket.send(
          JSON.stringify({
            type: 'heartbeat',
            leases: [...this.#held.values()].slice(0, 64),
            loadAverage: 1,
            memoryFreeBytes: 1,
          }),
        )
    }, heartbeatMs)
  }

  #hear(message: CoordinatorMessage): void {
    const { onLease, onResult, onReleased, send } = this.#options
    const say = (what: object) => this.#socket?.send(JSON.stringify(what))
    switch (message.type) {
      case 'welcome':
        this.welcomed = true
        this.#tries = 0
        for (const lost of message.lost) this.#held.delete(`${lost.taskId}@${lost.epoch}`)
        return
      case 'lease': {
        const { jobId, taskId, epoch, work } = message
        this.#held.set(`${taskId}@${epoch}`, { jobId, taskId, epoch })
        onLease?.()
        if (work.kind === 'inspect')
          return say({ type: 'inspected', jobId, taskId, epoch, inspection: INSPECTION, seconds: 1 })
        const frame = work.kind === 'render' ? (work.frames[0] ?? 0) : work.frame
        const file = (role: string) => ({ name: `${frame}.${role}`, frame, role, bytes: BENCH_FILE_BYTES, sha256: SHA })
        say({
          type: 'result',
          jobId,
          taskId,
          epoch,
          files: [file('final'), file('raw')],
          renderSeconds: 0.1,
          peakMemoryBytes: 1,
        })
        return onResult?.()
      }
      case 'upload': {
        const { jobId, taskId, epoch } = message
        const uploaded = () => say({ type: 'uploaded', jobId, taskId, epoch })
        if (send === undefined) return uploaded()
        return void send(message.files).then(uploaded, () => undefined)
      }
      case 'release':
        this.#held.delete(`${message.taskId}@${message.epoch}`)
        return onReleased?.()
      case 'cancel':
        this.#held.delete(`${message.taskId}@${message.epoch}`)
        return
      case 'refused':
        if (message.lease !== undefined) this.#held.delete(`${message.lease.taskId}@${message.lease.epoch}`)
        return
      case 'drain':
    }
  }
}
