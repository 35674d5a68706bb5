import { tableLines } from '../table.ts'

/** What `tilework recover` answers, as far as it is told to a person. */
export interface RecoveryFigures {
  readonly term: number
  readonly tokens: number
  readonly scenes: number
  readonly workers: number
  readonly before: number
  readonly deleted: number
  readonly damage: readonly string[]
  readonly jobs: readonly {
    readonly jobId: string
    readonly state: string
    readonly kept: number
    readonly open: number
    readonly filesMissing: number
    readonly name: string
  }[]
}

/** Complaints shown; all of them are in the answer with --json. */
const DAMAGE_SHOWN_MAX = 20

export function recoveryLines({
  term,
  tokens,
  scenes,
  workers,
  before,
  deleted,
  damage,
  jobs,
}: RecoveryFigures): string[] {
  const rendering = jobs.filter((job) => job.open > 0)
  return [
    `The farm is open again (term ${term}): ${jobs.length + before} job(s), ` +
      `${scenes} scene(s), ${workers} worker(s), ${tokens} token(s).`,
    ...(before > 0 ? [`${before} of the jobs had been rebuilt by a run that was cut off.`] : []),
    ...(deleted > 0 ? [`${deleted} deleted job(s) were left out, and what was still there of them is removed.`] : []),
    ...(rendering.length === 0
      ? ['Nothing has to be rendered again.']
      : [
          'To be rendered, because it was in flight, not begun, or its files are missing:',
          ...tableLines([
            ['JOB', 'STATE', 'DONE', 'TO DO', 'FILES MISSING', 'NAME'],
            ...rendering.map((job) => [
              job.jobId,
              job.state,
              String(job.kept),
              String(job.open),
              String(job.filesMissing),
              job.name,
            ]),
          ]),
        ]),
    ...(damage.length === 0
      ? []
      : [
          'Problems found:',
          ...damage.slice(0, DAMAGE_SHOWN_MAX).map((what) => `  ${what}`),
          ...(damage.length > DAMAGE_SHOWN_MAX
            ? [`  and ${damage.length - DAMAGE_SHOWN_MAX} more; --json lists all`]
            : []),
        ]),
  ]
}
