import { isEligible } from '../../../shared/domain/scheduling/eligibility.ts'
import type { JobRecord } from '../../../shared/protocol/job.ts'
import type { TaskRecord } from '../../../shared/protocol/task.ts'
import type { Checker } from '../checker.ts'
import type { SimulatedWorker } from '../worker.ts'
import type { World } from '../world.ts'

/**
 * After the faults, what died comes back, lines are made anew and leases of the dead run out; nothing is asked before
 * that, in ms.
 */
const RECOVERING_MS = 150_000
/**
 * A queued task waits no longer than this, in ms, while somebody able idles: a lost notice costs five rounds, the rest
 * is taking turns.
 */
const STARVED_MS = 30_000

/** Once all is well, no task waits while a worker that could have it has nothing to do. */
export function noStarvation(): Checker {
  const waitingSince = new Map<string, number>()
  return {
    name: 'no-starvation',
    async swept(world, report) {
      const now = world.agenda.now()
      const waiting = now < world.healedAt + RECOVERING_MS ? [] : await waitingOf(world, now)
      for (const key of waitingSince.keys()) if (!waiting.some(({ task }) => task === key)) waitingSince.delete(key)
      for (const { task, worker } of waiting) {
        const since = waitingSince.get(task) ?? now
        waitingSince.set(task, since)
        if (now - since > STARVED_MS) report(`${task} waits for ${now - since} ms, and ${worker} has nothing to do`)
      }
    },
  }
}

/**
 * Queued tasks and a worker for each that idles and may have it. Only what is beyond doubt: nothing that others are to
 * be asked first.
 */
async function waitingOf(world: World, now: number): Promise<{ task: string; worker: string }[]> {
  const jobs = await Promise.all(
    (await world.jobs()).map(async (job) => ({
      job,
      tasks: (await world.twin.listTasks(job.id, { limit: 1e6 })).items,
    })),
  )
  const running = (task: TaskRecord) => task.attempts.filter(({ outcome }) => outcome === 'running')
  const busy = new Set(
    jobs.flatMap(({ tasks }) => tasks.flatMap((task) => running(task).map(({ workerId }) => workerId))),
  )
  const idle = world.workers.filter(
    (worker) => worker.connected && !worker.draining && worker.leases.size === 0 && !busy.has(worker.id),
  )
  return jobs.flatMap(({ job, tasks }) => {
    const closed =
      (job.state !== 'active' && job.state !== 'inspecting') ||
      job.pausedAt !== undefined ||
      tasks.filter((task) => running(task).length > 0).length >= (job.cap ?? Infinity)
    return (closed ? [] : tasks).flatMap((task) => {
      const due = task.state === 'queued' && (task.notBefore ?? 0) <= now && task.outgrew === undefined
      const worker = due ? idle.find((each) => mayTake(job, task, each)) : undefined
      return worker === undefined ? [] : [{ task: `${job.id} ${task.id}`, worker: worker.id }]
    })
  })
}

function mayTake(job: JobRecord, task: TaskRecord, worker: SimulatedWorker): boolean {
  return (
    isEligible(job.requirement, worker.character.capabilities) &&
    !task.avoid.includes(worker.id) &&
    (task.only === undefined || task.only === worker.id)
  )
}
