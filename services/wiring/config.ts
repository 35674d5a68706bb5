import { z } from 'zod'

const Url = z.string().min(1).max(2_048)
const Port = z.coerce.number().int().min(0).max(65_535)
/** `name:token,name:token`; a name may have several tokens. */
const Tokens = z
  .string()
  .default('')
  .transform((text, context) =>
    text
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== '')
      .map((each) => {
        const colon = each.indexOf(':')
        if (colon < 1 || each.length - colon - 1 < 16)
          context.addIssue({ code: 'custom', message: 'write name:token, with a token of 16 characters or more' })
        return { name: each.slice(0, colon), token: each.slice(colon + 1) }
      }),
  )

/** The environment of every service; read once, at the start. */
export const FarmConfig = z
  .object({
    /** `redis://host:port/db`, `rediss://…`, or the path of a unix socket. */
    REDIS_URL: Url,
    /** Either an S3 bucket or a folder holds the bytes. */
    S3_BUCKET: z.string().min(1).max(255).optional(),
    S3_ENDPOINT: Url.optional(),
    /** Address of the same server as workers and artists see it, when that is another one. */
    S3_PUBLIC_ENDPOINT: Url.optional(),
    S3_REGION: z.string().min(1).max(64).default('us-east-1'),
    S3_ACCESS_KEY_ID: z.string().max(256).optional(),
    S3_SECRET_ACCESS_KEY: z.string().max(256).optional(),
    S3_FORCE_PATH_STYLE: z.stringbool().default(true),
    TILEWORK_STORE_DIR: z.string().min(1).optional(),
    /** Where this process keeps intermediate files. */
    TILEWORK_DATA_DIR: z.string().min(1).default('.tilework'),
    /** Known to the farm's own processes only; draws audits and signs addresses. The same in every process. */
    TILEWORK_SECRET: z
      .string()
      .min(32, 'TILEWORK_SECRET needs 32 characters or more, the same in every process of the farm')
      .max(512),
    TILEWORK_API_TOKENS: Tokens,
    TILEWORK_WORKER_TOKENS: Tokens,
    /** Of workers that the operator owns and trusts: frames are finished on them when one is connected. */
    TILEWORK_ANCHOR_TOKENS: Tokens,
    TILEWORK_ADMIN_TOKENS: Tokens,
    /** Where this coordinator is reached from outside; needed with a folder as object store. */
    TILEWORK_PUBLIC_URL: Url.optional(),
    TILEWORK_FFMPEG: z.string().min(1).optional(),
    TILEWORK_TRUST_PROXY: z.stringbool().default(false),
    TILEWORK_LEASE_SECONDS: z.coerce.number().min(1).max(3_600).default(45),
    TILEWORK_HEARTBEAT_SECONDS: z.coerce.number().min(0.2).max(600).default(15),
    TILEWORK_NO_PROGRESS_SECONDS: z.coerce.number().min(5).max(86_400).default(1_800),
    /** Steps run at the same time by one assembler or verifier. */
    TILEWORK_CONCURRENCY: z.coerce.number().int().min(1).max(64).default(2),
    HOST: z.string().min(1).default('127.0.0.1'),
    PORT: Port.default(8470),
    LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  })
  .refine((config) => (config.S3_BUCKET === undefined) !== (config.TILEWORK_STORE_DIR === undefined), {
    message: 'set either S3_BUCKET or TILEWORK_STORE_DIR: one of them holds the scenes and frames',
    path: ['S3_BUCKET'],
  })
export type FarmConfig = z.infer<typeof FarmConfig>

/** Thrown when the environment cannot be used; the message names every variable and what to do. */
class ConfigInvalid extends Error {
  override readonly name = 'ConfigInvalid'
}

export function readConfig(env: Readonly<Record<string, string | undefined>>): FarmConfig {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const config = FarmConfig.safeParse(given)
  if (config.success) return Object.freeze(config.data)
  throw new ConfigInvalid(
    'the environment cannot be ' +
      `used:\n${config.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`).join('\n')}`,
  )
}
