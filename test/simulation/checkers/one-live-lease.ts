import type { JobRecord } from '../../../shared/protocol/job.ts'
import type { Checker } from '../checker.ts'

/**
 * Each epoch of a task belongs to one worker, epochs rise by one, and an attempt that is over never comes to life
 * again; a job that is over gives none. Two workers may be at a slow task, and one alone once somebody has committed to
 * a result.
 */
export function oneLiveLease(): Checker {
  const told = new Map<string, string>()
  return {
    name: 'one-live-lease',
    committed({ jobId, job, tasks, commit: { recovered = false } }, report) {
      for (const { before, after } of tasks) {
        const what = `${jobId} ${after.id}`
        const running = after.attempts.filter((attempt) => attempt.outcome === 'running')
        const allowed = after.state === 'leased' ? [1, 2] : after.state === 'delivering' ? [1] : [0]
        if (!allowed.includes(running.length))
          report(`${what} is ${after.state} with ${running.length} running attempts`)
        if (new Set(running.map(({ workerId }) => workerId)).size !== running.length)
          report(`${what} is leased twice to ${running[0]?.workerId}`)
        // One that was reopened has lost its oldest attempts.
        const firstFollows = (epoch: number) => after.triesFrom !== undefined || follows(epoch, 0, job)
        if (
          after.epoch !== (after.attempts.at(-1)?.epoch ?? 0) ||
          after.attempts.some(
            ({ epoch }, index) =>
              !(index === 0 ? firstFollows(epoch) : follows(epoch, after.attempts[index - 1]?.epoch ?? 0, job)),
          )
        )
          report(`${what}: epochs ${after.attempts.map(({ epoch }) => epoch).join()} at epoch ${after.epoch}`)
        // What is put back was leased once; the epochs that were told say whether one of them is given out again.
        const old = recovered ? after.attempts : (before?.attempts ?? [])
        const leases = after.attempts.filter(({ epoch }) => !old.some((was) => was.epoch === epoch)).length
        if (leases > 1) report(`${what}: ${leases} leases in one commit`)
        if (leases > 0 && job.state !== (after.kind === 'inspect' ? 'inspecting' : 'active'))
          report(`${what} is leased though the job is ${job.state}`)
        if (
          leases > 0 &&
          before !== undefined &&
          before.state !== 'queued' &&
          !(before.state === 'leased' && running.length === 2)
        )
          report(`${what}: leased anew while it is ${before.state}`)
        for (const was of old) {
          const is = after.attempts.find(({ epoch }) => epoch === was.epoch)
          if (is === undefined && after.triesFrom !== undefined && was.epoch <= after.triesFrom) continue
          if (is === undefined || is.workerId !== was.workerId)
            report(
              `${what}: epoch ${was.epoch} of ${was.workerId} is ` +
                `${is === undefined ? 'gone' : `of ${is.workerId} now`}`,
            )
          else if (
            is.outcome !== was.outcome &&
            was.outcome !== 'running' &&
            !(was.outcome === 'rendered' && is.outcome === 'rejected')
          )
            report(`${what}: epoch ${was.epoch} was ${was.outcome} and is ${is.outcome} now`)
        }
      }
    },
    sent(to, message, _, report) {
      if (message.type !== 'lease') return
      const lease = `${message.jobId} ${message.taskId}@${message.epoch}`
      const holder = told.get(lease) ?? to.id
      told.set(lease, holder)
      if (holder !== to.id) report(`${lease} is given to ${to.id} and to ${holder}`)
    },
  }
}

/** One after the other, but where a recovery leaves out all that may have been given out before it. */
function follows(epoch: number, last: number, { epochsBefore = 0 }: JobRecord): boolean {
  return epoch === last + 1 || (epoch > last && epoch <= epochsBefore + 1)
}
