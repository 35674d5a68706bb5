import { type JobView, needsFinish } from '../../../shared/protocol/job.ts'

/** One leg of a job's way, as a bar shows it. */
export interface Stage {
  readonly name: 'render' | 'verify' | 'finish' | 'deliver' | 'video'
  readonly done: number
  /** 0 when it is not known yet, or there is nothing to do. */
  readonly total: number
  readonly unit: string
  readonly running: number
  readonly failed: number
}

/** Tasks in one of these states are somewhere between a worker and the store. */
const RUNNING = ['leased', 'delivering', 'verifying'] as const

/** The legs of a job in their order; those that it does not have are left out. */
export function stagesOf(job: JobView): Stage[] {
  const { plan, counts } = job
  const of = (group: Readonly<Record<string, number>>, ...states: readonly string[]): number =>
    states.reduce((sum, state) => sum + (group[state] ?? 0), 0)
  const running = (group: Readonly<Record<string, number>>): number => of(group, ...RUNNING)
  const { render, finish, audit, frames } = counts
  const audits = Object.values(audit).reduce((sum, count) => sum + count, 0)
  return [
    {
      name: 'render',
      done: of(render, 'completed'),
      total: plan.renderTaskCount,
      unit: plan.samples !== undefined ? 'ranges' : plan.tiles === undefined ? 'tasks' : 'tiles',
      running: running(render),
      failed: of(render, 'failed'),
    },
    ...(plan.auditRate > 0 || audits > 0
      ? [
          {
            name: 'verify' as const,
            done: of(audit, 'completed', 'failed', 'canceled'),
            total: audits,
            unit: 'audits',
            running: running(audit),
            failed: counts.verdicts['refuted'] ?? 0,
          },
        ]
      : []),
    ...(needsFinish(plan)
      ? [
          {
            name: 'finish' as const,
            done: of(frames, 'delivering', 'delivered'),
            total: plan.frameCount,
            unit: 'frames',
            running: of(frames, 'stitching', 'finishing'),
            failed: of(finish, 'failed'),
          },
        ]
      : []),
    {
      name: 'deliver',
      done: of(frames, 'delivered'),
      total: plan.frameCount,
      unit: 'frames',
      running: of(frames, 'delivering'),
      failed: 0,
    },
    ...(plan.video === 'none'
      ? []
      : [
          {
            name: 'video' as const,
            done: job.state === 'completed' ? 1 : 0,
            total: 1,
            unit: plan.video,
            running: job.state === 'encoding' ? 1 : 0,
            failed: 0,
          },
        ]),
  ]
}

/** Whether a job will never change again by itself. */
export function hasEnded(job: Pick<JobView, 'state'>): boolean {
  return ['completed', 'failed', 'canceled'].includes(job.state)
}
