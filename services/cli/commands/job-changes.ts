import type { Command } from 'commander'
import { z } from 'zod'
import { parseOptions } from '../exit-codes.ts'
import { stateText } from '../progress/job-text.ts'
import { farmCommand, jobNamed, openFarm } from '../shell.ts'
import type { Shell } from '../shell.ts'
import { addChangeOptions } from './job-options.ts'
import { changedText, jobChange } from './job-request.ts'

const PauseOptions = z.object({ now: z.boolean().default(false) })

/** Commands that change a job that runs. */
export function addJobChangeCommands(program: Command, shell: Shell): void {
  farmCommand(program, 'pause <job>', 'hand out nothing more of a job; what workers hold is finished and counts')
    .option('--now', 'let workers drop what they hold')
    .action(async (job: string, options: unknown, command: Command) => {
      const { now } = parseOptions(PauseOptions, options)
      const id = jobNamed(job)
      const { client, answer } = await openFarm(command, shell)
      const paused = await client.pause(id, { now })
      answer(paused, [`${id} ${stateText(paused)}`])
    })

  farmCommand(program, 'resume <job>', 'go on with a paused job').action(
    async (job: string, _options: unknown, command: Command) => {
      const id = jobNamed(job)
      const { client, answer } = await openFarm(command, shell)
      const resumed = await client.resume(id)
      answer(resumed, [`${id} ${stateText(resumed)}`])
    },
  )

  farmCommand(program, 'retry <job>', 'try a failed or canceled job again; what is done stays done').action(
    async (job: string, _options: unknown, command: Command) => {
      const id = jobNamed(job)
      const { client, answer } = await openFarm(command, shell)
      const retried = await client.retry(id)
      answer(retried, [`${id} ${stateText(retried)}`])
    },
  )

  addChangeOptions(farmCommand(program, 'change <job>', 'change a job that is not over')).action(
    async (job: string, options: unknown, command: Command) => {
      const change = jobChange(options)
      const id = jobNamed(job)
      const { client, answer } = await openFarm(command, shell)
      const changed = await client.change(id, change)
      answer(changed, [`${id} ${stateText(changed)}, ${changedText(changed)}`])
    },
  )
}
