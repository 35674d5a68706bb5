/*
 * Every key of the farm in Redis; none is spelled anywhere else. `tw` is the configurable prefix, {job} a job id in
 * braces, so that all keys of one job share a hash slot.
 *
 * | key                     | type   | holds | TTL | written by |
 * | ----------------------- | ------ | ----- | --- | ---------- |
 * | tw:{job}:job            | hash   | job id -> job record | - | commit.lua |
 * | tw:{job}:tasks          | hash   | task id -> task record | - | commit.lua |
 * | tw:{job}:tasks:order    | zset   | task ids in the order of their spelling (all scores 0) | - | commit.lua |
 * | tw:{job}:frames         | hash   | frame number -> frame record | - | commit.lua |
 * | tw:{job}:frames:order   | zset   | frame numbers, scored by themselves | - | commit.lua |
 * | tw:{job}:counters       | hash   | counter -> number | - | commit.lua |
 * | tw:{job}:leases         | zset   | taskId@epoch, scored by the time it expires | - | commit.lua, renew.lua |
 * | tw:{job}:picky          | zset   | task ids, scored by the order in which they were listed | - | commit.lua |
 * | tw:{job}:sequence       | string | last number given to an effect or a picky task | - | commit.lua |
 * | tw:{job}:outbox         | hash   | effect id -> effect | - | commit.lua, acknowledge |
 * | tw:{job}:outbox:order   | zset   | effect ids, scored by the time of the commit | - | commit.lua, acknowledge |
 * | tw:{job}:journal        | zset   | records for the journal, by their last write | - | commit.lua, journaled.lua |
 * | tw:{job}:events         | stream | what happened, trimmed to about LIMITS.eventsPerJobKept | - | commit.lua |
 * | tw:{job}:queue:render:… | BullMQ | render tasks that wait for a worker | - | BullMQ |
 * | tw:steps:verify:…       | BullMQ | comparisons to be made | - | BullMQ |
 * | tw:steps:assemble:…     | BullMQ | stitching, delivery, encoding, erasing | - | BullMQ |
 * | tw:farm                 | string | the term of the farm, and "recovering" while it is | - | change-farm-term.lua |
 * | tw:turn:<name>          | string | one process does it, the others need not | caller's | takeTurn |
 * | tw:jobs                 | zset   | <time of creation>:<job id>, in the order of spelling | - | commit.lua |
 * | tw:jobs:owner:<owner>   | zset   | the same of one owner | - | commit.lua |
 * | tw:jobs:open            | zset   | ids of open jobs, by the time they opened | - | commit.lua, close-job.lua |
 * | tw:jobs:open:<owner>    | set    | ids of an owner's open jobs | - | commit.lua, close-job.lua |
 * | tw:jobs:scene:<sha256>  | set    | ids of the jobs that use a scene | - | commit.lua |
 * | tw:scenes               | hash   | sha256 -> <member of scenes:order>, scene record | - | put-scene.lua |
 * | tw:scenes:order         | zset   | <time of upload>:<sha256>, in the order of spelling | - | put-scene.lua |
 * | tw:workers              | hash   | worker id -> worker record | - | put-worker.lua |
 * | tw:workers:seen         | zset   | worker ids, scored by the time they were last seen | - | put-worker.lua |
 * | tw:workers:counts       | hash   | <id>:<count> -> tasks; <id>:quarantined -> 1 or 0 | - | put-worker, commit,
 * setQuarantined |
 * | tw:sessions             | zset   | worker ids, scored by the time their session expires | - | *-session.lua |
 * | tw:sessions:holders     | hash   | worker id -> its newest session, empty once that ended | - | *-session.lua |
 * | tw:tokens               | hash   | sha256 of a token -> its owner | - | putToken |
 * | tw:request:<key>        | string | what an Idempotency-Key was used for | caller's | rememberRequest |
 * | tw:check                | string | probe of writability | 1 s | check |
 * | tw:bulletin             | pubsub | notices | - | bulletin |
 *
 * Records are `<version>\n<json>`, so that a script compares versions without decoding. eraseJob removes all but the
 * queue, which BullMQ removes (WorkQueue.dropJob). The indexes of jobs (tw:jobs…) have no {job} and yet are written in
 * the script that writes the job: a job that exists can always be found, at the price of one Redis server (or one
 * primary), not a Redis Cluster. That is what Tilework promises.
 */
import type { JobId } from '../../protocol/ids.ts'

export const DEFAULT_PREFIX = 'tw'

export type Keys = ReturnType<typeof redisKeys>

/** All keys below `prefix`; two farms with different prefixes share one Redis without seeing each other. */
export function redisKeys(prefix: string = DEFAULT_PREFIX) {
  const ofJob = (jobId: JobId, name: string) => `${prefix}:{${jobId}}:${name}`
  return {
    job: (jobId: JobId) => ofJob(jobId, 'job'),
    tasks: (jobId: JobId) => ofJob(jobId, 'tasks'),
    taskOrder: (jobId: JobId) => ofJob(jobId, 'tasks:order'),
    frames: (jobId: JobId) => ofJob(jobId, 'frames'),
    frameOrder: (jobId: JobId) => ofJob(jobId, 'frames:order'),
    counters: (jobId: JobId) => ofJob(jobId, 'counters'),
    leases: (jobId: JobId) => ofJob(jobId, 'leases'),
    picky: (jobId: JobId) => ofJob(jobId, 'picky'),
    sequence: (jobId: JobId) => ofJob(jobId, 'sequence'),
    outbox: (jobId: JobId) => ofJob(jobId, 'outbox'),
    outboxOrder: (jobId: JobId) => ofJob(jobId, 'outbox:order'),
    events: (jobId: JobId) => ofJob(jobId, 'events'),
    journal: (jobId: JobId) => ofJob(jobId, 'journal'),
    /** What BullMQ puts before the names of a job's queues. */
    queuePrefix: (jobId: JobId) => ofJob(jobId, 'queue'),
    stepsPrefix: `${prefix}:steps`,
    farm: `${prefix}:farm`,
    turn: (name: string) => `${prefix}:turn:${name}`,
    jobs: `${prefix}:jobs`,
    jobsOfOwner: (owner: string) => `${prefix}:jobs:owner:${owner}`,
    openJobs: `${prefix}:jobs:open`,
    openJobsOfOwner: (owner: string) => `${prefix}:jobs:open:${owner}`,
    jobsOfScene: (sha256: string) => `${prefix}:jobs:scene:${sha256}`,
    scenes: `${prefix}:scenes`,
    sceneOrder: `${prefix}:scenes:order`,
    workers: `${prefix}:workers`,
    workersSeen: `${prefix}:workers:seen`,
    workerCounts: `${prefix}:workers:counts`,
    sessions: `${prefix}:sessions`,
    sessionHolders: `${prefix}:sessions:holders`,
    tokens: `${prefix}:tokens`,
    request: (key: string) => `${prefix}:request:${key}`,
    check: `${prefix}:check`,
    bulletin: `${prefix}:bulletin`,
  }
}

/**
 * The keys that commit.lua names KEYS[1] to KEYS[16]: all of a job but its queue, the list of open jobs, the counts of
 * workers, the farm.
 */
export function commitKeys(keys: Keys, jobId: JobId): string[] {
  return [...recordKeys(keys, jobId), keys.openJobs, keys.workerCounts, keys.farm]
}

/** Every key of a job that the farm store writes. */
export function recordKeys(keys: Keys, jobId: JobId): string[] {
  return [
    keys.job(jobId),
    keys.tasks(jobId),
    keys.taskOrder(jobId),
    keys.frames(jobId),
    keys.frameOrder(jobId),
    keys.counters(jobId),
    keys.leases(jobId),
    keys.picky(jobId),
    keys.sequence(jobId),
    keys.outbox(jobId),
    keys.outboxOrder(jobId),
    keys.events(jobId),
    keys.journal(jobId),
  ]
}

/**
 * A member of an index whose order of spelling is the order of time, then of ids. `timeMs` from 0 to the year 33658.
 */
export function timedMember(timeMs: number, id: string): string {
  return `${String(Math.max(0, Math.floor(timeMs))).padStart(15, '0')}:${id}`
}

/** The id in a member that `timedMember` made. */
export function idInMember(member: string): string {
  return member.slice(16)
}
