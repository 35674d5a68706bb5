import type { Failure } from '../shared/protocol/failure.ts'
import type { Lease } from '../shared/protocol/messages.ts'
import type { Capabilities } from '../shared/protocol/worker.ts'

/**
 * What this box has against a lease, as a failure to report; undefined when it takes it on. The owner's say goes here.
 */
export function objectionTo(lease: Lease, capabilities: Capabilities): Failure | undefined {
  const device = lease.work.kind === 'render' ? lease.work.device : undefined
  if (device === undefined || capabilities.devices.some((offered) => offered.kind === device)) return undefined
  const kinds = [...new Set(capabilities.devices.map((offered) => offered.kind))].join(', ')
  return { code: 'device_missing', message: `the lease asks for ${device}; this worker offers ${kinds}` }
}
