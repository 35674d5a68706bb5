import type { FarmStore } from '../../shared/ports/farm-store.ts'
import type { JobId, TaskId } from '../../shared/protocol/ids.ts'
import type { JobRecord } from '../../shared/protocol/job.ts'
import type { FrameRecord, TaskRecord } from '../../shared/protocol/task.ts'
import type { World } from './world.ts'

interface Shelf {
  job: JobRecord
  readonly tasks: Map<TaskId, TaskRecord>
  readonly frames: Map<number, FrameRecord>
}

/** The store, and checkers that see each commit it takes at the moment it takes it. */
export function observed(store: FarmStore, world: World): FarmStore {
  const shelves = new Map<JobId, Shelf>()
  const commit: FarmStore['commit'] = async (jobId, commit, now) => {
    const committed = await store.commit(jobId, commit, now)
    const known = shelves.get(jobId)
    const job = commit.job?.value ?? known?.job
    world.trace.record(
      'store',
      committed.ok
        ? `commit ${jobId.slice(-4)} ${job?.state} ` +
            `${commit.tasks.map(({ id, value }) => `${id}@${value?.epoch} ${value?.state}`).join(', ')} ` +
            `${commit.frames.map(({ id, value }) => `frame ${id} ${value?.state}`).join(', ')}`
        : committed.why === 'lost_race'
          ? `lost race for ${committed.record}`
          : `no room in ${committed.counter}`,
    )
    if (!committed.ok || job === undefined || job === null) return committed
    const shelf: Shelf = known ?? { job, tasks: new Map(), frames: new Map() }
    const tasks = commit.tasks.flatMap(({ id, value }) =>
      value === null ? [] : [{ before: shelf.tasks.get(id), after: value }],
    )
    const frames = commit.frames.flatMap(({ id, value }) =>
      value === null ? [] : [{ before: shelf.frames.get(id), after: value }],
    )
    const before = known?.job
    shelf.job = job
    for (const { after } of tasks) shelf.tasks.set(after.id, after)
    for (const { after } of frames) shelf.frames.set(after.number, after)
    shelves.set(jobId, shelf)
    world.jobIds.add(jobId)
    world.check('committed', { jobId, before, job, commit, tasks, frames, task: (id) => shelf.tasks.get(id) })
    return committed
  }
  const changeFarmTerm: FarmStore['changeFarmTerm'] = async (from, to) => {
    // Records of a lost state are compared with nothing any more.
    if (!to.open) shelves.clear()
    const changed = await store.changeFarmTerm(from, to)
    if (changed && to.open) await world.reopened()
    return changed
  }
  const eraseJob: FarmStore['eraseJob'] = (jobId) => {
    shelves.delete(jobId)
    return store.eraseJob(jobId)
  }
  return new Proxy(store, {
    get(_, name) {
      if (name === 'commit') return commit
      if (name === 'changeFarmTerm') return changeFarmTerm
      if (name === 'eraseJob') return eraseJob
      const value: unknown = Reflect.get(store, name, store)
      return typeof value === 'function' ? value.bind(store) : value
    },
  })
}
