import { fartherThanNearest } from '../../domain/scheduling/blender-choice.ts'
import { isEligible } from '../../domain/scheduling/eligibility.ts'
import { isTooSmall } from '../../domain/task/retry.ts'
import type { WorkerId } from '../../protocol/ids.ts'
import type { JobRecord } from '../../protocol/job.ts'
import type { TaskRecord } from '../../protocol/task.ts'
import type { Capabilities } from '../../protocol/worker.ts'
import type { ConnectedWorker } from './connected-worker.ts'

/**
 * Who is connected to the whole farm, so that no task is withheld for somebody who left, or given to one whom another
 * suits better.
 */
export class WorkerRoster {
  readonly #connected: Map<WorkerId, Capabilities>
  readonly #anchors: Set<WorkerId>

  constructor(connected: ReadonlyMap<WorkerId, Capabilities>, anchors: ReadonlySet<WorkerId>) {
    this.#connected = new Map(connected)
    this.#anchors = new Set(anchors)
  }

  /** One more, who has just connected here: a quick job may be done before everybody is counted again. */
  add(worker: ConnectedWorker): void {
    this.#connected.set(worker.workerId, worker.capabilities)
    if (worker.anchor === true) this.#anchors.add(worker.workerId)
  }

  /** Connected workers other than `workerId` that could have tasks of the job. */
  othersFor(job: JobRecord, workerId: WorkerId): WorkerId[] {
    const others: WorkerId[] = []
    for (const [id, capabilities] of this.#connected)
      if (id !== workerId && isEligible(job.requirement, capabilities)) others.push(id)
    return others
  }

  /** Connected machines of the operator's own that could have tasks of the job. */
  anchorsFor(job: JobRecord): WorkerId[] {
    return [...this.#anchors].filter((id) => {
      const capabilities = this.#connected.get(id)
      return capabilities !== undefined && isEligible(job.requirement, capabilities)
    })
  }

  /** Connected workers that may not look at the scene of the job, because another's Blender is nearer to it. */
  fartherFor(job: JobRecord, task: TaskRecord): WorkerId[] {
    if (task.kind !== 'inspect') return []
    const able = [...this.#connected].filter(([, capabilities]) => isEligible(job.requirement, capabilities))
    return fartherThanNearest(job, task, new Map(able))
  }

  /** Connected workers, this one counted in, that have no more memory than one that ran out of it over the task. */
  tooSmallFor(task: TaskRecord, worker: ConnectedWorker): WorkerId[] {
    if (task.outgrew === undefined) return []
    const machines = new Map(this.#connected).set(worker.workerId, worker.capabilities)
    return [...machines].filter(([, machine]) => isTooSmall(task, machine)).map(([id]) => id)
  }
}
