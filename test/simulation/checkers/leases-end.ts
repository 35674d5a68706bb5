import type { Checker } from '../checker.ts'
import { keyOf } from '../worker.ts'

/** In calm weather a lease that ran out is taken back within this time, in ms: rounds come every second. */
const OVERDUE_MS = 30_000
/**
 * On a line that holds, a worker hears within this time, in ms, that what it holds is not its own any more: three
 * heartbeats and a bit.
 */
const UNHEARD_MS = 75_000

/** No lease outlives its end for long, in the store or in the mind of a worker. */
export function leasesEnd(): Checker {
  const strangeSince = new Map<string, number>()
  return {
    name: 'leases-end',
    async swept(world, report) {
      const now = world.agenda.now()
      for (const job of now < world.healedAt + UNHEARD_MS ? [] : await world.jobs()) {
        const overdue = await world.twin.expiredLeases(job.id, now - OVERDUE_MS, 10)
        for (const { taskId, epoch } of overdue)
          report(`${job.id}: the lease of ${taskId}@${epoch} ran out ${OVERDUE_MS} ms ago and is still there`)
      }
      const held = new Set<string>()
      for (const worker of world.workers) {
        for (const { lease, conduct } of worker.connected ? worker.leases.values() : []) {
          if (conduct.type === 'forget') continue
          const name = `${worker.id} ${keyOf(lease)}`
          const [task] = await world.twin.tasks(lease.jobId, [lease.taskId])
          if (task?.value.attempts.find(({ epoch }) => epoch === lease.epoch)?.outcome === 'running') continue
          held.add(name)
          strangeSince.set(name, strangeSince.get(name) ?? now)
          if (world.network.weather.kind !== 'stream') continue
          const since = Math.max(strangeSince.get(name) ?? now, worker.connectedAt, world.disturbedUntil)
          if (now - since > UNHEARD_MS)
            report(`${name}: for ${now - since} ms nobody told this worker that its lease is over`)
        }
      }
      for (const name of strangeSince.keys()) if (!held.has(name)) strangeSince.delete(name)
    },
  }
}
