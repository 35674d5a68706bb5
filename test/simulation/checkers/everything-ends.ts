import { isOver } from '../../../shared/domain/lifecycle/task.ts'
import type { Checker } from '../checker.ts'

/** Once faults stop, every job comes to its end, for a reason that there is. */
export function everythingEnds(): Checker {
  return {
    name: 'everything-ends',
    async ended(world, report) {
      const liars = world.workers.filter((worker) => !worker.honest).length
      const reasons = [
        'poison_scene',
        'tries_exhausted',
        ...(liars > 0 ? ['result_disputed'] : []),
        // No scene of the simulator is another one each time, so only liars can make it seem so, and not one alone.
        ...(liars > 1 ? ['scene_not_repeatable'] : []),
      ]
      for (const job of await world.jobs()) {
        const tasks = (await world.twin.listTasks(job.id, { limit: 1e6 })).items
        const open = tasks.filter((task) => !isOver(task.state))
        const story = `${job.state} ${JSON.stringify(job.failure ?? '')} ${open
          .slice(0, 5)
          .map(
            (task) =>
              `${task.id} ${task.state} avoid ${task.avoid.join()} only ${task.only}: ` +
              `${task.attempts.map((attempt) => `${attempt.workerId} ${attempt.outcome}`).join()}`,
          )
          .join('; ')}`
        if (!['completed', 'failed', 'canceled'].includes(job.state)) report(`${job.id} does not end: ${story}`)
        else if (open.length > 0) report(`${job.id} is over, and some of its tasks are not: ${story}`)
        if (job.state === 'failed' && !reasons.includes(job.failure?.code ?? ''))
          report(`${job.id} failed without a reason: ${story}`)
      }
      const listed = await world.twin.openJobs()
      if (listed.length > 0) report(`still listed as open: ${listed.join(', ')}`)
    },
  }
}
