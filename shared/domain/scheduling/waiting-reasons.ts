import type { Requirement, WorkerRecord } from '../../protocol/worker.ts'
import { compareVersions, gib, isEligible, largestGpuMemory, shortfalls } from './eligibility.ts'

/**
 * Why queued tasks of a job do not run, told with what the best connected worker has; empty when some connected
 * worker could take them. `workers` are those that are connected.
 */
export function waitingReasons(requirement: Requirement, workers: readonly WorkerRecord[]): string[] {
  const usable = workers.filter((worker) => worker.state === 'connected' && !worker.quarantined)
  if (workers.length === 0) return ['waiting: no worker is connected']
  if (usable.length === 0) return ['waiting: every connected worker is draining or in quarantine']
  if (usable.some((worker) => isEligible(requirement, worker.capabilities))) return []
  const missing = new Set(usable.flatMap((worker) => shortfalls(requirement, worker.capabilities)))
  return [...missing].map((need) => `waiting: ${need}, ${bestOf(need, usable)}`)
}

function bestOf(need: string, workers: readonly WorkerRecord[]): string {
  const offers = workers.map((worker) => worker.capabilities)
  if (need.endsWith('of GPU memory')) return `best connected worker has ${gib(Math.max(...offers.map((offer) => largestGpuMemory(offer.devices))))}`
  if (need.endsWith('of memory')) return `best connected worker has ${gib(Math.max(...offers.map((offer) => offer.memoryBytes)))}`
  if (need.includes('Blender')) return `connected workers have ${[...new Set(offers.map((offer) => offer.blender.version))].sort(compareVersions).join(', ')}`
  if (need.includes('device')) return `connected workers have ${[...new Set(offers.flatMap((offer) => offer.devices.map((device) => device.kind)))].sort().join(', ')}`
  if (need.includes('tag')) return `tags of connected workers: ${[...new Set(offers.flatMap((offer) => offer.tags))].sort().join(', ') || 'none'}`
  return `no connected worker meets all of it`
}
