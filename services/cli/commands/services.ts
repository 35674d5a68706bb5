/*
 * The commands that start a service. This is the only file of the command that reaches beyond shared/protocol, and it
 * does so when such a command runs and not before, so that asking a farm a question loads none of them.
 */
import { Option } from 'commander'
import type { Command } from 'commander'
import { pino } from 'pino'
import { z } from 'zod'
import { CommandFailure, EXIT_CODE_HELP, EXIT_CODES, parseOptions } from '../exit-codes.ts'
import { DATA_DIR_DEFAULT, localToken } from '../farm-address.ts'
import { Screen } from '../progress/screen.ts'
import { recoveryLines } from '../progress/recovery-text.ts'
import type { Shell } from '../shell.ts'

const UpOptions = z.object({
  port: z.string().optional(),
  host: z.string().optional(),
  dataDir: z.string().optional(),
  leash: z.boolean().default(false),
})
const WorkerOptions = z.looseObject({
  url: z.string().optional(),
  token: z.string().optional(),
  leash: z.boolean().default(false),
})

const RecoverOptions = z.object({
  from: z.string().min(1).optional(),
  dataDir: z.string().optional(),
  json: z.boolean().default(false),
  quiet: z.boolean().default(false),
})

/** Two signals that come at once may be taken for one. */
const SIGNAL_PAUSE_MS = 300

const BY_ENVIRONMENT = `
It is set up by the environment: REDIS_URL, S3_BUCKET with S3_ENDPOINT, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY
(or TILEWORK_STORE_DIR), TILEWORK_SECRET, and more; what is missing or wrong is told at the start.
`

export function addServiceCommands(program: Command, shell: Shell): void {
  program
    .command('up')
    .description(
      'run a whole farm in one process: its own Redis, a folder as object store, coordinator, verifier and assembler',
    )
    .option('--port <n>', 'port of the REST side and of the workers; 0 takes a free one (PORT; 8470)')
    .option('--host <address>', 'address to listen on (HOST; 127.0.0.1)')
    .option(
      '--data-dir <folder>',
      `where everything is kept, and the tokens written (TILEWORK_DATA_DIR; ./${DATA_DIR_DEFAULT})`,
    )
    .addOption(leashOption())
    .action(async (options: unknown) => {
      const { leash, port, host, dataDir } = parseOptions(UpOptions, options)
      if (leash) endWithStandardInput(1)
      const environment = {
        ...shell.env,
        ...(port === undefined ? {} : { PORT: port }),
        ...(host === undefined ? {} : { HOST: host }),
        ...(dataDir === undefined ? {} : { TILEWORK_DATA_DIR: dataDir }),
      }
      await (shell.stdout.isTTY === true
        ? upForPeople(environment, shell)
        : (await import('../../farm/main.ts')).main(environment))
    })

  program
    .command('coordinator')
    .description('run a coordinator: REST, WebSockets of the workers, dispatch')
    .addHelpText('after', BY_ENVIRONMENT)
    .action(async () => (await import('../../coordinator/main.ts')).main(shell.env))

  program
    .command('verifier')
    .description('run a verifier, which compares audits')
    .addHelpText('after', BY_ENVIRONMENT)
    .action(async () => (await import('../../verifier/main.ts')).main(shell.env))

  program
    .command('assembler')
    .description('run an assembler, which stitches, encodes and delivers')
    .addHelpText('after', BY_ENVIRONMENT)
    .action(async () => (await import('../../assembler/main.ts')).main(shell.env))

  program
    .command('recover')
    .description(
      'rebuild an empty Redis from the object store: jobs, accepted results, verdicts, workers, tokens, scenes',
    )
    .option(
      '--from <store>',
      's3://bucket or a folder (S3_BUCKET or TILEWORK_STORE_DIR; for a farm on this machine, its own)',
    )
    .option(
      '--data-dir <folder>',
      `of a farm on this machine, used where REDIS_URL names no Redis (TILEWORK_DATA_DIR; ./${DATA_DIR_DEFAULT})`,
    )
    .option('--json', 'answer with one JSON document on standard output and nothing else there')
    .option('--quiet', 'no progress')
    .addHelpText(
      'after',
      `\nEndpoint and credentials come from the environment, as the services read them. Only what was ` +
        `in flight, or accepted in the last few\nseconds, is rendered again. It may be interrupted and ` +
        `run again; services that run meanwhile wait and go on by themselves.\n${EXIT_CODE_HELP}`,
    )
    .action(async (options: unknown) => {
      const { from, dataDir, json, quiet } = parseOptions(RecoverOptions, options)
      const screen = new Screen(shell.stderr, { quiet: quiet || json })
      const { recover } = await import('../../recover/main.ts')
      const recovery = await recover(shell.env, {
        from,
        dataDir: dataDir ?? (shell.env['TILEWORK_DATA_DIR'] || DATA_DIR_DEFAULT),
        signal: shell.interruption(),
        onProgress: (progress) => {
          const line =
            progress.at === 'farm'
              ? 'reading tokens, scenes and workers'
              : `${progress.done} job(s) rebuilt; reading ${progress.jobId}`
          screen.paint([line], line)
        },
      })
      screen.clear()
      if (!recovery.ok) throw new CommandFailure(EXIT_CODES.failed, recovery.code, recovery.detail)
      shell.stdout.write(`${json ? JSON.stringify(recovery, null, 2) : recoveryLines(recovery).join('\n')}\n`)
    })
}

/** `tilework worker`. Ends when the worker has left, with an exit code of the worker's own table. */
export function addWorkerCommand(program: Command, shell: Shell, end: (code: number) => void): void {
  program
    .command('worker')
    .description(
      'render for a farm on this machine; the first SIGTERM or Ctrl-C finishes ' +
        'what is being rendered, the second leaves at once',
    )
    .option('--url <address>', 'address of the coordinator, such as wss://farm.example (TILEWORK_WORKER_URL)')
    .option(
      '--token <token>',
      'token of a worker (TILEWORK_WORKER_TOKEN; for a farm on this machine, from its data folder)',
    )
    .option('--name <name>', 'what to call this worker (TILEWORK_WORKER_NAME; the host name)')
    .option(
      '--data-dir <folder>',
      'cache, results and identity; one folder for one worker (TILEWORK_WORKER_DATA_DIR; ~/.tilework/worker)',
    )
    .option('--slots <n>', 'tasks rendered at the same time (TILEWORK_WORKER_SLOTS; 1)')
    .option('--threads <n>', 'CPU threads for each Blender (TILEWORK_WORKER_THREADS; all)')
    .option(
      '--devices <kinds>',
      'device kinds to offer, such as OPTIX,CPU (TILEWORK_WORKER_DEVICES; all that Blender lists)',
    )
    .option('--tags <tags>', 'tags to offer, with commas (TILEWORK_WORKER_TAGS)')
    .option('--cache-bytes-max <size>', 'room for scenes, such as 20GiB (TILEWORK_WORKER_CACHE_BYTES_MAX)')
    .option('--blender <path>', 'the Blender to use (TILEWORK_WORKER_BLENDER; searched for)')
    .option('--sandbox <mode>', 'auto, required or off (TILEWORK_WORKER_SANDBOX; auto)')
    .addOption(leashOption())
    .addHelpText(
      'after',
      '\nExit codes: 0 drained or stopped, 1 could not start, 2 wrong settings, 69 replaced by another ' +
        'with its identity, 76 the\nfarm speaks another protocol version, 77 the token is not taken.\n',
    )
    .action(async (options: unknown) => {
      const { leash, ...flags } = parseOptions(WorkerOptions, options)
      // The second signal: nobody waits any more for what it renders.
      if (leash) endWithStandardInput(2)
      const [
        { startWorker, WorkerStartError },
        { parseWorkerConfig },
        { EXIT_CODES: WORKER_EXIT_CODES },
        { leaveOnSignals },
      ] = await Promise.all([
        import('../../../blender-worker/main.ts'),
        import('../../../blender-worker/config.ts'),
        import('../../../blender-worker/exit.ts'),
        import('../../../blender-worker/signals.ts'),
      ])
      const config = parseWorkerConfig({ ...flags, ...(await tokenFor(flags, shell)) }, shell.env)
      if (!config.ok) throw new CommandFailure(EXIT_CODES.usage, config.code, config.detail)
      const log = pino({
        level: shell.env['LOG_LEVEL'] ?? 'info',
        base: { service: 'worker', name: config.value.name },
        serializers: { error: pino.stdSerializers.err },
      })
      const worker = await startWorker(config.value, { log }).catch((error: unknown) => {
        throw error instanceof WorkerStartError
          ? new CommandFailure(EXIT_CODES.failed, error.code, error.message)
          : error
      })
      leaveOnSignals(worker)
      const exit = await worker.stopped
      if ('message' in exit) shell.stderr.write(`error: ${exit.why}: ${exit.message}\n`)
      end(WORKER_EXIT_CODES[exit.why])
    })
}

// A script gets lines of JSON, of which one says that the farm is ready; a person gets words, and of the log what
// matters.
async function upForPeople(environment: NodeJS.ProcessEnv, shell: Shell): Promise<void> {
  const [{ startFarm }, { makeLog, stopOnSignals }] = await Promise.all([
    import('../../farm/main.ts'),
    import('../../wiring/process.ts'),
  ])
  const farm = await startFarm({ LOG_LEVEL: 'warn', ...environment })
  stopOnSignals(farm, makeLog({ LOG_LEVEL: 'warn' }, 'farm'))
  const lines = [
    `The farm runs at ${farm.url}, and describes itself at ${farm.url}/docs.`,
    `Its tokens are in ${farm.tokensFile}; commands find them there by --data-dir or ` +
      `TILEWORK_DATA_DIR, and by themselves in ./${DATA_DIR_DEFAULT}.`,
    `Add a worker with: tilework worker --url ${farm.url}`,
    'Ctrl-C stops it.',
  ]
  shell.stdout.write(`${lines.join('\n')}\n`)
  await farm.stopped
}

// For whoever starts services as its children: they end even when it is killed and cannot tell them to.
function leashOption(): Option {
  return new Option('--leash', 'end when standard input is closed').hideHelp()
}

function endWithStandardInput(signals: number): void {
  // It must not keep a process alive that has nothing more to do.
  process.stdin.resume().unref()
  process.stdin.once('close', () => {
    for (let sent = 0; sent < signals; sent++)
      setTimeout(() => process.kill(process.pid, 'SIGTERM'), sent * SIGNAL_PAUSE_MS)
  })
}

async function tokenFor(
  flags: { url?: string | undefined; token?: string | undefined },
  shell: Shell,
): Promise<{ token?: string }> {
  const url = flags.url ?? shell.env['TILEWORK_WORKER_URL'] ?? ''
  if (flags.token !== undefined || (shell.env['TILEWORK_WORKER_TOKEN'] ?? '') !== '' || !URL.canParse(url)) return {}
  const token = await localToken(new URL(url), 'worker', undefined, shell.env)
  return token === undefined ? {} : { token }
}
