import type { IncomingMessage } from 'node:http'
import { RefusalError } from '../../../shared/protocol/errors.ts'
import type { RestApp } from './rest-app.ts'

/**
 * Counts the requests of this scope that are arriving, refuses those above `atOnceMax` (rate_limited), and cuts them
 * when the app closes: an upload may take hours, its sender can go on or begin again, and a stop must not wait for it.
 * Those whose bytes are all here are finished first.
 */
export function boundArrivals(scope: RestApp, atOnceMax: number): void {
  const arriving = new Set<IncomingMessage>()
  scope.addHook('preParsing', async (request, reply) => {
    if (!['POST', 'PATCH', 'PUT'].includes(request.method)) return
    if (arriving.size >= atOnceMax)
      throw new RefusalError(
        'rate_limited',
        `${atOnceMax} uploads are arriving here at this moment, as many as ` +
          'this coordinator takes; try again when one is through',
      )
    arriving.add(request.raw)
    reply.raw.once('close', () => arriving.delete(request.raw))
  })
  scope.addHook('preClose', async () => {
    for (const request of arriving) if (!request.complete) request.socket.destroy()
  })
}
