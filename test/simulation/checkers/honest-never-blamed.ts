import type { Checker } from '../checker.ts'

/** Whoever shows what the scene gives, and sends what it committed to, is never refuted and never rejected. */
export function honestNeverBlamed(): Checker {
  const blamed: { workerId: string; what: string }[] = []
  return {
    name: 'honest-never-blamed',
    committed({ jobId, tasks }) {
      for (const { before, after } of tasks) {
        for (const is of after.attempts) {
          const was = before?.attempts.find(({ epoch }) => epoch === is.epoch)
          if (is.verdict === 'refuted' && was?.verdict !== 'refuted')
            blamed.push({
              workerId: is.workerId,
              what: `${jobId} ${after.id}@${is.epoch} is ${is.outcome} and refuted`,
            })
        }
      }
    },
    async swept(world, report) {
      if (world.scenario.outvoted) return
      const honest = new Set<string>(world.workers.filter((worker) => worker.honest).map((worker) => worker.id))
      for (const { workerId, what } of blamed.splice(0))
        if (honest.has(workerId)) report(`${workerId} is honest, and ${what}`)
    },
  }
}
