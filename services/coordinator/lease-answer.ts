import type { Engine } from '../../shared/engine/context.ts'
import { type HeldLease, takeBack, takeDelivery, takeFailure, takeResult } from '../../shared/engine/results/hand-in.ts'
import { planInBackground } from '../../shared/engine/jobs/plan-tasks.ts'
import { takeInspection } from '../../shared/engine/results/take-inspection.ts'
import { assertNever } from '../../shared/domain/decision.ts'
import { UnstorableRecord } from '../../shared/ports/storable.ts'
import { type ErrorCode, type Refusal, refuse } from '../../shared/protocol/errors.ts'
import type { FailureCode } from '../../shared/protocol/failure.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import { type CoordinatorMessage, leaseRef, type WorkerMessage } from '../../shared/protocol/messages.ts'

/** What a worker says of a lease that changes it. */
export type LeaseMessage = Extract<
  WorkerMessage,
  { type: 'result' | 'uploaded' | 'inspected' | 'failure' | 'released' }
>

/** What follows for the worker from what it said of a lease. */
export interface LeaseAnswer {
  /** delivering: its files are awaited. over: the worker has it no more. */
  readonly lease: 'delivering' | 'over'
  /** Sent back; nothing where the worker waits for nothing. */
  readonly say?: CoordinatorMessage
  /** How its work ended, where this is known now and was heard of in time. */
  readonly ended?: 'well' | FailureCode
}

/** What a refused result counts as: a fault of its worker, or of the scene. */
const FAILURE_OF_REFUSAL: Partial<Record<ErrorCode, FailureCode>> = {
  result_invalid: 'output_invalid',
  files_too_many: 'blender_error',
}

/**
 * Hands to the engine what a worker says of a lease. What cannot be stored is refused, and is the farm's own fault: its
 * lease goes back.
 */
export async function answerOf(engine: Engine, lease: HeldLease, message: LeaseMessage): Promise<LeaseAnswer> {
  try {
    return await handOver(engine, lease, message)
  } catch (error) {
    if (!(error instanceof UnstorableRecord)) throw error
    engine.log.error({ ...leaseRef(lease), type: message.type, error }, 'what a worker said cannot be stored')
    await takeFailure(engine, lease, { code: 'interrupted', message: error.message.slice(0, LIMITS.messageLengthMax) })
    return { ...refused(refuse('internal', error.message), lease), ended: 'interrupted' }
  }
}

async function handOver(engine: Engine, lease: HeldLease, message: LeaseMessage): Promise<LeaseAnswer> {
  const released: LeaseAnswer = { lease: 'over', say: { type: 'release', ...leaseRef(lease) } }
  switch (message.type) {
    case 'result': {
      const taken = await takeResult(engine, lease, message)
      if (taken.ok) return { lease: 'delivering', say: { type: 'upload', ...leaseRef(lease), files: taken.upload } }
      const failure = FAILURE_OF_REFUSAL[taken.code]
      if (failure === undefined) return refused(taken, lease)
      // Files that the task did not ask for are a failure like any other: somebody else shall try now, not when the
      // lease runs out.
      await takeFailure(engine, lease, { code: failure, message: taken.detail.slice(0, LIMITS.messageLengthMax) })
      return { ...refused(taken, lease), ended: failure }
    }
    case 'uploaded': {
      const accepted = await takeDelivery(engine, lease)
      if (accepted.ok) return { ...released, ended: 'well' }
      if (accepted.code === 'upload_incomplete')
        await takeFailure(engine, lease, { code: 'upload_failed', message: accepted.detail })
      return refused(accepted, lease)
    }
    case 'inspected': {
      const taken = await takeInspection(engine, lease, message)
      if (!taken.ok) return refused(taken, lease)
      // At once, so that its first tasks need not wait for the next round over all jobs.
      planInBackground(engine, lease.jobId)
      return released
    }
    case 'failure': {
      const failed = await takeFailure(engine, lease, message.failure)
      return failed.ok ? { ...released, ended: failed.code } : refused(failed, lease)
    }
    case 'released': {
      const back = await takeBack(engine, lease)
      return back.ok ? { lease: 'over' } : refused(back, lease)
    }
    default:
      return assertNever(message)
  }
}

function refused({ code, detail }: Refusal, lease: HeldLease): LeaseAnswer {
  return {
    lease: 'over',
    say: { type: 'refused', code, message: detail.slice(0, LIMITS.messageLengthMax), lease: leaseRef(lease) },
  }
}
