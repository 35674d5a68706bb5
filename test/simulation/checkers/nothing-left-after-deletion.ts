import { jobIsOver, keepsFiles } from '../../../shared/domain/lifecycle/job.ts'
import { ENGINE_TIMES } from '../../../shared/engine/context.ts'
import { eraseLate } from '../../../shared/engine/journal/farm-journal.ts'
import { eraseLateAttempts } from '../../../shared/engine/loops/sweep.ts'
import type { JobId } from '../../../shared/protocol/ids.ts'
import {
  attemptsPrefix,
  jobPrefix,
  type ObjectKey,
  type ObjectPrefix,
  parseJournalKey,
  workPrefix,
} from '../../../shared/protocol/object-keys.ts'
import type { Checker } from '../checker.ts'
import type { World } from '../world.ts'

/**
 * A deleted job leaves no key and no byte; one that is completed keeps no attempts, and none that is over a queue. What
 * workers sent too late is gone after the sweep.
 */
export function nothingLeftAfterDeletion(): Checker {
  return {
    name: 'nothing-left-after-deletion',
    async ended(world, report) {
      for (const { id, keys } of await leftOver(world)) {
        const unswept = keys.filter((key) => !world.lateUploads.has(key) && parseJournalKey(key) === null)
        if (unswept.length > 0) report(`${id} is over, and nothing came late, but there still is ${unswept.join(', ')}`)
      }
      await sweep(world)
      for (const { id, keys } of await leftOver(world))
        if (keys.length > 0) report(`${id} is over, and after the sweep there still is ${keys.join(', ')}`)
      const open = await world.twin.openJobs()
      for (const id of world.jobIds) {
        const job = await world.twin.job(id)
        if (job !== null && !jobIsOver(job.value.state)) continue
        if ((await world.plainQueue.waitingTasks(id)) > 0)
          report(`${id} is ${job?.value.state ?? 'deleted'}, and tasks of it wait in the queue`)
        if (job === null && open.includes(id)) report(`${id} is deleted, and listed as open`)
        if (
          job === null &&
          ((await world.twin.listTasks(id, { limit: 1 })).items.length > 0 ||
            Object.keys(await world.twin.counters(id)).length > 0)
        )
          report(`${id} is deleted, and records of it are there`)
        if (world.deleted.has(id) && job !== null) report(`${id} was said to be deleted, and is ${job.value.state}`)
      }
    },
  }
}

/**
 * What lies in the object store of jobs that are over, and should not. A segment of the journal may be written late,
 * too.
 */
async function leftOver(world: World): Promise<{ id: JobId; keys: ObjectKey[] }[]> {
  const all: { id: JobId; keys: ObjectKey[] }[] = []
  for (const id of world.jobIds) {
    const job = await world.twin.job(id)
    if (job !== null && (!jobIsOver(job.value.state) || keepsFiles(job.value.state))) continue
    all.push({
      id,
      keys:
        job === null
          ? await left(world, jobPrefix(id))
          : [...(await left(world, attemptsPrefix(id))), ...(await left(world, workPrefix(id)))],
    })
  }
  return all
}

async function left(world: World, prefix: ObjectPrefix): Promise<ObjectKey[]> {
  return (await world.objects.list(prefix, { limit: 1_000 })).keys.map(({ key }) => key)
}

/** As a coordinator does it when the last address that a worker was given has expired. */
async function sweep(world: World): Promise<void> {
  const later = {
    store: world.twin,
    objects: world.objects,
    queue: world.plainQueue,
    times: ENGINE_TIMES,
    clock: { now: () => world.agenda.now() + 2 * ENGINE_TIMES.urlTtlMs },
  }
  await eraseLateAttempts(later)
  await eraseLate(later)
}
