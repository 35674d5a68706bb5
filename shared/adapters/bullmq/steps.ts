/*
 * How background steps are queued: which queue each goes to, what makes two of them the same, and how often they are
 * tried.
 */
import type { BackgroundStep } from '../../domain/effect.ts'

/** verify: comparisons, for the verifier. assemble: everything else, for the assembler. */
const STEP_QUEUES = ['verify', 'assemble'] as const
export type StepQueue = (typeof STEP_QUEUES)[number]

/**
 * Tries of one step before it is left to the reconciler: with the pauses below, about four minutes of an object store
 * that is away.
 */
export const STEP_TRIES_MAX = 8
/** Pause before the second try, in ms; each further one is twice as long, give or take a quarter. */
export const STEP_BACKOFF_MS = 2_000
/** Steps that failed for good and are kept to be looked at, of each queue. */
export const FAILED_STEPS_KEPT = 1_000

export function queueOfStep(step: BackgroundStep): StepQueue {
  return step.step === 'compare' ? 'verify' : 'assemble'
}

/** Two steps with the same id are the same work. */
export function stepId(step: BackgroundStep): string {
  switch (step.step) {
    case 'compare':
      return `compare-${step.jobId}-${step.taskId}-${step.round}`
    case 'stitch':
    case 'deliver':
      return `${step.step}-${step.jobId}-${step.frame}`
    case 'encode':
    case 'erase':
      return `${step.step}-${step.jobId}`
  }
}
