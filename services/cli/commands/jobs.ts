import type { Command } from 'commander'
import { z } from 'zod'
import { JobState } from '../../../shared/protocol/job.ts'
import type { JobView } from '../../../shared/protocol/job.ts'
import { EXIT_CODES, parseOptions } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import { endingLines, jobBlock, noteLines, stateText } from '../progress/job-text.ts'
import { hasEnded } from '../progress/stages.ts'
import { formatSeconds, WholeNumber } from '../quantities.ts'
import { farmCommand, jobNamed, openFarm } from '../shell.ts'
import type { FarmSession, Shell } from '../shell.ts'
import { tableLines } from '../table.ts'
import { watchUntilEnd } from './watch.ts'

const JOBS_SHOWN_DEFAULT = 20
const ListOptions = z.object({
  state: JobState.optional(),
  limit: WholeNumber.pipe(z.int().min(1).max(10_000)).default(JOBS_SHOWN_DEFAULT),
})
const StatusOptions = z.object({ watch: z.boolean().default(false) })

/** Commands that look at jobs and end them. */
export function addJobCommands(program: Command, shell: Shell, end: (code: ExitCode) => void): void {
  farmCommand(program, 'jobs', 'list jobs, newest first')
    .option('--state <state>', 'only those in this state')
    .option('--limit <n>', `how many at most (${JOBS_SHOWN_DEFAULT})`)
    .action(async (options: unknown, command: Command) => {
      const { state, limit } = parseOptions(ListOptions, options)
      await list(await openFarm(command, shell), state, limit)
    })

  farmCommand(program, 'status [job]', 'show how a job goes, or list the newest jobs')
    .option('--watch', 'go on showing it until it has ended; exit code 1 if it did not complete')
    .action(async (job: string | undefined, options: unknown, command: Command) => {
      const { watch } = parseOptions(StatusOptions, options)
      if (job === undefined) return list(await openFarm(command, shell), undefined, JOBS_SHOWN_DEFAULT)
      const id = jobNamed(job)
      const session = await openFarm(command, shell)
      const view = watch ? await watchUntilEnd(session, id, shell) : await session.client.job(id)
      session.answer(view, watch ? endingLines(view) : statusLines(view, shell.stdout.columns))
      if (watch && view.state !== 'completed') end(EXIT_CODES.failed)
    })

  farmCommand(program, 'cancel <job>', 'stop a job; frames that were delivered stay').action(
    async (job: string, _options: unknown, command: Command) => {
      const id = jobNamed(job)
      const { client, answer } = await openFarm(command, shell)
      const canceled = await client.cancel(id)
      answer(canceled, [`${id} ${canceled.state}`])
    },
  )

  farmCommand(program, 'delete <job>', 'stop a job and remove all its files from the farm').action(
    async (job: string, _options: unknown, command: Command) => {
      const id = jobNamed(job)
      const { client, answer } = await openFarm(command, shell)
      await client.delete(id)
      answer({ deleted: id }, [`${id} is being deleted`])
    },
  )
}

async function list({ client, answer }: FarmSession, state: JobState | undefined, limit: number): Promise<void> {
  const jobs = await client.jobs({ state, limit })
  const rows = jobs.map((job) => [
    job.id,
    stateText(job),
    `${Math.floor(job.progress * 100)} %`,
    `${job.counts.frames['delivered'] ?? 0}/${job.plan.frameCount}`,
    job.secondsLeft === null ? '' : formatSeconds(job.secondsLeft),
    job.name,
  ])
  answer(
    { items: jobs },
    jobs.length === 0 ? ['no jobs'] : tableLines([['JOB', 'STATE', 'DONE', 'FRAMES', 'LEFT', 'NAME'], ...rows]),
  )
}

function statusLines(job: JobView, columns: number | undefined): string[] {
  return [
    ...jobBlock(job, columns === undefined ? { columns: Infinity } : { columns }),
    ...noteLines(job),
    ...(hasEnded(job) && job.state === 'failed' ? endingLines(job) : []),
  ]
}
