/*
 * The lists of jobs, and of what a job holds, page by page. Tasks keep a sorted set of their ids beside the hash (about
 * 90 bytes a task): HSCAN has no order, and walking the numbers instead would trust that nobody leaves gaps.
 */
import type { z } from 'zod'
import type { FarmStore, Page } from '../../ports/farm-store.ts'
import { JobId } from '../../protocol/ids.ts'
import { JobRecord } from '../../protocol/job.ts'
import { JobEvent } from '../../protocol/rest.ts'
import { FrameRecord, TaskRecord } from '../../protocol/task.ts'
import { cut, placeAfter } from './cursors.ts'
import { idInMember, recordKeys, timedMember } from './keys.ts'
import type { Link } from './link.ts'
import { opensJob } from './open-job.ts'
import { loadScript } from './scripts.ts'
import { parsed, versioned } from './stored.ts'

const CLOSE_JOB = loadScript('close-job')
const EventText = JobEvent.omit({ seq: true })
/** A job whose record went away between the two reads of a page is left out of the page. */
const present = <T>(value: T | null): value is T => value !== null

type JobLists = Pick<
  FarmStore,
  | 'listJobs'
  | 'openJobs'
  | 'countOpenJobs'
  | 'closeJob'
  | 'listTasks'
  | 'listFrames'
  | 'events'
  | 'eraseJob'
  | 'jobsOfScene'
>

export function jobLists(link: Link): JobLists {
  const { keys } = link

  async function job(id: JobId) {
    return versioned(JobRecord, await link.reach((redis) => redis.hget(keys.job(id), id)), keys.job(id))
  }

  return {
    async listJobs({ owner, cursor, limit }) {
      const index = owner === undefined ? keys.jobs : keys.jobsOfOwner(owner)
      const start = placeAfter('jobs', cursor, '+')
      const { places, next } = cut(
        await link.believed((redis) => redis.zrevrangebylex(index, start, '-', 'LIMIT', 0, limit + 1)),
        limit,
      )
      const records = await Promise.all(places.map((member) => job(JobId.parse(idInMember(member)))))
      return { items: records.filter(present).map(({ value }) => value), next }
    },
    async openJobs() {
      return (await link.believed((redis) => redis.zrange(keys.openJobs, '0', '-1'))).map((id) => JobId.parse(id))
    },
    async countOpenJobs(owner) {
      return await link.reach((redis) => redis.scard(keys.openJobsOfOwner(owner)))
    },
    async closeJob(jobId) {
      const seen = await job(jobId)
      if (seen !== null && opensJob(seen.value.state)) return
      await link.run(
        CLOSE_JOB,
        [
          keys.job(jobId),
          keys.outboxOrder(jobId),
          keys.openJobs,
          keys.journal(jobId),
          ...(seen === null ? [] : [keys.openJobsOfOwner(seen.value.owner)]),
        ],
        [jobId, seen?.version ?? 0],
      )
    },
    async listTasks(jobId, { cursor, limit }) {
      const start = placeAfter('tasks', cursor, '-')
      const ids = await link.reach((redis) =>
        redis.zrangebylex(keys.taskOrder(jobId), start, '+', 'LIMIT', 0, limit + 1),
      )
      return await page(TaskRecord, keys.tasks(jobId), ids, limit)
    },
    async listFrames(jobId, { cursor, limit }) {
      const start = placeAfter('frames', cursor, '-inf')
      const numbers = await link.reach((redis) =>
        redis.zrangebyscore(keys.frameOrder(jobId), start, '+inf', 'LIMIT', 0, limit + 1),
      )
      return await page(FrameRecord, keys.frames(jobId), numbers, limit)
    },
    async events(jobId, { cursor, limit }) {
      const start = placeAfter('events', cursor, '-')
      const entries = await link.reach((redis) => redis.xrange(keys.events(jobId), start, '+', 'COUNT', limit + 1))
      const { places, next } = cut(
        entries.map(([seq]) => seq),
        limit,
      )
      const items = entries
        .slice(0, places.length)
        .map(([seq, fields]) => ({ ...parsed(EventText, fields[1] ?? '', keys.events(jobId)), seq }))
      return { items, next }
    },
    async eraseJob(jobId) {
      const record = (await job(jobId))?.value
      await link.reach(async (redis) => {
        const all = redis.multi().zrem(keys.openJobs, jobId)
        if (record) {
          const member = timedMember(record.createdAt, jobId)
          all
            .zrem(keys.jobs, member)
            .zrem(keys.jobsOfOwner(record.owner), member)
            .srem(keys.jobsOfScene(record.scene.sha256), jobId)
            .srem(keys.openJobsOfOwner(record.owner), jobId)
        }
        const replies = await all.unlink(...recordKeys(keys, jobId)).exec()
        for (const [error] of replies ?? []) if (error) throw error
      })
    },
    async jobsOfScene(sha256) {
      return (await link.reach((redis) => redis.smembers(keys.jobsOfScene(sha256)))).map((id) => JobId.parse(id)).sort()
    },
  }

  async function page<T>(schema: z.ZodType<T>, hash: string, found: string[], limit: number): Promise<Page<T>> {
    const { places, next } = cut(found, limit)
    if (places.length === 0) return { items: [], next: null }
    const stored = await link.reach((redis) => redis.hmget(hash, ...places))
    const records = stored.map((text) => versioned(schema, text, hash)).filter(present)
    return { items: records.map(({ value }) => value), next }
  }
}
