import { text } from 'node:stream/consumers'
import { frameFileName } from '../../../shared/domain/file-names.ts'
import { finalKey } from '../../../shared/protocol/object-keys.ts'
import type { Checker } from '../checker.ts'
import { trueFinal } from '../contents.ts'

/**
 * What lies in `final/` is what the scene gives; where results are not all audited, liars get through and nobody looks.
 */
export function truePixels(): Checker {
  return {
    name: 'true-pixels',
    async ended(world, report) {
      if (world.scenario.outvoted) return
      const liars = world.workers.some((worker) => !worker.honest)
      for (const job of await world.jobs()) {
        if (liars && job.plan.auditRate < 1) continue
        for (const frame of (await world.twin.listFrames(job.id, { limit: 1e6 })).items) {
          if (frame.state !== 'delivered') continue
          const key = finalKey(job.id, 'frames', frameFileName(frame.number, job.plan.format))
          const stored =
            (await world.objects.head(key)) === null ? 'nothing' : await text(await world.objects.read(key))
          const wanted = trueFinal(job, frame.number)
          if (stored !== wanted) report(`${key} shows "${stored}" instead of "${wanted}"`)
        }
      }
    },
  }
}
