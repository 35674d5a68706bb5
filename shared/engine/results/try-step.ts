import type { BackgroundStep } from '../../domain/effect.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import { FarmStoreUnavailable } from '../../ports/farm-store.ts'
import { StoreUnavailable } from '../../ports/object-store.ts'
import type { Engine } from '../context.ts'
import { reportStepFailed } from './step-reports.ts'

/**
 * One try at a background step. An outage is nobody's fault and is tried for as long as it lasts (the reconciler asks
 * again when the queue has given up); anything else that still fails at the last try stops the job with `code` and says
 * why.
 */
export async function tryStep(
  engine: Engine,
  step: BackgroundStep,
  code: ErrorCode,
  turn: { isLastTry: boolean; signal: AbortSignal },
  perform: () => Promise<void>,
): Promise<void> {
  try {
    await perform()
  } catch (error) {
    engine.log.warn({ step, error }, 'step failed')
    const outage = error instanceof FarmStoreUnavailable || error instanceof StoreUnavailable || turn.signal.aborted
    if (turn.isLastTry && !outage && step.step !== 'erase') {
      const what = 'frame' in step ? ` of frame ${step.frame}` : 'taskId' in step ? ` of task ${step.taskId}` : ''
      await reportStepFailed(
        engine,
        step.jobId,
        code,
        `${step.step}${what}: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
    throw error
  }
}
