import type { JobView } from '../../../shared/protocol/job.ts'
import { formatSeconds } from '../quantities.ts'
import { stagesOf } from './stages.ts'
import type { Stage } from './stages.ts'

/** Cells of a bar: five fit each other's figures beside them on a line of 80. */
const BAR_CELLS = 28
const STAGE_NAME_LENGTH = 8

/** What there is to know besides the job itself. */
export interface Surroundings {
  readonly workersConnected?: number
  /** Columns of the terminal; longer lines are cut so that repainting stays in place. */
  readonly columns?: number
}

/** The job as a block of lines: a headline, a bar for each stage, and what holds it up. */
export function jobBlock(job: JobView, { workersConnected, columns = 100 }: Surroundings = {}): string[] {
  const lines = [
    headline(job, workersConnected),
    ...stagesOf(job).map(stageLine),
    ...job.waiting.map((reason) => `  ${reason}`),
    ...job.disputes.map((dispute) => `  disputed: ${dispute}`),
  ]
  return lines.map((line) => (line.length <= columns ? line : `${line.slice(0, Math.max(1, columns - 1))}…`))
}

/** The same in one line, for logs. */
export function jobLine(job: JobView, { workersConnected }: Surroundings = {}): string {
  const stages = stagesOf(job).map((stage) => `${stage.name} ${stage.done}/${stage.total}`)
  return [headline(job, workersConnected), ...stages].join(' | ')
}

/** What the artist should know about how a job is rendered, a line each, but for what was `told` before. */
export function noteLines({ plan }: Pick<JobView, 'plan'>, told: readonly string[] = []): string[] {
  return plan.notes.filter((note) => !told.includes(note)).map((note) => `note: ${note}`)
}

/** How a job ended, with why where it failed. */
export function endingLines(job: JobView): string[] {
  if (job.state !== 'failed') return [`${job.id} ${job.state}`]
  const { code, message, lastWords } = job.failure ?? {
    code: 'internal',
    message: 'the farm did not say why',
    lastWords: undefined,
  }
  return [
    `${job.id} failed: ${code}: ${message}`,
    ...(lastWords === undefined
      ? []
      : [
          'Last words of Blender:',
          ...lastWords
            .trimEnd()
            .split('\n')
            .map((line) => `  ${line}`),
        ]),
  ]
}

/** `███████·····` with `cells` cells; a started stage never looks empty and an unfinished one never full. */
export function bar(done: number, total: number, cells = BAR_CELLS): string {
  if (total <= 0) return '·'.repeat(cells)
  const share = Math.min(1, Math.max(0, done / total))
  const exact = Math.floor(share * cells)
  const full = share === 1 ? cells : Math.min(cells - 1, share > 0 ? Math.max(1, exact) : 0)
  return '█'.repeat(full) + '·'.repeat(cells - full)
}

/** `active`, `active, paused`. */
export function stateText(job: Pick<JobView, 'state' | 'pausedAt'>): string {
  return job.pausedAt === undefined ? job.state : `${job.state}, paused`
}

function headline(job: JobView, workersConnected: number | undefined): string {
  const delivered = job.counts.frames['delivered'] ?? 0
  return [
    `${job.name} (${job.id})`,
    stateText(job),
    `${Math.floor(job.progress * 100)} %`,
    `${delivered}/${job.plan.frameCount} frames`,
    ...(workersConnected === undefined ? [] : [`${workersConnected} ${workersConnected === 1 ? 'worker' : 'workers'}`]),
    ...(job.secondsLeft === null ? [] : [`${formatSeconds(job.secondsLeft)} left`]),
  ].join('  ')
}

function stageLine(stage: Stage): string {
  const details = [
    ...(stage.running > 0 ? [`${stage.running} running`] : []),
    ...(stage.failed > 0 ? [`${stage.failed} ${stage.name === 'verify' ? 'refuted' : 'failed'}`] : []),
  ]
  return (
    `  ${stage.name.padEnd(STAGE_NAME_LENGTH)} ${bar(stage.done, stage.total)} ` +
    `${stage.done}/${stage.total} ${stage.unit}${details.length > 0 ? `, ${details.join(', ')}` : ''}`
  )
}
