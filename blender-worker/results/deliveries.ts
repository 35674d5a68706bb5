import type { Logger } from 'pino'
import type { z } from 'zod'
import type { Failure } from '../../shared/protocol/failure.ts'
import type { LeaseRef, Upload, WorkerMessage } from '../../shared/protocol/messages.ts'
import { leaseKey } from '../lease-key.ts'
import type { Performed } from '../rendering/perform.ts'
import type { Patience } from '../transfer/patience.ts'
import { httpUrl } from '../transfer/place.ts'
import { upload } from '../transfer/upload.ts'
import type { ResultStore, StoredResult } from './result-store.ts'

export interface DeliveriesOptions {
  readonly store: ResultStore
  /** What an earlier run left to deliver. */
  readonly results: readonly StoredResult[]
  readonly coordinator: URL
  readonly patience: Patience
  readonly log: Logger
  readonly send: (message: WorkerMessage) => boolean
  /**
   * Rises with each connection, undefined between two; an upload that failed across a drop is not the store's last
   * word.
   */
  readonly connection: () => number | undefined
  readonly onFailed: (lease: LeaseRef, failure: Failure) => void
  /** Something was delivered, failed or removed. */
  readonly onChange: () => void
}

interface Delivery {
  result: StoredResult
  readonly abort: AbortController
  /** Upload requests are served one after the other. */
  uploading: Promise<void> | undefined
  /** The farm has answered the result; it need not be told again. */
  answered: boolean
}

type UploadMessage = z.infer<typeof Upload>

/** Results on their way to the farm: told, sent as asked, kept until the farm has settled them. */
export class Deliveries {
  readonly #options: DeliveriesOptions
  readonly #deliveries = new Map<string, Delivery>()

  constructor(options: DeliveriesOptions) {
    this.#options = options
    for (const result of options.results) this.#deliveries.set(leaseKey(result.lease), newDelivery(result))
  }

  get size(): number {
    return this.#deliveries.size
  }

  get uploading(): number {
    return [...this.#deliveries.values()].filter((delivery) => delivery.uploading !== undefined).length
  }

  refs(): LeaseRef[] {
    return [...this.#deliveries.values()].map((delivery) => delivery.result.lease)
  }

  /** Leases whose files the farm does not have yet. */
  undelivered(): LeaseRef[] {
    return [...this.#deliveries.values()]
      .filter((delivery) => delivery.result.stage === 'committed')
      .map((delivery) => delivery.result.lease)
  }

  has(lease: LeaseRef): boolean {
    return this.#deliveries.has(leaseKey(lease))
  }

  /** Puts a finished attempt on disk and tells the farm of it, now or when there is a connection. */
  async add(lease: LeaseRef, performed: Performed): Promise<void> {
    const delivery = newDelivery(await this.#options.store.add(lease, performed))
    this.#deliveries.set(leaseKey(lease), delivery)
    this.#tell(delivery)
  }

  /** Tells again, on a new connection, what the farm has not answered. */
  tellAll(): void {
    for (const delivery of this.#deliveries.values()) {
      if (delivery.uploading === undefined && (!delivery.answered || delivery.result.stage === 'uploaded'))
        this.#tell(delivery)
    }
  }

  /** Sends what the farm asks for. */
  upload(message: UploadMessage): void {
    const delivery = this.#deliveries.get(leaseKey(message))
    if (delivery === undefined) return
    delivery.answered = true
    const chained = (delivery.uploading ?? Promise.resolve())
      .then(() => this.#serve(delivery, message))
      .catch((error: unknown) => this.#fail(delivery, error instanceof Error ? error.message : String(error)))
      .finally(() => {
        if (delivery.uploading === chained) delivery.uploading = undefined
        this.#options.onChange()
      })
    delivery.uploading = chained
  }

  /** The farm has settled a lease, or it is lost: stops sending and removes the files. False if it is not here. */
  async drop(lease: LeaseRef): Promise<boolean> {
    const delivery = this.#deliveries.get(leaseKey(lease))
    if (delivery === undefined) return false
    this.#deliveries.delete(leaseKey(lease))
    delivery.abort.abort(new Error('the lease is gone'))
    await delivery.uploading
    await this.#options.store.remove(lease)
    this.#options.onChange()
    return true
  }

  /** Stops sending; everything stays on disk for the next run. */
  async close(): Promise<void> {
    for (const delivery of this.#deliveries.values()) delivery.abort.abort(new Error('the worker leaves'))
    for (const delivery of this.#deliveries.values()) await delivery.uploading
  }

  #tell(delivery: Delivery): void {
    const { lease, stage, files, renderSeconds, peakMemoryBytes } = delivery.result
    if (stage === 'uploaded') this.#options.send({ type: 'uploaded', ...lease })
    else this.#options.send({ type: 'result', ...lease, files, renderSeconds, peakMemoryBytes })
  }

  async #serve(delivery: Delivery, message: UploadMessage): Promise<void> {
    const { lease, files } = delivery.result
    const { coordinator, patience, log, store } = this.#options
    const connection = this.#options.connection()
    // From here until all is sent, a restart must tell the result again, also if an earlier request was served in full.
    if (delivery.result.stage === 'uploaded') await this.#setStage(delivery, 'committed')
    for (const { name, url: urlText, headers } of message.files) {
      if (delivery.abort.signal.aborted) return
      const url = httpUrl(urlText, coordinator)
      if (url === undefined) return this.#fail(delivery, `the address to send ${name} to is no HTTP URL`)
      if (!files.some((file) => file.name === name))
        return this.#fail(delivery, `the farm asked for ${name}, which is not part of the result`)
      const outcome = await upload({
        url,
        headers,
        path: store.pathOf(lease, name),
        patience,
        signal: delivery.abort.signal,
        log,
      })
      if (outcome.ok) continue
      const now = this.#options.connection()
      if (outcome.code === 'unreachable' && (now === undefined || now !== connection)) return this.#tellAgain(delivery)
      return this.#fail(delivery, outcome.message)
    }
    await this.#setStage(delivery, 'uploaded')
    log.info({ ...lease, files: message.files.length }, 'result uploaded')
    this.#tell(delivery)
  }

  async #setStage(delivery: Delivery, stage: StoredResult['stage']): Promise<void> {
    delivery.result = { ...delivery.result, stage }
    await this.#options.store.update(delivery.result)
  }

  /** The line was cut meanwhile, so the store may be well: asks for new addresses by telling the result anew. */
  #tellAgain(delivery: Delivery): void {
    delivery.answered = false
    this.#tell(delivery)
  }

  #fail(delivery: Delivery, message: string): void {
    if (delivery.abort.signal.aborted) return
    const { lease } = delivery.result
    this.#options.log.warn({ ...lease, why: message }, 'result could not be delivered')
    this.#options.onFailed(lease, { code: 'upload_failed', message })
    // Not awaited: `drop` waits for the upload that this is called from.
    this.drop(lease).catch((error: unknown) =>
      this.#options.log.error({ ...lease, error: String(error) }, 'clean-up failed'),
    )
  }
}

function newDelivery(result: StoredResult): Delivery {
  return { result, abort: new AbortController(), uploading: undefined, answered: false }
}
