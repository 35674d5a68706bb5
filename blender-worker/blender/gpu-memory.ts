import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export interface GpuMemory {
  readonly name: string
  readonly memoryBytes: number
}

/** A healthy driver answers in well under a second; one that is stuck must not hold up the worker. */
const ANSWER_TIMEOUT_MS = 10_000

/** Names and total memory of NVIDIA GPUs; empty when there is no nvidia-smi or it does not answer. */
export async function nvidiaMemory(program = 'nvidia-smi'): Promise<GpuMemory[]> {
  try {
    const { stdout } = await promisify(execFile)(
      program,
      ['--query-gpu=name,memory.total', '--format=csv,noheader,nounits'],
      { timeout: ANSWER_TIMEOUT_MS },
    )
    return parseNvidiaMemory(stdout)
  } catch {
    return [] // no NVIDIA driver here, which is not an error
  }
}

/** Reads `name, mebibytes` lines; lines without a number (`[N/A]`) are left out. */
export function parseNvidiaMemory(printed: string): GpuMemory[] {
  return printed.split('\n').flatMap((line) => {
    const found = /^(.+), *(\d+)\s*$/.exec(line.trim())
    const [, name, mebibytes] = found ?? []
    return name === undefined || mebibytes === undefined
      ? []
      : [{ name: name.trim(), memoryBytes: Number(mebibytes) * 1024 * 1024 }]
  })
}

/** Memory of a device as Blender names it. Of several equal GPUs each gets the same; undefined when none matches. */
export function memoryOf(deviceName: string, gpus: readonly GpuMemory[]): number | undefined {
  const plain = (name: string): string =>
    name
      .toLowerCase()
      .replace(/\(.*?\)|nvidia|geforce/g, '')
      .replace(/\s+/g, ' ')
      .trim()
  return gpus.find((gpu) => plain(gpu.name) === plain(deviceName))?.memoryBytes
}
