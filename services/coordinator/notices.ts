import type { Engine } from '../../shared/engine/context.ts'
import type { Dispatcher } from '../../shared/engine/dispatch/dispatcher.ts'
import type { WorkerGateway } from './worker-gateway.ts'

/**
 * Lets this coordinator hear what the other processes of the farm tell: the dispatcher of new work and changed jobs,
 * the gateway of leases that were taken away. What is not heard is found by the next round. The function that it gives
 * ends it.
 */
export function hearNotices(
  engine: Engine,
  dispatcher: Pick<Dispatcher, 'refresh'>,
  gateway: Pick<WorkerGateway, 'cancelLease'>,
): Promise<() => Promise<void>> {
  return engine.bulletin.subscribe((notice) => {
    if (notice.type === 'lease_canceled') return gateway.cancelLease(notice)
    dispatcher
      .refresh(notice.jobId)
      .catch((error: unknown) =>
        engine.log.warn({ jobId: notice.jobId, error }, 'job not refreshed, the next round does it'),
      )
  })
}
