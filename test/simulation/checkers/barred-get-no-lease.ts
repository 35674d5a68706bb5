import { ENGINE_TIMES } from '../../../shared/engine/context.ts'
import type { WorkerId } from '../../../shared/protocol/ids.ts'
import type { Checker } from '../checker.ts'

/**
 * After this long, in ms, every coordinator has read the record of a worker that speaks to it: two heartbeats, and one
 * that stands still meanwhile.
 */
const KNOWN_AFTER_MS = 4 * ENGINE_TIMES.heartbeatMs + 90_000

/** Who said that it leaves, or was put into quarantine, is given nothing. */
export function barredGetNoLease(): Checker {
  const leased: WorkerId[] = []
  return {
    name: 'barred-get-no-lease',
    sent(to, message, afterDraining, report) {
      if (message.type !== 'lease') return
      if (afterDraining) report(`${to.id} said that it leaves, and is given ${message.taskId}@${message.epoch}`)
      leased.push(to.id)
    },
    async swept(world, report) {
      for (const id of leased.splice(0)) {
        const since = world.quarantinedSince.get(id)
        if (since !== undefined && world.agenda.now() - since > KNOWN_AFTER_MS)
          report(`${id} is in quarantine for ${world.agenda.now() - since} ms and is given a lease`)
      }
    },
  }
}
