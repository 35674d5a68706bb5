import { assertNever } from '../../shared/domain/decision.ts'
import type { BackgroundStep } from '../../shared/domain/effect.ts'
import { eraseJob } from '../../shared/engine/ended-jobs.ts'
import { reportStepFailed } from '../../shared/engine/step-reports.ts'
import { FarmStoreUnavailable } from '../../shared/ports/farm-store.ts'
import { StoreUnavailable } from '../../shared/ports/object-store.ts'
import type { AssemblerContext } from './context.ts'
import { deliverFrame } from './deliver-step.ts'
import { encodeJob } from './encode-step.ts'
import { stitchFrame } from './stitch-step.ts'

/**
 * One background step. An outage is nobody's fault and is tried for as long as it lasts (the reconciler asks again when the
 * queue has given up); anything else that still fails at the last try stops the job and says why.
 */
export async function runAssemblerStep(context: AssemblerContext, step: BackgroundStep, attempt: { lastAttempt: boolean; signal: AbortSignal }): Promise<void> {
  try {
    await perform(context, step, attempt.signal)
  } catch (error) {
    context.engine.log.warn({ step, error }, 'step failed')
    const outage = error instanceof FarmStoreUnavailable || error instanceof StoreUnavailable || attempt.signal.aborted
    if (attempt.lastAttempt && !outage && step.step !== 'erase') {
      await reportStepFailed(context.engine, step.jobId, 'assembly_failed', `${step.step}${'frame' in step ? ` of frame ${step.frame}` : ''}: ${error instanceof Error ? error.message : String(error)}`)
    }
    throw error
  }
}

function perform(context: AssemblerContext, step: BackgroundStep, signal: AbortSignal): Promise<void> {
  switch (step.step) {
    case 'stitch':
      return stitchFrame(context, step.jobId, step.frame)
    case 'deliver':
      return deliverFrame(context, step.jobId, step.frame)
    case 'encode':
      return encodeJob(context, step.jobId, signal)
    case 'erase':
      return eraseJob(context.engine, step.jobId)
    case 'compare':
      throw new Error('comparisons are the verifier\'s')
    default:
      return assertNever(step)
  }
}
