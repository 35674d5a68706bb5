import type { LeaseRef } from '../shared/protocol/messages.ts'

/** One string for a lease, fit for a map key and for a folder name. */
export function leaseKey(lease: LeaseRef): string {
  return `${lease.jobId}.${lease.taskId}.${lease.epoch}`
}

/** Only the three fields that name a lease, of whatever message carries them. */
export function leaseRef(lease: LeaseRef): LeaseRef {
  return { jobId: lease.jobId, taskId: lease.taskId, epoch: lease.epoch }
}
