import { setTimeout as pause } from 'node:timers/promises'
import type { JobView } from '../../../shared/protocol/job.ts'
import type { FarmClient } from '../api/farm-client.ts'
import { FarmRefusal, FarmUnreachable } from '../api/farm-requests.ts'
import { jobBlock, jobLine, noteLines } from './job-text.ts'
import type { Screen } from './screen.ts'
import { hasEnded } from './stages.ts'

/** A person sees a second; a farm with a hundred watchers hardly notices. */
const POLL_PAUSE_MS = 1_000
/** A farm that is away this long is not coming back soon: it restarts in seconds. */
const AWAY_MS_MAX = 120_000

export interface WatchOptions {
  readonly signal?: AbortSignal
  readonly pollPauseMs?: number
  readonly awayMsMax?: number
  /** Notes of its plan that were said already. */
  readonly toldNotes?: readonly string[]
}

/**
 * Shows how a job goes, and each note of its plan once, until it has ended; gives what became of it. A farm that goes
 * away for a moment is waited for. Throws what ended the watching: FarmRefusal, FarmUnreachable, or the reason of the
 * signal.
 */
export async function watchJob(
  client: FarmClient,
  jobId: string,
  screen: Screen,
  { signal, pollPauseMs = POLL_PAUSE_MS, awayMsMax = AWAY_MS_MAX, toldNotes = [] }: WatchOptions = {},
): Promise<JobView> {
  let told = toldNotes
  let answeredAtMs = performance.now()
  for (;;) {
    signal?.throwIfAborted()
    try {
      const [job, farm] = await Promise.all([client.job(jobId, signal), client.info(signal)])
      answeredAtMs = performance.now()
      const surroundings = { workersConnected: farm.workersConnected, columns: screen.columns }
      // Once a worker has looked at the scene, the plan tells more than it did at submission.
      for (const line of noteLines(job, told)) screen.say(line)
      told = job.plan.notes
      screen.paint(jobBlock(job, surroundings), jobLine(job, surroundings))
      if (hasEnded(job)) {
        screen.keep()
        return job
      }
    } catch (error) {
      if (!mayPass(error) || performance.now() - answeredAtMs > awayMsMax) throw error
      screen.paint(['the farm does not answer; trying again'], 'the farm does not answer; trying again')
    }
    await pause(pollPauseMs, undefined, signal === undefined ? {} : { signal })
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof FarmUnreachable || (error instanceof FarmRefusal && error.retry)
}
