import type { Inspection } from '../../protocol/inspection.ts'
import type { Capabilities, Device, Requirement } from '../../protocol/worker.ts'

export const DENOISER_NEEDED = 'needs Blender with OpenImageDenoise'

/** Why a worker cannot have a job's tasks: what is needed and what it has. Empty when it can. */
export function shortfalls(requirement: Requirement, capabilities: Capabilities): string[] {
  const reasons: string[] = []
  const { deviceKinds, gpuMemoryBytesMin, memoryBytesMin, blenderVersionMin, blenderVersionMax, denoiser, tags } =
    requirement
  const devices =
    deviceKinds === undefined
      ? capabilities.devices
      : capabilities.devices.filter((device) => deviceKinds.includes(device.kind))
  if (deviceKinds !== undefined && devices.length === 0) reasons.push(`needs a ${deviceKinds.join(' or ')} device`)
  if (gpuMemoryBytesMin !== undefined && largestGpuMemory(devices) < gpuMemoryBytesMin)
    reasons.push(`needs ${gib(gpuMemoryBytesMin)} GiB of GPU memory`)
  if (memoryBytesMin !== undefined && capabilities.memoryBytes < memoryBytesMin)
    reasons.push(`needs ${gib(memoryBytesMin)} GiB of memory`)
  const { version, hasDenoiser } = capabilities.blender
  const exactly = blenderVersionMin !== undefined && blenderVersionMin === blenderVersionMax
  if (blenderVersionMin !== undefined && compareVersions(version, blenderVersionMin) < 0)
    reasons.push(`needs Blender ${blenderVersionMin}${exactly ? '' : ' or newer'}`)
  if (blenderVersionMax !== undefined && newerThan(version, blenderVersionMax))
    reasons.push(`needs Blender ${blenderVersionMax}${exactly ? '' : ' or older'}`)
  if (denoiser === true && hasDenoiser !== true) reasons.push(DENOISER_NEEDED)
  for (const tag of tags ?? []) if (!capabilities.tags.includes(tag)) reasons.push(`needs the tag "${tag}"`)
  return reasons
}

export function isEligible(requirement: Requirement, capabilities: Capabilities): boolean {
  return shortfalls(requirement, capabilities).length === 0
}

/** Whether what this Blender found may decide about a job with this requirement. */
export function mayDecide(
  { blenderVersionMin: min, blenderVersionMax: max }: Requirement,
  { blenderVersion }: Pick<Inspection, 'blenderVersion'>,
): boolean {
  return (
    (min === undefined || compareVersions(blenderVersion, min) >= 0) &&
    (max === undefined || !newerThan(blenderVersion, max))
  )
}

/**
 * What a job needs once Blender has looked at its scene. Two versions of Blender render different pixels, and what is
 * exact differs too: all tasks and audits of a job go to the version that looked.
 */
export function boundTo(
  requirement: Requirement,
  { blenderVersion, denoiser }: Pick<Inspection, 'blenderVersion' | 'denoiser'>,
): Requirement {
  return {
    ...requirement,
    blenderVersionMin: blenderVersion,
    blenderVersionMax: blenderVersion,
    ...(denoiser === undefined || denoiser === 'unneeded' ? {} : { denoiser: true }),
  }
}

/** Bytes of the GPU with the most memory; a device that does not tell counts as 0. */
export function largestGpuMemory(devices: readonly Device[]): number {
  return devices.reduce((most, device) => (device.kind === 'CPU' ? most : Math.max(most, device.memoryBytes ?? 0)), 0)
}

/** Below 0 when `a` is older. Parts left out count as 0. */
export function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number)
  const right = b.split('.').map(Number)
  for (let part = 0; part < 3; part++) {
    const difference = (left[part] ?? 0) - (right[part] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** `4.2` as upper end takes every 4.2.x: only the parts that the limit names are compared. */
export function newerThan(version: string, limit: string): boolean {
  const named = limit.split('.').length
  return compareVersions(version.split('.').slice(0, named).join('.'), limit) > 0
}

export function gib(bytes: number): string {
  return String(Math.round((bytes / 1024 ** 3) * 10) / 10)
}
