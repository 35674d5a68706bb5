import type { WorkerMessage } from '../../shared/protocol/messages.ts'
import type { WorkerRecord } from '../../shared/protocol/worker.ts'

/** What is stored of a worker that has just said hello; `known`: what was stored of it before. */
export function recordOf(
  hello: Extract<WorkerMessage, { type: 'hello' }>,
  token: { owner: string; anchor?: boolean },
  known: WorkerRecord | null,
  now: number,
): WorkerRecord {
  return {
    id: hello.workerId,
    name: hello.name,
    owner: token.owner,
    agentVersion: hello.agentVersion,
    ...(token.anchor === true ? { anchor: true } : {}),
    capabilities: hello.capabilities,
    state: 'connected',
    leases: hello.leases.length,
    tasksCompleted: known?.tasksCompleted ?? 0,
    tasksFailed: known?.tasksFailed ?? 0,
    tasksRefuted: known?.tasksRefuted ?? 0,
    quarantined: known?.quarantined ?? false,
    connectedAt: now,
    lastSeenAt: now,
  }
}

/** What is stored of a connected worker some time after its hello; `quarantined`: as it is stored, if it is known. */
export function laterRecord(
  { coolsDownUntil: _machine, coolsDownFrom: _scenes, ...record }: WorkerRecord,
  is: {
    isDraining: boolean
    quarantined: boolean | undefined
    coolsDownUntil: number | undefined
    coolsDownFrom: NonNullable<WorkerRecord['coolsDownFrom']>
    leases: number
    rendering: WorkerRecord['rendering']
    now: number
  },
): WorkerRecord {
  return {
    ...record,
    ...(is.coolsDownUntil === undefined ? {} : { coolsDownUntil: is.coolsDownUntil }),
    ...(is.coolsDownFrom.length === 0 ? {} : { coolsDownFrom: is.coolsDownFrom }),
    ...(is.quarantined === undefined ? {} : { quarantined: is.quarantined }),
    state: is.isDraining ? 'draining' : 'connected',
    leases: is.leases,
    rendering: is.rendering,
    lastSeenAt: is.now,
  }
}
