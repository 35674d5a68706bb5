/*
 * The records of a job: read one by one, written only all together by commit.lua.
 */
import assert from 'node:assert'
import { z } from 'zod'
import type { Commit, Committed, FarmStore, Write } from '../../ports/farm-store.ts'
import { checkStorable } from '../../ports/storable.ts'
import type { JobId } from '../../protocol/ids.ts'
import { JobRecord } from '../../protocol/job.ts'
import { LIMITS } from '../../protocol/limits.ts'
import { FrameRecord, TaskRecord } from '../../protocol/task.ts'
import { commitKeys, timedMember } from './keys.ts'
import { leaseMember } from './lease-member.ts'
import type { Link } from './link.ts'
import { opensJob } from './open-job.ts'
import { loadScript } from './scripts.ts'
import { versioned } from './stored.ts'
import { workerCountField } from './workers.ts'

const COMMIT = loadScript('commit')
/** Stands for the JSON of a record that must be at its version and is not written. */
const ONLY_COMPARED = '='
/** Counters, leases, picky, effects, events, credits, marks: each may be empty. */
const LISTS_AFTER_RECORDS = 7
const CREDITED = ['completed', 'failed', 'refuted'] as const
/** Which KEYS of commit.lua hold the records. */
export const RECORD_KEY = { job: 1, task: 2, frame: 4 } as const
const CommitReply = z.union([
  z.tuple([z.literal(1), z.array(z.string()), z.array(z.string())]),
  z.tuple([z.literal(0), z.string()]),
  z.tuple([z.literal(-1), z.string()]),
])

type JobCommits = Pick<FarmStore, 'job' | 'tasks' | 'frames' | 'counters' | 'commit'>

export function jobCommits(link: Link): JobCommits {
  const { keys } = link
  return {
    async job(id) {
      return versioned(JobRecord, await link.believed((redis) => redis.hget(keys.job(id), id)), keys.job(id))
    },
    async tasks(jobId, ids) {
      if (ids.length === 0) return []
      const stored = await link.reach((redis) => redis.hmget(keys.tasks(jobId), ...ids))
      return stored.map((text) => versioned(TaskRecord, text, keys.tasks(jobId)))
    },
    async frames(jobId, numbers) {
      if (numbers.length === 0) return []
      const stored = await link.reach((redis) => redis.hmget(keys.frames(jobId), ...numbers.map(String)))
      return stored.map((text) => versioned(FrameRecord, text, keys.frames(jobId)))
    },
    async counters(jobId) {
      const stored = await link.reach((redis) => redis.hgetall(keys.counters(jobId)))
      return Object.fromEntries(Object.entries(stored).map(([name, count]) => [name, Number(count)]))
    },
    async commit(jobId, commit, now) {
      try {
        checkStorable(commit)
      } catch (error) {
        // Nothing of it is written; but who lost a race hears of that, and decides again.
        if (commit.job?.expected === 0) throw error
        const compared = committed(
          CommitReply.parse(await link.run(COMMIT, commitKeys(keys, jobId), comparedArguments(jobId, commit, now))),
        )
        if (compared.ok) throw error
        return compared
      }
      const job = commit.job?.value
      const created = commit.job?.expected === 0 ? job : undefined
      const indexes = created
        ? [
            keys.jobs,
            keys.jobsOfOwner(created.owner),
            keys.jobsOfScene(created.scene.sha256),
            keys.openJobsOfOwner(created.owner),
          ]
        : []
      const member = created ? timedMember(created.createdAt, jobId) : ''
      const reply = await link.run(
        COMMIT,
        [...commitKeys(keys, jobId), ...indexes],
        commitArguments(jobId, commit, now, member),
      )
      return committed(CommitReply.parse(reply))
    },
  }
}

/** The ARGV of commit.lua. Bad numbers stop here, since a script that fails half-way has written half. */
function commitArguments(jobId: JobId, commit: Commit, now: number, member: string): (string | number)[] {
  const job = commit.job?.value
  assert(
    commit.job === undefined || (commit.job.value !== null && commit.job.id === jobId),
    'a commit writes its own job; eraseJob removes it',
  )
  const isOpen = commit.effects.length > 0 || (job !== undefined && job !== null && opensJob(job.state))
  return [
    ...begin(jobId, commit, now, isOpen, member),
    ...list(records(jobId, commit)),
    ...list(Object.entries(commit.counters).map(([name, change]) => [name, integer(change, `counter ${name}`)])),
    ...list(
      commit.leases.map(({ taskId, epoch, expiresAt }) => [
        leaseMember(taskId, epoch),
        expiresAt === null ? '' : integer(expiresAt, 'lease expiry'),
      ]),
    ),
    ...list(commit.picky.map(({ taskId, listed }) => [taskId, listed ? '1' : '0'])),
    ...list(commit.effects.map((effect) => [JSON.stringify(effect)])),
    ...list(commit.events.map((event) => [JSON.stringify(event)])),
    ...list(
      commit.credits.flatMap(({ workerId, type: _credit, ...counts }) =>
        CREDITED.flatMap((name) =>
          counts[name] === undefined ? [] : [[workerCountField(workerId, name), integer(counts[name], name)]],
        ),
      ),
    ),
    ...list([
      ...(commit.journal?.job === true ? [[RECORD_KEY.job, jobId]] : []),
      ...(commit.journal?.tasks ?? []).map((id) => [RECORD_KEY.task, id]),
      ...(commit.journal?.frames ?? []).map((id) => [RECORD_KEY.frame, id]),
    ]),
  ]
}

/** The ARGV that compare all that a commit expects and write nothing; for one of a job that exists. */
function comparedArguments(jobId: JobId, commit: Commit, now: number): (string | number)[] {
  const compared = records(jobId, commit).map(([key = '', id = '', expected = '']) => [
    key,
    id,
    expected,
    ONLY_COMPARED,
  ])
  return [
    ...begin(jobId, commit, now, false, ''),
    ...list(compared),
    ...Array.from({ length: LISTS_AFTER_RECORDS }, () => 0),
  ]
}

function begin(jobId: JobId, commit: Commit, now: number, isOpen: boolean, member: string): (string | number)[] {
  const room = commit.room === undefined ? ['', 0] : [commit.room.counter, integer(commit.room.below, 'room')]
  return [
    integer(now, 'time of the commit'),
    jobId,
    isOpen ? '1' : '0',
    member,
    LIMITS.eventsPerJobKept,
    commit.recovered === true ? '1' : '0',
    ...room,
  ]
}

function records(jobId: JobId, commit: Commit): (string | number)[][] {
  return [
    ...(commit.job ? [commit.job] : []).map((write) => record(RECORD_KEY.job, write)),
    ...(commit.jobVersion === undefined
      ? []
      : [[RECORD_KEY.job, jobId, integer(commit.jobVersion, 'job version'), ONLY_COMPARED]]),
    ...commit.tasks.map((write) => record(RECORD_KEY.task, write)),
    ...commit.frames.map((write) => record(RECORD_KEY.frame, write)),
  ]
}

function record<Id extends string | number, T>(key: number, write: Write<Id, T>): (string | number)[] {
  return [
    key,
    typeof write.id === 'number' ? integer(write.id, 'frame number') : write.id,
    integer(write.expected, 'expected version'),
    write.value === null ? '' : JSON.stringify(write.value),
  ]
}

function list(rows: readonly (readonly (string | number)[])[]): (string | number)[] {
  return [rows.length, ...rows.flat()]
}

function integer(value: number, name: string): number {
  assert(Number.isSafeInteger(value), `${name} must be a whole number, not ${value}`)
  return value
}

function committed(reply: z.infer<typeof CommitReply>): Committed {
  if (reply[0] === 0) return { ok: false, why: 'lost_race', record: reply[1] }
  if (reply[0] === -1) return { ok: false, why: 'no_room', counter: reply[1] }
  const counters: Record<string, number> = {}
  for (let at = 0; at + 1 < reply[2].length; at += 2) counters[reply[2][at] ?? ''] = Number(reply[2][at + 1])
  return { ok: true, effectIds: reply[1], counters }
}
