import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

/** require: no Blender without it. auto: where it works. off: never. */
export type SandboxUse = 'require' | 'auto' | 'off'

export interface SandboxFolders {
  /** What Blender may write: its scratch folder. */
  readonly writable: readonly string[]
  /** What it may read besides the system: the program, the driver, the scene. */
  readonly readable: readonly string[]
}

/** What programs need of the system. Home folders, /root, /var, /run and most of /etc are not among it. */
const SYSTEM = [
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib64',
  '/lib32',
  '/sys',
  '/etc/ld.so.cache',
  '/etc/ld.so.conf',
  '/etc/ld.so.conf.d',
  '/etc/alternatives',
  '/etc/fonts',
  '/etc/localtime',
  '/etc/passwd',
  '/etc/group',
  '/etc/nsswitch.conf',
  '/etc/OpenCL',
  '/etc/vulkan',
  '/etc/glvnd',
  '/etc/egl',
  '/etc/nvidia',
]
const GPU_DEVICES = [
  '/dev/dri',
  '/dev/kfd',
  '/dev/nvidia0',
  '/dev/nvidia1',
  '/dev/nvidia2',
  '/dev/nvidia3',
  '/dev/nvidia4',
  '/dev/nvidia5',
  '/dev/nvidia6',
  '/dev/nvidia7',
  '/dev/nvidiactl',
  '/dev/nvidia-uvm',
  '/dev/nvidia-uvm-tools',
  '/dev/nvidia-modeset',
  '/dev/nvidia-caps',
]
const TRIAL_TIMEOUT_MS = 10_000

/** Arguments for bubblewrap: no network, own process table, system read-only, nothing of the owner's to be seen. */
export function bubblewrapArguments(folders: SandboxFolders, exists: (path: string) => boolean = existsSync): string[] {
  const bind = (kind: string, paths: readonly string[]): string[] =>
    paths.filter(exists).flatMap((path) => [kind, path, path])
  return [
    '--die-with-parent',
    '--unshare-net',
    '--unshare-pid',
    '--unshare-ipc',
    '--unshare-uts',
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    ...bind('--ro-bind', SYSTEM),
    ...bind('--dev-bind', GPU_DEVICES),
    '--tmpfs',
    '/tmp',
    ...bind('--ro-bind', ['/tmp/.X11-unix']),
    ...bind('--ro-bind', folders.readable),
    ...bind('--bind', folders.writable),
    ...folders.writable.slice(0, 1).flatMap((path) => ['--chdir', path]),
    '--',
  ]
}

/** Undefined when bubblewrap works with these folders, else why it does not. */
export async function sandboxObstacle(folders: SandboxFolders, program = 'bwrap'): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'bubblewrap exists on Linux only'
  try {
    await promisify(execFile)(program, [...bubblewrapArguments(folders), 'true'], { timeout: TRIAL_TIMEOUT_MS })
    return undefined
  } catch (error) {
    return `bubblewrap cannot be used: ${error instanceof Error ? error.message.slice(0, 300) : String(error)}`
  }
}

/** The folders a program needs besides the system's: its own, unless that is part of the system. */
export function programFolders(executable: string): string[] {
  const folder = dirname(executable)
  return SYSTEM.some((system) => folder === system || folder.startsWith(`${system}/`)) ? [] : [folder]
}
