/*
 * What is known of workers. Their counts of tasks and their quarantine lie apart from the record: a coordinator that
 * writes what a worker told must not undo what another one just counted, or what the operator just said.
 */
import type { FarmStore } from '../../ports/farm-store.ts'
import { checkWorker } from '../../ports/storable.ts'
import { WorkerId } from '../../protocol/ids.ts'
import { WorkerRecord } from '../../protocol/worker.ts'
import type { Link } from './link.ts'
import { loadScript } from './scripts.ts'
import { parsed } from './stored.ts'

const PUT_WORKER = loadScript('put-worker')
const FORGET_WORKER = loadScript('forget-worker')
/** Field of the record for each count, in the order in which they are read. */
const COUNTS = { completed: 'tasksCompleted', failed: 'tasksFailed', refuted: 'tasksRefuted' } as const
const COUNT_NAMES = ['completed', 'failed', 'refuted'] as const

/** 1 while the worker is in quarantine, else 0. */
const QUARANTINED = 'quarantined' as const

/** Fields of the hash of counts for each worker. */
const FIELDS_OF_WORKER = COUNT_NAMES.length + 1

/** Field of the hash of counts. */
export function workerCountField(id: WorkerId, name: (typeof COUNT_NAMES)[number] | typeof QUARANTINED): string {
  return `${id}:${name}`
}

export function workers(
  link: Link,
): Pick<
  FarmStore,
  | 'worker'
  | 'putWorker'
  | 'setQuarantined'
  | 'restoreWorker'
  | 'workers'
  | 'listWorkers'
  | 'countWorkers'
  | 'workersUnseen'
  | 'forgetWorker'
> {
  const { keys } = link
  const countFields = (id: WorkerId) => [...COUNT_NAMES, QUARANTINED].map((name) => workerCountField(id, name))
  async function putWorker(worker: WorkerRecord): Promise<void> {
    checkWorker(worker)
    const counts = COUNT_NAMES.flatMap((name) => [name, worker[COUNTS[name]]])
    await link.run(
      PUT_WORKER,
      [keys.workers, keys.workerCounts, keys.workersSeen],
      [worker.id, JSON.stringify(worker), worker.lastSeenAt, ...counts, QUARANTINED, worker.quarantined ? 1 : 0],
    )
  }
  return {
    async worker(id) {
      const text = await link.believed((redis) => redis.hget(keys.workers, id))
      const counts = await link.reach((redis) => redis.hmget(keys.workerCounts, ...countFields(id)))
      return text === null ? null : withCounts(parsed(WorkerRecord, text, keys.workers), counts)
    },
    putWorker,
    async setQuarantined(id, quarantined) {
      await link.reach((redis) => redis.hset(keys.workerCounts, workerCountField(id, QUARANTINED), quarantined ? 1 : 0))
    },
    async restoreWorker(worker) {
      await link.reach((redis) => redis.hdel(keys.workerCounts, ...countFields(worker.id)))
      await putWorker(worker)
    },
    async workers(ids) {
      if (ids.length === 0) return []
      const [records, counts] = await link.believed((redis) =>
        Promise.all([redis.hmget(keys.workers, ...ids), redis.hmget(keys.workerCounts, ...ids.flatMap(countFields))]),
      )
      return records.flatMap((text, at) =>
        text === null
          ? []
          : [withCounts(parsed(WorkerRecord, text, keys.workers), counts.slice(at * FIELDS_OF_WORKER))],
      )
    },
    async countWorkers() {
      return await link.reach((redis) => redis.hlen(keys.workers))
    },
    async workersUnseen(before, limit, offset = 0) {
      const ids = await link.reach((redis) =>
        redis.zrangebyscore(keys.workersSeen, '-inf', `(${before}`, 'LIMIT', offset, limit),
      )
      return ids.map((id) => WorkerId.parse(id))
    },
    async forgetWorker(id, before) {
      return (
        (await link.run(
          FORGET_WORKER,
          [keys.workers, keys.workerCounts, keys.workersSeen, keys.sessions, keys.sessionHolders],
          [id, before, ...COUNT_NAMES, QUARANTINED],
        )) === 1
      )
    },
    async listWorkers() {
      const [records, counts] = await link.reach((redis) =>
        Promise.all([redis.hvals(keys.workers), redis.hgetall(keys.workerCounts)]),
      )
      const all = records.map((text) => parsed(WorkerRecord, text, keys.workers))
      return all
        .map((worker) =>
          withCounts(
            worker,
            countFields(worker.id).map((field) => counts[field] ?? null),
          ),
        )
        .sort((a, b) => (a.id < b.id ? -1 : 1))
    },
  }
}

function withCounts(worker: WorkerRecord, counts: readonly (string | null)[]): WorkerRecord {
  const [completed, failed, refuted, quarantined] = counts
  return {
    ...worker,
    tasksCompleted: Number(completed ?? 0),
    tasksFailed: Number(failed ?? 0),
    tasksRefuted: Number(refuted ?? 0),
    quarantined: quarantined === '1',
  }
}
