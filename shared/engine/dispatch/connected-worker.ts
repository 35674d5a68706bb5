import type { Sha256, WorkerId } from '../../protocol/ids.ts'
import type { Lease } from '../../protocol/messages.ts'
import type { TaskRecord } from '../../protocol/task.ts'
import type { Capabilities } from '../../protocol/worker.ts'

/** A connected worker as the dispatcher sees it. */
export interface ConnectedWorker {
  readonly workerId: WorkerId
  readonly capabilities: Capabilities
  /** A machine of the operator's own. */
  readonly anchor?: boolean
  /** False when it drains or is gone. */
  open(): boolean
  /** False while it cools down from failures with this scene. */
  takes(scene: Sha256): boolean
  /** How many more leases it may be given now, those being made counted in. */
  room(): number
  /** Leases it holds. */
  held(): number
  /** All its slots render already: what it gets now waits on its side. */
  busy(): boolean
  /** Keeps a place for a lease that is being made, and frees it when none came of it. */
  reserve(): () => void
  /** Hands the lease over; false when the connection is gone. */
  give(lease: Lease, task: TaskRecord): boolean
}
