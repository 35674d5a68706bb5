import { z } from 'zod'
import type { Command } from 'commander'
import { FarmClient } from './api/farm-client.ts'
import { JobId } from '../../shared/protocol/ids.ts'
import { CommandFailure, EXIT_CODE_HELP, EXIT_CODES, parseOptions } from './exit-codes.ts'
import { DATA_DIR_DEFAULT, findFarm, URL_DEFAULT } from './farm-address.ts'
import { Screen } from './progress/screen.ts'
import type { ScreenOutput } from './progress/screen.ts'

/** The world around one run of the command; tests bring their own. */
export interface Shell {
  readonly env: NodeJS.ProcessEnv
  /** The answer. */
  readonly stdout: ScreenOutput
  /** Progress, remarks and complaints. */
  readonly stderr: ScreenOutput
  /** From the first call on, an interrupt aborts this signal and does not end the process. */
  readonly interruption: () => AbortSignal
}

/** What a command that talks to a farm works with. */
export interface FarmSession {
  readonly client: FarmClient
  readonly screen: Screen
  /** Writes the answer: the value for machines, or the lines for people. */
  readonly answer: (value: unknown, lines: readonly string[]) => void
}

const FarmOptions = z.object({
  url: z.string().optional(),
  token: z.string().optional(),
  dataDir: z.string().optional(),
  json: z.boolean().default(false),
  quiet: z.boolean().default(false),
})

/** Adds the options of all commands that talk to a farm; they may stand before the command, too. */
export function addFarmOptions(command: Command): Command {
  return command
    .option('--url <address>', `address of the farm (TILEWORK_URL; ${URL_DEFAULT})`)
    .option('--token <token>', 'token for the farm (TILEWORK_TOKEN; for a farm on this machine, from its data folder)')
    .option('--data-dir <folder>', `data folder of a farm on this machine (TILEWORK_DATA_DIR; ./${DATA_DIR_DEFAULT})`)
    .option('--json', 'answer with one JSON document on standard output and nothing else there')
    .option('--quiet', 'no progress and no remarks')
}

/** A subcommand that talks to a farm. */
export function farmCommand(program: Command, usage: string, description: string): Command {
  return addFarmOptions(program.command(usage).description(description)).addHelpText('after', EXIT_CODE_HELP)
}

/** Opens the farm that the options of a command, or those before it, name. */
export async function openFarm(command: Command, shell: Shell): Promise<FarmSession> {
  const options = parseOptions(FarmOptions, { ...command.parent?.opts(), ...command.opts() })
  const client = new FarmClient(await findFarm(options, shell.env))
  const screen = new Screen(shell.stderr, { quiet: options.quiet || options.json })
  const answer = (value: unknown, lines: readonly string[]): void => {
    const text = options.json ? JSON.stringify(value, null, 2) : lines.join('\n')
    if (text !== '') shell.stdout.write(`${text}\n`)
  }
  return { client, screen, answer }
}

/** A job as named on the command line. What cannot be a job is no job of the farm. */
export function jobNamed(text: string): JobId {
  const parsed = JobId.safeParse(text)
  if (parsed.success) return parsed.data
  throw new CommandFailure(
    EXIT_CODES.notFound,
    'not_found',
    `there is no job ${JSON.stringify(text)}: ${parsed.error.issues[0]?.message}; "tilework jobs" lists them`,
  )
}
