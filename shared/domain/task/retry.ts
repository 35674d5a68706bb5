import type { Failure } from '../../protocol/failure.ts'
import type { TaskRecord } from '../../protocol/task.ts'
import type { Capabilities } from '../../protocol/worker.ts'
import { largestGpuMemory } from '../scheduling/eligibility.ts'
import { blameOf } from './attempts.ts'

/**
 * Pause before a task is tried again after its second failure in a row by the farm's own fault, in ms; it doubles with
 * each more.
 */
export const FARM_PAUSE_MS = 1_000
/** Longest of these pauses, in ms: all attempts that a task may have last through an outage of three hours. */
export const FARM_PAUSE_MAX_MS = 300_000

/**
 * When a task may be leased again that has just failed by the farm's fault; undefined for at once, as after the first
 * time.
 */
export function notBefore(task: TaskRecord, now: number): number | undefined {
  const others = task.attempts.findLastIndex((attempt) => attempt.outcome !== 'failed' || blameOf(attempt) !== 'farm')
  const inARow = task.attempts.length - 1 - others
  return inARow < 2 ? undefined : now + Math.min(FARM_PAUSE_MAX_MS, FARM_PAUSE_MS * 2 ** (inARow - 2))
}

/** False while a pause of the task is not over. */
export function isDue(task: TaskRecord, now: number): boolean {
  return task.notBefore === undefined || task.notBefore <= now
}

/** What a failure speaks of when it is the memory of the graphics card that ran out. */
const OF_THE_GPU = /\b(gpu|vram|cuda|optix|hip|metal|oneapi)\b/i

/**
 * The memory that is known not to be enough for a task after `machine` ran out of it; as before for every other
 * failure.
 */
export function outgrownBy(
  task: TaskRecord,
  failure: Failure,
  machine: Capabilities | undefined,
): TaskRecord['outgrew'] {
  if (failure.code !== 'out_of_memory' || machine === undefined) return task.outgrew
  const gpuMemoryBytes = largestGpuMemory(machine.devices)
  const ofGpu = gpuMemoryBytes > 0 && OF_THE_GPU.test(`${failure.message} ${failure.lastWords ?? ''}`)
  return ofGpu
    ? { ...task.outgrew, gpuMemoryBytes: Math.max(gpuMemoryBytes, task.outgrew?.gpuMemoryBytes ?? 0) }
    : { ...task.outgrew, memoryBytes: Math.max(machine.memoryBytes, task.outgrew?.memoryBytes ?? 0) }
}

/** True when a machine has no more memory than one that ran out of it over this task. */
export function isTooSmall(task: TaskRecord, machine: Capabilities): boolean {
  const { memoryBytes, gpuMemoryBytes } = task.outgrew ?? {}
  return (
    (memoryBytes !== undefined && machine.memoryBytes <= memoryBytes) ||
    (gpuMemoryBytes !== undefined && largestGpuMemory(machine.devices) <= gpuMemoryBytes)
  )
}
