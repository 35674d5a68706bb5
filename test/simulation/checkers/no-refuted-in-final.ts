import { text } from 'node:stream/consumers'
import { frameFileName } from '../../../shared/domain/file-names.ts'
import { renderTasksOfFrame } from '../../../shared/domain/splitting/job-tasks.ts'
import { finishTaskId } from '../../../shared/protocol/ids.ts'
import { finalKey } from '../../../shared/protocol/object-keys.ts'
import type { Checker } from '../checker.ts'
import { hashOf } from '../contents.ts'

/**
 * No delivered frame shows anything of a result that was refuted or rejected, and each is the file of the result that
 * counts.
 */
export function noRefutedInFinal(): Checker {
  return {
    name: 'no-refuted-in-final',
    async ended(world, report) {
      for (const job of await world.jobs()) {
        const tasks = new Map((await world.twin.listTasks(job.id, { limit: 1e6 })).items.map((task) => [task.id, task]))
        for (const frame of (await world.twin.listFrames(job.id, { limit: 1e6 })).items) {
          if (frame.state !== 'delivered') continue
          const finish = tasks.get(finishTaskId(frame.position))
          for (const id of [
            ...renderTasksOfFrame(job.plan, frame.position),
            ...(finish === undefined ? [] : [finish.id]),
          ]) {
            const canonical = tasks.get(id)?.canonical
            const attempt =
              canonical === undefined
                ? undefined
                : tasks.get(canonical.taskId)?.attempts.find(({ epoch }) => epoch === canonical.epoch)
            if (attempt === undefined || attempt.outcome !== 'rendered' || attempt.verdict === 'refuted')
              report(
                `${job.id}: frame ${frame.number} is delivered with ${id}, whose ` +
                  `result is ${attempt?.outcome} and ${attempt?.verdict}`,
              )
            if (id !== (finish?.id ?? id)) continue
            const key = finalKey(job.id, 'frames', frameFileName(frame.number, job.plan.format))
            const stored =
              (await world.objects.head(key)) === null ? null : hashOf(await text(await world.objects.read(key)))
            const file = attempt?.files?.find((each) => each.frame === frame.number && each.role === 'final')
            if (stored !== file?.sha256) report(`${key} is not the file of the result that counts`)
          }
        }
      }
    },
  }
}
