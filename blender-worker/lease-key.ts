import type { LeaseRef } from '../shared/protocol/messages.ts'

/** One string for a lease, fit for a map key and for a folder name. */
export function leaseKey(lease: LeaseRef): string {
  return `${lease.jobId}.${lease.taskId}.${lease.epoch}`
}
