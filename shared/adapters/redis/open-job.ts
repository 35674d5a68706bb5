import { jobIsOver } from '../../domain/lifecycle/job.ts'
import type { JobState } from '../../protocol/job.ts'

/**
 * Whether a job in this state is one of the open jobs even with no effect outstanding; one that is being deleted is,
 * until it is gone.
 */
export function opensJob(state: JobState): boolean {
  return state === 'deleting' || !jobIsOver(state)
}
