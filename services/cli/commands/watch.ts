import type { JobId } from '../../../shared/protocol/ids.ts'
import type { JobView } from '../../../shared/protocol/job.ts'
import { watchJob } from '../progress/watch-job.ts'
import type { FarmSession, Shell } from '../shell.ts'

/**
 * Shows a job until it has ended, with its notes but for those told already. Who interrupts it is told that the job
 * goes on, and how to come back.
 */
export async function watchUntilEnd(
  { client, screen }: FarmSession,
  id: JobId,
  shell: Shell,
  toldNotes: readonly string[] = [],
): Promise<JobView> {
  const signal = shell.interruption()
  try {
    return await watchJob(client, id, screen, { signal, toldNotes })
  } catch (error) {
    screen.keep()
    if (signal.aborted)
      screen.say(
        `The job goes on. Watch it again with: tilework status ${id} --watch; stop it with: tilework cancel ${id}`,
      )
    throw error
  }
}
