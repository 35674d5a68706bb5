import { jobIsOver } from '../../../shared/domain/job-lifecycle.ts'
import { attemptsPrefix, farmKey, jobPrefix, type ObjectPrefix, parseJournalKey, workPrefix } from '../../../shared/protocol/object-keys.ts'
import type { Checker } from '../checker.ts'
import type { World } from '../world.ts'

/** A deleted job leaves no key and no byte; one that is over keeps no attempts and no queue. */
export function nothingLeftAfterDeletion(): Checker {
  return {
    name: 'nothing-left-after-deletion',
    async ended(world, report) {
      const open = await world.twin.openJobs()
      for (const id of world.jobIds) {
        const job = await world.twin.job(id)
        if (job !== null && !jobIsOver(job.value.state)) continue
        const kept = job === null ? await left(world, jobPrefix(id)) : [...(await left(world, attemptsPrefix(id))), ...(await left(world, workPrefix(id)))]
        if (kept.length > 0) report(`${id} is ${job?.value.state ?? 'deleted'}, and there still is ${kept.join(', ')}`)
        if ((await world.plainQueue.waitingTasks(id)) > 0) report(`${id} is ${job?.value.state ?? 'deleted'}, and tasks of it wait in the queue`)
        if (job === null && open.includes(id)) report(`${id} is deleted, and listed as open`)
        if (job === null && ((await world.twin.listTasks(id, { limit: 1 })).items.length > 0 || Object.keys(await world.twin.counters(id)).length > 0)) report(`${id} is deleted, and records of it are there`)
        if (world.deleted.has(id) && job !== null) report(`${id} was said to be deleted, and is ${job.value.state}`)
      }
    },
  }
}

/** A segment that came late is taken away some hours later, as long as it is noted that the job was deleted. */
async function left(world: World, prefix: ObjectPrefix): Promise<string[]> {
  const found = (await world.objects.list(prefix, { limit: 1_000 })).keys.map(({ key }) => key).filter((key) => !world.lateUploads.has(key))
  const swept = await Promise.all(found.map(async (key) => {
    const journal = parseJournalKey(key)
    return journal?.path.startsWith('segment-') === true && (await world.objects.head(farmKey('deleted', journal.jobId))) !== null
  }))
  return found.filter((_, index) => swept[index] !== true)
}
