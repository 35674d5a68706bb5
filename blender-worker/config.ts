import { hostname, homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { LIMITS } from '../shared/protocol/limits.ts'
import { ok, refuse, type Result } from '../shared/protocol/errors.ts'
import { DeviceKind } from '../shared/protocol/worker.ts'

const GIB = 1024 ** 3
/**
 * Room for about ten production scenes; a box that renders one project at a time needs less, and its owner the disk.
 */
const CACHE_BYTES_DEFAULT = 20 * GIB
const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kib: 1024,
  mib: 1024 ** 2,
  gib: GIB,
  tib: 1024 ** 4,
  k: 1024,
  m: 1024 ** 2,
  g: GIB,
  t: 1024 ** 4,
}

const List = z.union([
  z.array(z.string()),
  z.string().transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  ),
])
/** Flags and variables are text. */
const wholeNumber = (min: number, max: number) =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value),
    z.int('must be a whole number').min(min).max(max),
  )

const Url = z
  .string()
  .transform((text) => text.replace(/^http(s?):/i, 'ws$1:'))
  .refine(
    (text) => URL.canParse(text) && /^wss?:$/.test(new URL(text).protocol),
    'must be the address of a coordinator, such as wss://farm.example or ws://127.0.0.1:8080',
  )
  .transform((text) => new URL(text))

const Bytes = z.preprocess(
  (value) => (typeof value === 'string' ? bytesOf(value) : value),
  z.int('must be a number of bytes, or one with KiB, MiB, GiB or TiB').min(1),
)

export const WorkerConfig = z.strictObject({
  /** Where the coordinator listens; `/v1/worker` is added. */
  url: Url,
  token: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'must be printable characters without blanks')
    .max(1_024),
  name: z
    .string()
    .min(1)
    .max(LIMITS.nameLengthMax)
    .default(() => hostname()),
  /** Cache, results and identity; one folder for one worker. */
  dataDir: z
    .string()
    .min(1)
    .default(() => join(homedir(), '.tilework', 'worker'))
    .transform((path) => resolve(path)),
  /** Tasks rendered at the same time. */
  slots: wholeNumber(1, LIMITS.leasesPerWorkerMax / 2).default(1),
  tags: List.pipe(
    z
      .array(
        z
          .string()
          .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'a tag is made of small letters, digits, dot, dash and underscore'),
      )
      .max(32),
  ).default([]),
  /** CPU threads for each Blender; all when left out. */
  threads: wholeNumber(1, 1_024).optional(),
  /** Device kinds to offer; all that Blender lists when left out. */
  devices: List.transform((kinds) => kinds.map((kind) => kind.toUpperCase()))
    .pipe(z.array(DeviceKind).min(1))
    .optional(),
  cacheBytesMax: Bytes.default(CACHE_BYTES_DEFAULT),
  /** Path of the Blender to use; searched for when left out. */
  blender: z.string().min(1).optional(),
  sandbox: z.enum(['auto', 'required', 'off']).default('auto'),
})
export type WorkerConfig = z.infer<typeof WorkerConfig>

/** The environment variable of each setting. */
export const WORKER_ENVIRONMENT = {
  url: 'TILEWORK_WORKER_URL',
  token: 'TILEWORK_WORKER_TOKEN',
  name: 'TILEWORK_WORKER_NAME',
  dataDir: 'TILEWORK_WORKER_DATA_DIR',
  slots: 'TILEWORK_WORKER_SLOTS',
  tags: 'TILEWORK_WORKER_TAGS',
  threads: 'TILEWORK_WORKER_THREADS',
  devices: 'TILEWORK_WORKER_DEVICES',
  cacheBytesMax: 'TILEWORK_WORKER_CACHE_BYTES_MAX',
  blender: 'TILEWORK_WORKER_BLENDER',
  sandbox: 'TILEWORK_WORKER_SANDBOX',
} as const satisfies Record<keyof WorkerConfig, string>

/**
 * Settings from flags, else from the environment, else their defaults. Numbers, lists and sizes may be text. Refused
 * with `config_invalid`, naming each wrong setting, its variable, and what is wrong with it.
 */
export function parseWorkerConfig(
  flags: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
): Result<WorkerConfig, 'config_invalid'> {
  const given: Record<string, unknown> = { ...flags }
  for (const [setting, variable] of Object.entries(WORKER_ENVIRONMENT)) {
    const fromEnvironment = environment[variable]
    given[setting] ??= fromEnvironment === '' ? undefined : fromEnvironment
  }
  const parsed = WorkerConfig.safeParse(given)
  if (parsed.success) return ok(parsed.data)
  const problems = parsed.error.issues.map((issue) => {
    const setting = String(issue.path[0] ?? '')
    const variable = Object.entries(WORKER_ENVIRONMENT).find(([name]) => name === setting)?.[1]
    const missing = given[setting] === undefined && variable !== undefined
    return `${setting}${variable === undefined ? '' : ` (or ${variable})`}: ${missing ? 'is required' : issue.message}`
  })
  return refuse('config_invalid', `the worker's settings are wrong: ${problems.join('; ')}`)
}

/** `20GiB` in bytes; undefined for what is no size. */
function bytesOf(text: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim())
  const factor = UNITS[(found?.[2] ?? '?').toLowerCase()]
  return factor === undefined ? undefined : Math.floor(Number(found?.[1]) * factor)
}
