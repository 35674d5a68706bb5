/*
 * Bugs that are planted to see that the checkers find them. Those here sit around a port; those that sit in a rule of
 * the domain or the engine are swapped in by mutants.test.ts, under the same names.
 */
import type { MemoryObjectStore } from '../../shared/adapters/memory/object-store.ts'
import type { MemoryWorkQueue } from '../../shared/adapters/memory/work-queue.ts'
import type { Commit, FarmStore } from '../../shared/ports/farm-store.ts'
import { parseFarmKey } from '../../shared/protocol/object-keys.ts'
import type { JobRequest } from '../../shared/protocol/job.ts'
import { capabilities } from '../unit/domain/records.ts'
import type { Scenario } from './scenarios.ts'
import type { Character } from './worker.ts'
import type { Planted } from './world.ts'

export interface Mutant {
  readonly name: string
  /** Any of these may be the first to see it. */
  readonly caughtBy: readonly string[]
  readonly planted?: Planted
}

/** The same port with some of its calls done otherwise. */
export function changed<T extends object>(port: T, change: Partial<T>): T {
  return new Proxy(port, {
    get(_, name) {
      if (name in change) return Reflect.get(change, name)
      const value: unknown = Reflect.get(port, name, port)
      return typeof value === 'function' ? value.bind(port) : value
    },
  })
}

function commits(store: FarmStore, change: (commit: Commit) => Commit | Promise<Commit>): FarmStore {
  return changed<FarmStore>(store, {
    commit: async (jobId, commit, now) => store.commit(jobId, await change(commit), now),
  })
}

export const PORT_MUTANTS: readonly Mutant[] = [
  {
    name: 'the version check is off: whoever writes last wins',
    caughtBy: ['one-live-lease', 'accepted-once', 'counters-recount', 'credits-recount'],
    planted: {
      underStore: (store) =>
        changed<FarmStore>(store, {
          async commit(jobId, commit, now) {
            const [job, tasks, frames] = await Promise.all([
              store.job(jobId),
              store.tasks(
                jobId,
                commit.tasks.map(({ id }) => id),
              ),
              store.frames(
                jobId,
                commit.frames.map(({ id }) => id),
              ),
            ])
            const { jobVersion: _, ...rest } = commit
            return store.commit(
              jobId,
              {
                ...rest,
                ...(commit.job === undefined ? {} : { job: { ...commit.job, expected: job?.version ?? 0 } }),
                tasks: commit.tasks.map((write, index) => ({ ...write, expected: tasks[index]?.version ?? 0 })),
                frames: commit.frames.map((write, index) => ({ ...write, expected: frames[index]?.version ?? 0 })),
              },
              now,
            )
          },
        }),
    },
  },
  {
    name: 'a lost race is taken for a won one',
    caughtBy: ['one-live-lease', 'leases-end', 'no-bugs', 'everything-ends', 'effects-follow-commits'],
    planted: {
      overStore: (store) =>
        changed<FarmStore>(store, {
          async commit(jobId, commit, now) {
            const committed = await store.commit(jobId, commit, now)
            return committed.ok ? committed : { ok: true, effectIds: [], counters: await store.counters(jobId) }
          },
        }),
    },
  },
  {
    name: 'counters are moved twice',
    caughtBy: ['counters-recount'],
    planted: {
      underStore: (store) =>
        commits(store, (commit) => ({
          ...commit,
          counters: Object.fromEntries(Object.entries(commit.counters).map(([name, by]) => [name, by * 2])),
        })),
    },
  },
  {
    name: 'credits are given twice',
    caughtBy: ['credits-recount'],
    planted: {
      underStore: (store) =>
        commits(store, (commit) => ({ ...commit, credits: [...commit.credits, ...commit.credits] })),
    },
  },
  {
    name: 'there is no outbox: what a dead process did not do is never done',
    caughtBy: ['effects-follow-commits', 'everything-ends'],
    planted: { bend: killedOften, underStore: (store) => commits(store, (commit) => ({ ...commit, effects: [] })) },
  },
  {
    name: 'effects run before their commit',
    caughtBy: ['effects-follow-commits'],
    planted: {
      overStore: (store, world) =>
        changed<FarmStore>(store, {
          async commit(jobId, commit, now) {
            for (const effect of commit.effects) {
              if (effect.type === 'queue_tasks') await world.queue.addTasks(jobId, effect.tasks)
              if (effect.type === 'run_step') await world.queue.addStep(effect.step)
            }
            return store.commit(jobId, commit, now)
          },
        }),
    },
  },
  {
    name: 'leases never run out',
    caughtBy: ['leases-end', 'everything-ends'],
    planted: { overStore: (store) => changed<FarmStore>(store, { expiredLeases: async () => [] }) },
  },
  {
    name: 'leases that end stay in the index',
    caughtBy: ['counters-recount'],
    planted: {
      underStore: (store) =>
        commits(store, (commit) => ({
          ...commit,
          leases: commit.leases.filter(({ expiresAt }) => expiresAt !== null),
        })),
    },
  },
  {
    name: 'a heartbeat never tells that a lease is over',
    caughtBy: ['leases-end'],
    planted: {
      bend: canceledUnheard,
      overStore: (store) =>
        changed<FarmStore>(store, { renew: async (...args) => (await store.renew(...args)).slice(0, 0) }),
    },
  },
  {
    name: 'nobody looks at the cap when a lease is written',
    caughtBy: ['cap-kept'],
    planted: { bend: cappedInARush, underStore: (store) => commits(store, ({ room: _, ...commit }) => commit) },
  },
  {
    name: 'picky tasks are never looked at',
    caughtBy: ['no-starvation', 'everything-ends'],
    planted: { overStore: (store) => changed<FarmStore>(store, { picky: async () => [] }) },
  },
  {
    name: 'jobs that are deleted keep their records',
    caughtBy: ['everything-ends', 'nothing-left-after-deletion'],
    planted: { overStore: (store) => changed<FarmStore>(store, { eraseJob: async () => undefined }) },
  },
  {
    name: 'jobs that are deleted keep their files',
    caughtBy: ['nothing-left-after-deletion'],
    planted: {
      objects: (objects) => changed<MemoryObjectStore>(objects, { deletePrefix: async () => ({ deleted: 0 }) }),
    },
  },
  {
    name: 'results are crossed off that the journal never heard of',
    caughtBy: ['recovery-keeps'],
    planted: {
      bend: emptiedOften,
      overStore: (store) =>
        changed<FarmStore>(store, {
          unjournaled: async (...args) => (await store.unjournaled(...args)).filter(({ what }) => what !== 'task'),
          journaled: async (jobId) => store.journaled(jobId, await store.unjournaled(jobId, 1e6)),
        }),
    },
  },
  {
    name: 'nobody writes down that attempts of an ended job may come late',
    caughtBy: ['nothing-left-after-deletion'],
    planted: {
      bend: stoodStillWhileUploading,
      objects: (objects) =>
        changed<MemoryObjectStore>(objects, {
          put: async (key, source, options) =>
            parseFarmKey('ended', key) === null
              ? objects.put(key, source, options)
              : { ok: true, bytes: 0, sha256: '' },
        }),
    },
  },
  {
    name: 'audits are never compared',
    caughtBy: ['everything-ends', 'effects-follow-commits'],
    planted: {
      queue: (queue) =>
        changed<MemoryWorkQueue>(queue, {
          addStep: async (step) => (step.step === 'compare' ? undefined : queue.addStep(step)),
        }),
    },
  },
  {
    name: 'the queue forgets what was handed out',
    caughtBy: ['no-starvation', 'everything-ends'],
    planted: {
      queue: (queue) =>
        changed<MemoryWorkQueue>(queue, {
          async takeTask(jobId) {
            const taken = await queue.takeTask(jobId)
            await taken?.done()
            return taken?.taskId.endsWith('1') === true ? null : taken
          },
          waitingTasks: async () => 1_000_000,
        }),
    },
  },
  {
    name: 'jobs leave the list of open ones while something is outstanding',
    caughtBy: ['everything-ends', 'nothing-left-after-deletion', 'effects-follow-commits'],
    planted: {
      overStore: (store) =>
        changed<FarmStore>(store, {
          openJobs: async () => {
            const open = await store.openJobs()
            const jobs = await Promise.all(open.map((id) => store.job(id)))
            return open.filter(
              (_, index) =>
                jobs[index] !== null &&
                ['inspecting', 'planning', 'active', 'encoding'].includes(jobs[index]?.value.state ?? ''),
            )
          },
        }),
    },
  },
]

/** Swapped in by mutants.test.ts. */
export const RULE_MUTANTS: readonly Mutant[] = [
  {
    name: 'fencing is off: a result counts whatever its epoch',
    caughtBy: ['one-live-lease', 'credits-recount', 'accepted-once', 'no-bugs'],
  },
  { name: 'of two that try the same task both may hand in', caughtBy: ['one-live-lease', 'accepted-once', 'no-bugs'] },
  {
    name: 'nobody asks what waits, whatever notices are lost',
    caughtBy: ['no-starvation'],
    planted: { bend: (scenario) => ({ ...scenario, weather: { ...scenario.weather, noticeLossShare: 1 } }) },
  },
  { name: 'all renderings agree', caughtBy: ['true-pixels'] },
  { name: 'blame falls one against one', caughtBy: ['honest-never-blamed', 'true-pixels'] },
  { name: 'a disagreement condemns the scene', caughtBy: ['everything-ends'] },
  { name: 'anybody may have any task', caughtBy: ['audited-by-others'] },
  { name: 'tries are not counted', caughtBy: ['attempts-bounded'], planted: { bend: nothingSucceeds } },
  { name: 'jobs stop at the second try', caughtBy: ['attempts-bounded'] },
  { name: 'jobs that are over still give leases', caughtBy: ['one-live-lease'], planted: { bend: canceledInARush } },
  { name: 'paused jobs still give leases', caughtBy: ['paused-gives-nothing'], planted: { bend: pausedInARush } },
  { name: 'epochs begin anew after a recovery', caughtBy: ['one-live-lease'], planted: { bend: emptiedOften } },
  {
    name: 'what failed stays so when its job is tried again',
    caughtBy: ['everything-ends'],
    planted: { bend: retriedAtLast },
  },
  { name: 'results that were rejected stay', caughtBy: ['everything-ends', 'true-pixels'] },
  {
    name: 'a frame is stitched again whenever somebody says so',
    caughtBy: ['one-live-lease', 'accepted-once', 'no-bugs', 'counters-recount'],
    planted: { bend: stepsRunTwice },
  },
  { name: 'quarantine and leaving are not heard', caughtBy: ['barred-get-no-lease'] },
  { name: 'jobs that are over leave their tasks with workers', caughtBy: ['everything-ends', 'leases-end'] },
  { name: 'queues are not held against the records', caughtBy: ['everything-ends'] },
  {
    name: 'the outbox is never swept',
    caughtBy: ['everything-ends', 'effects-follow-commits', 'nothing-left-after-deletion'],
  },
  {
    name: 'audits forget which samples they render',
    caughtBy: ['honest-never-blamed', 'true-pixels'],
    planted: { bend: samplesSplit },
  },
  { name: 'effects are crossed off unread', caughtBy: ['effects-follow-commits', 'everything-ends'] },
]

/** Jobs are canceled while slow workers render, and no notice of it is heard. */
function canceledUnheard(scenario: Scenario): Scenario {
  return {
    ...scenario,
    healsAt: 240_000,
    workers: scenario.workers.map((worker) => ({ ...worker, renderMsMin: 180_000, renderMsMax: 200_000 })),
    jobs: scenario.jobs.slice(0, 1).flatMap((job) => [job, job].map(() => ({ ...job, at: 0 }))),
    acts: [{ at: 60_000, act: 'cancel', which: 0.1 }],
    line: { ...scenario.line, kind: 'stream', delayMsMax: 50 },
    weather: {
      ...scenario.weather,
      noticeLossShare: 1,
      lineCutEvery: 0,
      farmAwayEvery: 0,
      workerStandsEvery: 0,
      coordinatorStandsEvery: 0,
      coordinatorDiesEvery: 0,
      coordinatorStopsEvery: 0,
    },
  }
}

/** Redis is emptied while many render, again and again. */
function emptiedOften(scenario: Scenario): Scenario {
  return {
    ...scenario,
    healsAt: 150_000,
    jobs: scenario.jobs.map((job) => ({ ...job, at: 0 })),
    acts: [],
    weather: { ...scenario.weather, emptiedEvery: 20_000 },
  }
}

/** Somebody is killed every other second, so that many die between a commit and what it asks for. */
function killedOften(scenario: Scenario): Scenario {
  return {
    ...scenario,
    coordinators: 3,
    weather: { ...scenario.weather, coordinatorDiesEvery: 2_000, stepRunnerDiesEvery: 2_000 },
  }
}

function nothingSucceeds(scenario: Scenario): Scenario {
  return {
    ...scenario,
    healsAt: 600_000,
    acts: [],
    workers: scenario.workers.map((worker) => ({
      ...worker,
      renderMsMin: 1_000,
      renderMsMax: 3_000,
      failShare: 1,
      failures: ['gpu_error'],
    })),
  }
}

function cappedInARush(scenario: Scenario): Scenario {
  const rush = canceledInARush(scenario)
  return { ...rush, acts: [], jobs: rush.jobs.map((job) => ({ ...job, request: { ...job.request, cap: 2 } })) }
}

function pausedInARush(scenario: Scenario): Scenario {
  const rush = canceledInARush(scenario)
  return { ...rush, acts: rush.acts.map(({ at, which }) => ({ at, which, act: 'pause', now: false })) }
}

/** Nothing succeeds until all is well, and then what gave up is tried again. */
function retriedAtLast(scenario: Scenario): Scenario {
  const hopeless = nothingSucceeds(scenario)
  return {
    ...hopeless,
    acts: [0.1, 0.4, 0.7, 0.99].map((which) => ({ at: hopeless.healsAt + 60_000, act: 'retry', which })),
  }
}

/** Many quick tasks under way at three coordinators with a slow store, and jobs canceled in the midst of it. */
function canceledInARush(scenario: Scenario): Scenario {
  const quick = (name: string): Character => ({
    name,
    capabilities: capabilities({ slots: 4, tags: ['big'] }),
    renderMsMin: 50,
    renderMsMax: 500,
    lieShare: 0,
    garbageShare: 0,
    ring: false,
    failShare: 0.2,
    failures: ['gpu_error'],
    forgetShare: 0,
  })
  return {
    ...scenario,
    coordinators: 3,
    healsAt: 120_000,
    workers: ['anna', 'bert', 'carl', 'dora'].map(quick),
    jobs: scenario.jobs.flatMap((job) =>
      [1, 2].map(() => ({ ...job, at: 0, request: { ...job.request, frames: '1-60' } })),
    ),
    acts: [5_000, 7_000, 9_000, 11_000, 13_000, 15_000].map((at, index) => ({ at, act: 'cancel', which: index / 6 })),
    farmPath: { ...scenario.farmPath, delayMsMax: 400 },
  }
}

/** Small jobs whose files are on their way when they are canceled. */
/**
 * Workers stand still while they upload, until others have rendered the same and the job is completed, and send then
 * what nobody wants.
 */
function stoodStillWhileUploading(scenario: Scenario): Scenario {
  const rush = canceledInARush(scenario)
  const workers = rush.workers.map((worker) => ({ ...worker, failShare: 0 }))
  return {
    ...rush,
    coordinators: 1,
    healsAt: 240_000,
    workers,
    acts: [],
    jobs: rush.jobs.slice(0, 2).map((job) => ({ ...job, request: { ...job.request, frames: '1-12', auditRate: 0 } })),
    line: { ...scenario.line, kind: 'stream', delayMsMax: 50 },
    weather: {
      ...scenario.weather,
      workerStandsEvery: 1_500,
      uploadMsMax: 4_000,
      workerDiesEvery: 0,
      workerDrainsEvery: 0,
      coordinatorDiesEvery: 0,
      farmAwayEvery: 0,
      objectsAwayEvery: 0,
    },
  }
}

function stepsRunTwice(scenario: Scenario): Scenario {
  return {
    ...scenario,
    assemblers: 3,
    jobs: scenario.jobs.map((job) => ({
      ...job,
      at: 0,
      request: { ...withoutChunk(job.request), tiles: { columns: 2, rows: 1 } },
    })),
    farmPath: { ...scenario.farmPath, delayMsMax: 300 },
    weather: { ...scenario.weather, stolenStepShare: 0.8 },
  }
}

/** Every frame in ranges of its samples, all of them audited. */
function samplesSplit(scenario: Scenario): Scenario {
  return {
    ...scenario,
    jobs: scenario.jobs.map((job) => ({
      ...job,
      at: 0,
      request: { ...withoutChunk(job.request), sampleRanges: 2, auditRate: 1 },
    })),
  }
}

function withoutChunk({ chunk: _, ...request }: JobRequest): JobRequest {
  return request
}
