import { describe, expect, test, vi } from 'vitest'
import { WorkerSession } from '../../services/coordinator/worker-session.ts'
import { Dispatcher } from '../../shared/engine/dispatch/dispatcher.ts'
import { unpaused } from '../../shared/domain/lifecycle/job.ts'
import { changed, type Mutant, PORT_MUTANTS, RULE_MUTANTS } from './mutants.ts'
import { simulate } from './simulate.ts'

/** Seeds tried for each; most are caught by the first few. */
const SEEDS_MAX = 150

/** Which bug is in the rules now. */
const bug = vi.hoisted(() => ({ name: '' }))

vi.mock('../../shared/domain/task/attempts.ts', async (load) => {
  const real = await load<typeof import('../../shared/domain/task/attempts.ts')>()
  return {
    ...real,
    checkHolder: (...args: Parameters<typeof real.checkHolder>) => {
      const [task, workerId, epoch] = args
      const attempt = real.attemptOf(task, epoch)
      return bug.name.startsWith('fencing is off') && attempt?.workerId === workerId
        ? { ok: true, attempt }
        : real.checkHolder(...args)
    },
    withdraw: (...args: Parameters<typeof real.withdraw>) =>
      bug.name.startsWith('of two that try') && args[1] === 'overtaken'
        ? { task: args[0], effects: [] }
        : real.withdraw(...args),
    triesUsed: (task: Parameters<typeof real.triesUsed>[0]) =>
      bug.name === 'tries are not counted'
        ? 0
        : bug.name === 'jobs stop at the second try'
          ? real.triesUsed(task) * 4
          : real.triesUsed(task),
  }
})
vi.mock('../../shared/domain/splitting/job-tasks.ts', async (load) => {
  const real = await load<typeof import('../../shared/domain/splitting/job-tasks.ts')>()
  return {
    ...real,
    partOf: (task: Parameters<typeof real.partOf>[0]) =>
      bug.name.startsWith('audits forget') ? (task.tile === undefined ? {} : { tile: task.tile }) : real.partOf(task),
  }
})
vi.mock('../../shared/domain/verification/settle-dispute.ts', async (load) => {
  const real = await load<typeof import('../../shared/domain/verification/settle-dispute.ts')>()
  return {
    ...real,
    isUnrepeatable: (...args: Parameters<typeof real.isUnrepeatable>) =>
      bug.name === 'a disagreement condemns the scene'
        ? args[1].some(({ verdict }) => verdict === 'refuted')
        : real.isUnrepeatable(...args),
    settle: (...args: Parameters<typeof real.settle>) => {
      const keys = args[0].map(({ key }) => key)
      if (bug.name === 'all renderings agree') return { type: 'settled', canonical: keys[0], agreed: keys, refuted: [] }
      const settled = real.settle(...args)
      return bug.name === 'blame falls one against one' && settled.type === 'open'
        ? { type: 'settled', canonical: keys[0], agreed: keys.slice(0, 1), refuted: keys.slice(1) }
        : settled
    },
  }
})
vi.mock('../../shared/domain/scheduling/task-fit.ts', async (load) => {
  const real = await load<typeof import('../../shared/domain/scheduling/task-fit.ts')>()
  return {
    ...real,
    mayHave: (...args: Parameters<typeof real.mayHave>) =>
      bug.name === 'anybody may have any task' || real.mayHave(...args),
  }
})
vi.mock('../../shared/domain/task/grant-lease.ts', async (load) => {
  const real = await load<typeof import('../../shared/domain/task/grant-lease.ts')>()
  return {
    ...real,
    grantLease: (...[job, ...rest]: Parameters<typeof real.grantLease>) =>
      real.grantLease(
        bug.name === 'paused jobs still give leases'
          ? unpaused(job)
          : bug.name === 'epochs begin anew after a recovery'
            ? { ...job, epochsBefore: 0 }
            : bug.name === 'jobs that are over still give leases'
              ? { ...job, state: rest[0].kind === 'inspect' ? 'inspecting' : 'active' }
              : job,
        ...rest,
      ),
  }
})
vi.mock('../../shared/domain/task/fail-attempt.ts', async (load) => {
  const real = await load<typeof import('../../shared/domain/task/fail-attempt.ts')>()
  return {
    ...real,
    rejectResult: (...args: Parameters<typeof real.rejectResult>) =>
      bug.name === 'results that were rejected stay' ? { ok: true } : real.rejectResult(...args),
  }
})
vi.mock('../../shared/domain/task/frames.ts', async (load) => {
  const real = await load<typeof import('../../shared/domain/task/frames.ts')>()
  return {
    ...real,
    frameStitched: (...[job, frame, stitched]: Parameters<typeof real.frameStitched>) =>
      real.frameStitched(
        job,
        bug.name.startsWith('a frame is stitched again') ? { ...frame, state: 'stitching' } : frame,
        stitched,
      ),
  }
})
vi.mock('../../shared/domain/task/reopen.ts', async (load) => {
  const real = await load<typeof import('../../shared/domain/task/reopen.ts')>()
  return {
    ...real,
    reopenTask: (...args: Parameters<typeof real.reopenTask>) =>
      bug.name === 'what failed stays so when its job is tried again' ? {} : real.reopenTask(...args),
  }
})
vi.mock('../../shared/engine/jobs/ended-jobs.ts', async (load) => {
  const real = await load<typeof import('../../shared/engine/jobs/ended-jobs.ts')>()
  return {
    ...real,
    settleEndedJob: async (...[engine, jobId]: Parameters<typeof real.settleEndedJob>) => {
      const blind = bug.name === 'jobs that are over leave their tasks with workers'
      return real.settleEndedJob(
        blind
          ? { ...engine, store: changed(engine.store, { listTasks: async () => ({ items: [], next: null }) }) }
          : engine,
        jobId,
      )
    },
  }
})
vi.mock('../../shared/engine/loops/reconcile.ts', async (load) => {
  const real = await load<typeof import('../../shared/engine/loops/reconcile.ts')>()
  return {
    ...real,
    reconcileJob: async (...args: Parameters<typeof real.reconcileJob>) =>
      bug.name === 'queues are not held against the records' ? undefined : real.reconcileJob(...args),
    sweepOutbox: async (...args: Parameters<typeof real.sweepOutbox>) =>
      bug.name === 'the outbox is never swept' ? 0 : real.sweepOutbox(...args),
  }
})
vi.mock('../../shared/engine/commit/effects.ts', async (load) => {
  const real = await load<typeof import('../../shared/engine/commit/effects.ts')>()
  return {
    ...real,
    runEffects: async (...[engine, jobId, effects, ids]: Parameters<typeof real.runEffects>) =>
      bug.name === 'effects are crossed off unread'
        ? engine.store.acknowledge(jobId, ids)
        : real.runEffects(engine, jobId, effects, ids),
  }
})

/** The first seed that catches it, and who did. */
async function hunt({ name, planted }: Mutant): Promise<string> {
  bug.name = name
  const spies = [
    ...(name === 'quarantine and leaving are not heard'
      ? [vi.spyOn(WorkerSession.prototype, 'open').mockReturnValue(true)]
      : []),
    ...(name === 'nobody asks what waits, whatever notices are lost'
      ? [vi.spyOn(Dispatcher.prototype, 'refreshAll').mockResolvedValue()]
      : []),
  ]
  try {
    for (let seed = 0; seed < SEEDS_MAX; seed++) {
      const [first] = (await simulate(seed, planted === undefined ? {} : { planted })).failures
      if (first !== undefined) {
        if (process.env['SHOW_MUTANTS'] !== undefined)
          console.log(`${name} | ${first.checker} | seed ${seed} | ${first.message.slice(0, 150)}`)
        return first.checker
      }
    }
    return `nobody in ${SEEDS_MAX} seeds`
  } finally {
    for (const spy of spies) spy.mockRestore()
    bug.name = ''
  }
}

/** Milliseconds: the longest hunt takes half a minute of a core, and beside a busy neighbour four times as long. */
const HUNT_TIMEOUT_MS = 300_000

describe('each planted bug is caught', () => {
  test.each([...PORT_MUTANTS, ...RULE_MUTANTS])(
    '$name',
    async (mutant) => {
      expect(mutant.caughtBy).toContain(await hunt(mutant))
    },
    HUNT_TIMEOUT_MS,
  )

  test('and without one the same seeds are fine', async () => {
    for (let seed = 0; seed < 3; seed++) expect((await simulate(seed)).failures).toEqual([])
  })
})
