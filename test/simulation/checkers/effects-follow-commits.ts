import { stepId } from '../../../shared/adapters/bullmq/steps.ts'
import { jobIsOver } from '../../../shared/domain/lifecycle/job.ts'
import type { Checker } from '../checker.ts'

/** What a commit asks for is done after it, at least once, and nothing is queued that the records do not ask for. */
export function effectsFollowCommits(): Checker {
  /** What commits asked for and nobody has done yet. */
  const open = new Map<string, string>()
  /** Tasks by (task, epoch) and steps that a commit made waiting. */
  const asked = new Set<string>()
  const gone = new Set<string>()
  return {
    name: 'effects-follow-commits',
    async lost() {
      open.clear()
    },
    committed({ jobId, before, job, commit, tasks, frames }) {
      // Tried again: its queue stays.
      if (before !== undefined && jobIsOver(before.state) && !jobIsOver(job.state)) open.delete(`drop ${jobId}`)
      if (job.state === 'deleting') gone.add(jobId)
      for (const { after } of tasks) if (after.state === 'queued') asked.add(`task ${jobId} ${after.id}-${after.epoch}`)
      // The rounds ask for what a recovery puts back.
      if (commit.recovered === true && job.state === 'encoding') asked.add(`step ${stepId({ step: 'encode', jobId })}`)
      for (const { after } of commit.recovered === true ? frames : []) {
        const step = after.state === 'stitching' ? 'stitch' : after.state === 'delivering' ? 'deliver' : null
        if (step !== null) asked.add(`step ${stepId({ step, jobId, frame: after.number })}`)
      }
      for (const effect of commit.effects) {
        if (effect.type === 'queue_tasks')
          for (const { taskId, epoch } of effect.tasks) open.set(`task ${jobId} ${taskId}-${epoch}`, jobId)
        else if (effect.type === 'run_step') {
          asked.add(`step ${stepId(effect.step)}`)
          open.set(`step ${stepId(effect.step)}`, jobId)
        } else open.set(`${effect.type === 'drop_queue' ? 'drop' : effect.type} ${jobId}`, jobId)
      }
    },
    performed(what, report) {
      switch (what.type) {
        case 'tasks_queued':
          for (const { taskId, epoch } of what.tasks) {
            const name = `task ${what.jobId} ${taskId}-${epoch}`
            if (!asked.has(name)) report(`${name} is put into the queue before any commit says that it waits`)
            open.delete(name)
          }
          return
        case 'step_added': {
          const name = `step ${stepId(what.step)}`
          // The rounds ask again for comparisons by the round they find.
          if (!asked.has(name) && what.step.step !== 'compare') report(`${name} is asked for before any commit does`)
          open.delete(name)
          return
        }
        case 'queue_dropped':
          open.delete(`drop ${what.jobId}`)
          return
        case 'told':
          open.delete(`${what.what} ${what.jobId}`)
          return
      }
    },
    async ended(world, report) {
      for (const [name, jobId] of open)
        if (!gone.has(jobId)) report(`${name}: a commit asked for it, and nobody did it`)
      for (const job of await world.jobs()) {
        const pending = await world.twin.pendingEffects(job.id, Number.MAX_SAFE_INTEGER, 10)
        if (pending.length > 0) report(`${job.id}: ${JSON.stringify(pending)} are still in the outbox`)
      }
    },
  }
}
