import type { Command } from 'commander'
import { z } from 'zod'
import { JobChange } from '../../../shared/protocol/job.ts'
import { parseOptions, usageFailure } from '../exit-codes.ts'
import { stateText } from '../progress/job-text.ts'
import { WholeNumber } from '../quantities.ts'
import { farmCommand, jobNamed, openFarm } from '../shell.ts'
import type { Shell } from '../shell.ts'

const PauseOptions = z.object({ now: z.boolean().default(false) })
const ChangeOptions = z.object({
  frames: z.string().optional(),
  name: z.string().optional(),
  priority: WholeNumber.optional(),
  cap: z.union([z.literal('none').transform(() => null), WholeNumber], 'must be a number of tasks, or none').optional(),
})

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

  farmCommand(program, 'change <job>', 'change a job that is not over')
    .option('--priority <0-100>', 'higher goes first')
    .option('--cap <n>', 'tasks with workers at a time, or none')
    .option('--frames <ranges>', 'all frames to render from now on, such as 1-48')
    .option('--name <name>', 'what to call the job')
    .action(async (job: string, options: unknown, command: Command) => {
      const wanted = parseOptions(ChangeOptions, options)
      const change = JobChange.safeParse(
        Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined)),
      )
      if (!change.success)
        throw usageFailure(
          change.error.issues
            .map(({ path, message }) => (path.length === 0 ? message : `--${path.join('.')}: ${message}`))
            .join('; '),
        )
      const id = jobNamed(job)
      const { client, answer } = await openFarm(command, shell)
      const changed = await client.change(id, change.data)
      answer(changed, [
        `${id} ${stateText(changed)}, frames ${changed.plan.frames}, priority ${changed.priority}, ` +
          `${changed.cap === undefined ? 'no cap' : `cap ${changed.cap}`}`,
      ])
    })
}
