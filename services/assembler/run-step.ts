import { assertNever } from '../../shared/domain/decision.ts'
import type { BackgroundStep } from '../../shared/domain/effect.ts'
import { tryStep } from '../../shared/engine/results/try-step.ts'
import { eraseJob } from '../../shared/engine/jobs/ended-jobs.ts'
import type { AssemblerContext } from './context.ts'
import { deliverFrame } from './deliver-step.ts'
import { encodeJob } from './encode-step.ts'
import { stitchFrame } from './stitch-step.ts'

/** One background step of the assembler; what fails for good stops the job. */
export function runAssemblerStep(
  context: AssemblerContext,
  step: BackgroundStep,
  turn: { isLastTry: boolean; signal: AbortSignal },
): Promise<void> {
  return tryStep(context.engine, step, 'assembly_failed', turn, () => perform(context, step, turn.signal))
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
      throw new Error("comparisons are the verifier's")
    default:
      return assertNever(step)
  }
}
