import { isPicky } from '../../../shared/domain/scheduling/task-fit.ts'
import { recount } from '../../../shared/engine/commit.ts'
import type { Checker } from '../checker.ts'

/** Counters, leases and the list of picky tasks say what a recount of the records says. */
export function countersRecount(): Checker {
  return {
    name: 'counters-recount',
    async swept(world, report) {
      for (const { id } of await world.jobs()) {
        const tasks = (await world.twin.listTasks(id, { limit: 1e6 })).items
        const frames = (await world.twin.listFrames(id, { limit: 1e6 })).items
        const kept = await world.twin.counters(id)
        const recounted = recount(tasks, frames)
        for (const name of new Set([...Object.keys(recounted), ...Object.keys(kept)])) if ((recounted[name] ?? 0) !== (kept[name] ?? 0)) report(`${id}: counter ${name} is ${kept[name]}, the records say ${recounted[name]}`)
        const leases = (await world.twin.expiredLeases(id, Number.MAX_SAFE_INTEGER, 1e6)).map(({ taskId, epoch }) => `${taskId}@${epoch}`).sort().join()
        const held = tasks.flatMap((task) => task.attempts.filter(({ outcome }) => outcome === 'running').map(({ epoch }) => `${task.id}@${epoch}`)).sort().join()
        if (leases !== held) report(`${id}: leases are ${leases}, held are ${held}`)
        const listed = (await world.twin.picky(id, 1e6)).slice().sort().join()
        const picky = tasks.filter((task) => task.state === 'queued' && isPicky(task)).map((task) => task.id).sort().join()
        if (listed !== picky) report(`${id}: picky are ${listed}, the records say ${picky}`)
      }
    },
  }
}
