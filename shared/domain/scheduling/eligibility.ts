import type { Capabilities, Device, Requirement } from '../../protocol/worker.ts'

/** Why a worker cannot have a job's tasks: what is needed and what it has. Empty when it can. */
export function shortfalls(requirement: Requirement, capabilities: Capabilities): string[] {
  const reasons: string[] = []
  const { deviceKinds, gpuMemoryBytesMin, memoryBytesMin, blenderVersionMin, blenderVersionMax, tags } = requirement
  const devices = deviceKinds === undefined ? capabilities.devices : capabilities.devices.filter((device) => deviceKinds.includes(device.kind))
  if (deviceKinds !== undefined && devices.length === 0) reasons.push(`needs a ${deviceKinds.join(' or ')} device`)
  if (gpuMemoryBytesMin !== undefined && largestGpuMemory(devices) < gpuMemoryBytesMin) reasons.push(`needs ${gib(gpuMemoryBytesMin)} GiB of GPU memory`)
  if (memoryBytesMin !== undefined && capabilities.memoryBytes < memoryBytesMin) reasons.push(`needs ${gib(memoryBytesMin)} GiB of memory`)
  if (blenderVersionMin !== undefined && compareVersions(capabilities.blender.version, blenderVersionMin) < 0) reasons.push(`needs Blender ${blenderVersionMin} or newer`)
  if (blenderVersionMax !== undefined && newerThan(capabilities.blender.version, blenderVersionMax)) reasons.push(`needs Blender ${blenderVersionMax} or older`)
  for (const tag of tags ?? []) if (!capabilities.tags.includes(tag)) reasons.push(`needs the tag "${tag}"`)
  return reasons
}

export function isEligible(requirement: Requirement, capabilities: Capabilities): boolean {
  return shortfalls(requirement, capabilities).length === 0
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
function newerThan(version: string, limit: string): boolean {
  const named = limit.split('.').length
  return compareVersions(version.split('.').slice(0, named).join('.'), limit) > 0
}

export function gib(bytes: number): string {
  return String(Math.round((bytes / 1024 ** 3) * 10) / 10)
}
