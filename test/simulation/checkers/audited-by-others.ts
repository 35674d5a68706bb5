import type { Checker } from '../checker.ts'

/** Nobody checks its own work, unless it is asked by name to render a disputed task once more. */
export function auditedByOthers(): Checker {
  return {
    name: 'audited-by-others',
    committed({ jobId, tasks, task, commit }, report) {
      if (commit.recovered === true) return
      for (const { before, after } of tasks) {
        const leased = after.attempts.length > (before?.attempts.length ?? 0) ? after.attempts.at(-1) : undefined
        if (
          leased === undefined ||
          after.kind !== 'audit' ||
          after.audits === undefined ||
          after.only === leased.workerId
        )
          continue
        const checked = task(after.audits)
        const own = checked?.attempts.find(({ outcome }) => outcome === 'rendered')
        if (own?.workerId === leased.workerId && checked?.state === 'verifying')
          report(`${jobId} ${after.id}: ${leased.workerId} is to check its own ${checked.id}`)
      }
    },
  }
}
