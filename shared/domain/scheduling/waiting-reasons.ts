import { type Capabilities, isUsable, type Requirement, type WorkerRecord } from '../../protocol/worker.ts'
import type { Sha256 } from '../../protocol/ids.ts'
import { compareVersions, DENOISER_NEEDED, gib, isEligible, largestGpuMemory, shortfalls } from './eligibility.ts'

/**
 * Why queued tasks of a job do not run, told with what the best connected worker has; empty when some connected
 * worker could take them. `workers` are those that are connected, `savedBy` the Blender that saved the scene.
 */
export function waitingReasons(
  requirement: Requirement,
  workers: readonly WorkerRecord[],
  now: number,
  { savedBy, scene }: { readonly savedBy?: string | undefined; readonly scene?: Sha256 } = {},
): string[] {
  const usable = workers.filter(isUsable)
  if (workers.length === 0) return ['waiting: no worker is connected']
  if (usable.length === 0) return ['waiting: every connected worker is draining or in quarantine']
  const able = usable.filter((worker) => isEligible(requirement, worker.capabilities))
  const coolDownsMs = able.map((worker) => {
    const ofScene = worker.coolsDownFrom?.find((each) => each.scene === scene)?.until ?? now
    return Math.max(worker.coolsDownUntil ?? now, ofScene) - now
  })
  if (able.length > 0 && coolDownsMs.every((ms) => ms > 0))
    return [
      'waiting: every worker that could have the tasks has failed several of them in a row and ' +
        `cools down; the first goes on in ${Math.ceil(Math.min(...coolDownsMs) / 1000)} s`,
    ]
  if (able.length > 0) return []
  const lacking = usable.map((worker) => shortfalls(requirement, worker.capabilities))
  const missing = [...new Set(lacking.flat())]
  const nobodyHas = missing.filter((need) => lacking.every((needs) => needs.includes(need)))
  if (nobodyHas.length === 0)
    return [`waiting: no connected worker meets all requirements: ${missing.sort().join(', ')}`]
  const why = (need: string) => (need === `needs Blender ${savedBy} or newer` ? ' (the scene was saved by it)' : '')
  return nobodyHas.map((need) => `waiting: ${need}${why(need)}, ${bestOf(need, requirement, usable)}`)
}

function bestOf(need: string, { deviceKinds }: Requirement, workers: readonly WorkerRecord[]): string {
  const offers = workers.map((worker) => worker.capabilities)
  if (need.startsWith('needs the tag'))
    return (
      'tags of connected workers: ' +
      `${[...new Set(offers.flatMap((offer) => offer.tags))].sort().join(', ') || 'none'}`
    )
  if (need.endsWith('of GPU memory')) {
    const usable = offers.map((offer) =>
      offer.devices.filter((device) => deviceKinds === undefined || deviceKinds.includes(device.kind)),
    )
    return `best connected worker has ${offered(Math.max(...usable.map(largestGpuMemory)))}`
  }
  if (need.endsWith('of memory'))
    return `best connected worker has ${offered(Math.max(...offers.map((offer) => offer.memoryBytes)))}`
  if (need === DENOISER_NEEDED) return `connected workers have ${versionsOf(offers)} without it`
  if (need.startsWith('needs Blender')) return `connected workers have ${versionsOf(offers)}`
  return (
    'connected workers have ' +
    `${[...new Set(offers.flatMap((offer) => offer.devices.map((device) => device.kind)))].sort().join(', ')}`
  )
}

function versionsOf(offers: readonly Capabilities[]): string {
  return [...new Set(offers.map((offer) => offer.blender.version))].sort(compareVersions).join(', ')
}

/** GiB, rounded down: what is just too little must not read as enough. */
function offered(bytes: number): string {
  return gib((Math.floor((bytes / 1024 ** 3) * 10) / 10) * 1024 ** 3)
}
