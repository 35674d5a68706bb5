import { availableParallelism, cpus, release, totalmem, type } from 'node:os'
import { graphics } from 'systeminformation'
import { Capabilities, type DeviceKind } from '../shared/protocol/worker.ts'
import { ok, refuse, type Result } from '../shared/protocol/errors.ts'
import { memoryOf, nvidiaMemory, type GpuMemory } from './blender/gpu-memory.ts'
import type { ProbedBlender } from './rendering/renderer.ts'

const BYTES_PER_MIB = 1024 * 1024
/** Fastest first: OptiX traces with the hardware's ray cores, CUDA on the same card does not. */
const BEST_FIRST: readonly DeviceKind[] = ['OPTIX', 'CUDA', 'HIP', 'METAL', 'ONEAPI', 'CPU']

export interface Offer {
  readonly slots: number
  readonly tags: readonly string[]
  /** The owner's choice; undefined for all that Blender lists. */
  readonly deviceKinds: readonly DeviceKind[] | undefined
  readonly threads: number | undefined
}

/**
 * What this machine tells the farm of itself. Refused with `device_missing` when nothing of the owner's choice is
 * there.
 */
export async function capabilitiesOf(
  blender: ProbedBlender,
  offer: Offer,
): Promise<Result<Capabilities, 'device_missing'>> {
  const gpus = blender.devices.some((device) => device.kind !== 'CPU') ? await gpuMemories() : []
  const listed = blender.devices.some((device) => device.kind === 'CPU')
    ? blender.devices
    : [...blender.devices, { kind: 'CPU' as const, name: cpus()[0]?.model ?? 'CPU' }]
  const devices = listed
    .filter((device) => offer.deviceKinds === undefined || offer.deviceKinds.includes(device.kind))
    .map((device) => {
      const memoryBytes = device.kind === 'CPU' ? undefined : memoryOf(device.name, gpus)
      return { ...device, ...(memoryBytes === undefined ? {} : { memoryBytes }) }
    })
  if (devices.length === 0) {
    const kinds = [...new Set(listed.map((device) => device.kind))].join(', ')
    return refuse(
      'device_missing',
      `Blender lists no ${offer.deviceKinds?.join(' or ')} device on this machine, ` +
        `only ${kinds}; change the devices setting or install the driver`,
    )
  }
  return ok(
    Capabilities.parse({
      blender: {
        version: blender.version,
        buildHash: blender.buildHash,
        path: blender.path,
        engines: blender.engines,
        hasDenoiser: blender.hasDenoiser,
      },
      devices,
      memoryBytes: memoryBytesOfMachine(),
      cpuThreads: offer.threads ?? availableParallelism(),
      os: `${type()} ${release()}`.slice(0, 100),
      slots: offer.slots,
      tags: offer.tags,
    }),
  )
}

/** The kind to render with where a lease does not say. */
export function bestDeviceKind(capabilities: Capabilities): DeviceKind {
  return BEST_FIRST.find((kind) => capabilities.devices.some((device) => device.kind === kind)) ?? 'CPU'
}

/** A container's own limit where it has one: the kernel ends a Blender that goes over it. */
function memoryBytesOfMachine(): number {
  const limit = process.constrainedMemory()
  return limit > 0 && limit < totalmem() ? limit : totalmem()
}

async function gpuMemories(): Promise<GpuMemory[]> {
  const nvidia = await nvidiaMemory()
  const { controllers } = await graphics()
  const others = controllers.flatMap(({ model, vram }) =>
    vram === null || vram <= 0 ? [] : [{ name: model, memoryBytes: vram * BYTES_PER_MIB }],
  )
  return [...nvidia, ...others]
}
