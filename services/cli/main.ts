import { Command, CommanderError } from 'commander'
import { addDownloadCommand } from './commands/download.ts'
import { addJobChangeCommands } from './commands/job-changes.ts'
import { addJobCommands } from './commands/jobs.ts'
import { addPlanCommand } from './commands/plan.ts'
import { addServiceCommands, addWorkerCommand } from './commands/services.ts'
import { addSubmitCommand } from './commands/submit.ts'
import { addWorkersCommand } from './commands/workers.ts'
import { CommandFailure, EXIT_CODE_HELP, EXIT_CODES } from './exit-codes.ts'
import { addFarmOptions } from './shell.ts'
import type { Shell } from './shell.ts'

/** Runs the command with the arguments after its name, and gives its exit code. Throws for bugs only. */
export async function runCommand(args: readonly string[], shell: Shell, version: string): Promise<number> {
  let exitCode: number = EXIT_CODES.ok
  const program = newProgram(shell, version, (code) => (exitCode = code))
  try {
    if (args.length === 0) program.help({ error: true })
    await program.parseAsync([...args], { from: 'user' })
    return exitCode
  } catch (error) {
    return exitCodeFor(error, args, shell)
  }
}

function newProgram(shell: Shell, version: string, end: (code: number) => void): Command {
  const program = new Command('tilework')
    .description('A render farm for Blender: hand in a scene, fetch the frames.')
    .version(version)
    // So that options before the verb are the program's and those after it the verb's: both may have --url.
    .enablePositionalOptions()
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void shell.stdout.write(text),
      writeErr: (text) => void shell.stderr.write(text),
    })
    .addHelpText('after', EXIT_CODE_HELP)
  addFarmOptions(program)
  program.commandsGroup('Jobs:')
  addPlanCommand(program, shell, end)
  addSubmitCommand(program, shell, end)
  addJobCommands(program, shell, end)
  addJobChangeCommands(program, shell)
  addDownloadCommand(program, shell)
  program.commandsGroup('Machines:')
  addWorkersCommand(program, shell)
  addWorkerCommand(program, shell, end)
  program.commandsGroup('Services:')
  addServiceCommands(program, shell)
  return program
}

function exitCodeFor(error: unknown, args: readonly string[], shell: Shell): number {
  // Commander has said itself what is wrong, or shown the help that was asked for.
  if (error instanceof CommanderError)
    return error.exitCode === 0
      ? EXIT_CODES.ok
      : complain(new CommandFailure(EXIT_CODES.usage, 'usage', error.message), args, shell, true)
  if (error instanceof CommandFailure) return complain(error, args, shell)
  if (error instanceof Error && error.name === 'AbortError')
    return complain(new CommandFailure(EXIT_CODES.interrupted, 'interrupted', 'interrupted'), args, shell, true)
  const message = error instanceof Error ? error.message : String(error)
  complain(new CommandFailure(EXIT_CODES.failed, 'internal', message), args, shell)
  if (error instanceof Error && (shell.env['TILEWORK_DEBUG'] ?? '') !== '') shell.stderr.write(`${error.stack ?? ''}\n`)
  return EXIT_CODES.failed
}

function complain(failure: CommandFailure, args: readonly string[], shell: Shell, saidAlready = false): number {
  const { code, message: detail, errors } = failure
  if (!saidAlready) {
    shell.stderr.write(`error: ${code}: ${detail}\n`)
    for (const { path, message } of errors) shell.stderr.write(`  ${path}: ${message}\n`)
  }
  if (args.includes('--json'))
    shell.stdout.write(
      `${JSON.stringify({ error: { code, detail, ...(errors.length > 0 ? { errors } : {}) } }, null, 2)}\n`,
    )
  return failure.exitCode
}
