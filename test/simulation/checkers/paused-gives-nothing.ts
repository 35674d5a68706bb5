import type { Checker } from '../checker.ts'

/** Nothing of a paused job is handed out, and one that has nothing to hand out is not paused. */
export function pausedGivesNothing(): Checker {
  return {
    name: 'paused-gives-nothing',
    committed({ jobId, job, tasks, commit }, report) {
      if (job.pausedAt === undefined || commit.recovered === true) return
      for (const { before, after } of tasks)
        if (after.epoch > (before?.epoch ?? 0))
          report(`${jobId} is paused, and ${after.id}@${after.epoch} is handed out`)
      if (!['inspecting', 'planning', 'active'].includes(job.state)) report(`${jobId} is ${job.state} and paused`)
    },
  }
}
