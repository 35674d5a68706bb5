import { join } from 'node:path'

/**
 * Variables that Blender may see: what finds programs, fonts and displays, and what chooses GPUs. Tokens, cloud
 * credentials and proxies of the owner stay out, as does OCIO, which would change the pixels on one machine only.
 */
const ALLOWED = new Set([
  'PATH',
  'LANG',
  'TZ',
  'LD_LIBRARY_PATH',
  'DISPLAY',
  'WAYLAND_DISPLAY',
  'XAUTHORITY',
  'CUDA_VISIBLE_DEVICES',
  'NVIDIA_VISIBLE_DEVICES',
  'NVIDIA_DRIVER_CAPABILITIES',
  'HIP_VISIBLE_DEVICES',
  'ROCR_VISIBLE_DEVICES',
  'ONEAPI_DEVICE_SELECTOR',
  'ZE_AFFINITY_MASK',
  'LIBGL_ALWAYS_SOFTWARE',
  'GALLIUM_DRIVER',
  'EGL_PLATFORM',
  'SYSTEMROOT',
  'SYSTEMDRIVE',
  'WINDIR',
  'PATHEXT',
  'COMSPEC',
  'NUMBER_OF_PROCESSORS',
  'PROCESSOR_ARCHITECTURE',
])

/** The environment of a Blender: the allowed part of `source`, with home and temporary folder inside `scratchDir`. */
export function scrubbedEnvironment(
  source: Readonly<Record<string, string | undefined>>,
  scratchDir: string,
): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(source)) {
    if (value !== undefined && (ALLOWED.has(name.toUpperCase()) || name.startsWith('LC_'))) kept[name] = value
  }
  const { home, temporary } = privateFolders(scratchDir)
  return {
    ...kept,
    HOME: home,
    USERPROFILE: home,
    TMPDIR: temporary,
    TEMP: temporary,
    TMP: temporary,
    XDG_CACHE_HOME: join(home, 'cache'),
    XDG_CONFIG_HOME: join(home, 'config'),
    PYTHONDONTWRITEBYTECODE: '1',
  }
}

/** The folders that a Blender has for itself; whoever starts it makes them. */
export function privateFolders(scratchDir: string): { home: string; temporary: string } {
  return { home: join(scratchDir, 'home'), temporary: join(scratchDir, 'tmp') }
}
