import type { Checker } from '../checker.ts'

/** Whoever shows what the scene gives, and sends what it committed to, is never refuted and never rejected. */
export function honestNeverBlamed(): Checker {
  const blamed: { workerId: string; what: string }[] = []
  return {
    name: 'honest-never-blamed',
    committed({ jobId, tasks }) {
      for (const { before, after } of tasks) {
        for (const [index, is] of after.attempts.entries()) {
          const was = before?.attempts[index]
          if (is.verdict === 'refuted' && was?.verdict !== 'refuted') blamed.push({ workerId: is.workerId, what: `${jobId} ${after.id}@${is.epoch} is ${is.outcome} and refuted` })
        }
      }
    },
    async swept(world, report) {
      if (world.scenario.outvoted) return
      const honest = new Set<string>(world.workers.filter((worker) => worker.honest).map((worker) => worker.id))
      for (const { workerId, what } of blamed.splice(0)) if (honest.has(workerId)) report(`${workerId} is honest, and ${what}`)
    },
  }
}
