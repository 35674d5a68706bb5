/*
 * What is due in a job: leases that end, tasks to be chosen by looking, effects to be carried out, records to be
 * journaled.
 */
import { z } from 'zod'
import type { FarmStore, PendingEffect, Unjournaled } from '../../ports/farm-store.ts'
import { TaskId } from '../../protocol/ids.ts'
import { RECORD_KEY } from './job-commits.ts'
import { StoredEffect } from './effect-schemas.ts'
import { leaseMember, leaseOfMember } from './lease-member.ts'
import type { Link } from './link.ts'
import { loadScript } from './scripts.ts'
import { parsed } from './stored.ts'

const RENEW = loadScript('renew')
const ACKNOWLEDGE = loadScript('acknowledge')
const UNJOURNALED = loadScript('unjournaled')
const JOURNALED = loadScript('journaled')
const MARKED = { [RECORD_KEY.job]: 'job', [RECORD_KEY.task]: 'task', [RECORD_KEY.frame]: 'frame' } as const
const Strings = z.array(z.string())

type JobOutbox = Pick<
  FarmStore,
  'renew' | 'expiredLeases' | 'picky' | 'pendingEffects' | 'acknowledge' | 'unjournaled' | 'journaled'
>

export function jobOutbox(link: Link): JobOutbox {
  const { keys } = link
  return {
    async renew(jobId, leases, expiresAt) {
      if (leases.length === 0) return []
      const members = leases.map(({ taskId, epoch }) => leaseMember(taskId, epoch))
      return Strings.parse(await link.run(RENEW, [keys.leases(jobId)], [expiresAt, ...members])).map(leaseOfMember)
    },
    async expiredLeases(jobId, now, limit) {
      const members = await link.reach((redis) =>
        redis.zrangebyscore(keys.leases(jobId), '-inf', now, 'LIMIT', 0, limit),
      )
      return members.map(leaseOfMember)
    },
    async picky(jobId, limit) {
      if (limit < 1) return []
      const ids = await link.reach((redis) => redis.zrange(keys.picky(jobId), '0', String(limit - 1)))
      return ids.map((id) => TaskId.parse(id))
    },
    async pendingEffects(jobId, before, limit) {
      const due = await link.reach((redis) =>
        redis.zrangebyscore(keys.outboxOrder(jobId), '-inf', `(${before}`, 'WITHSCORES', 'LIMIT', 0, limit),
      )
      if (due.length === 0) return []
      const ids = due.filter((_, at) => at % 2 === 0)
      const stored = await link.reach((redis) => redis.hmget(keys.outbox(jobId), ...ids))
      const pending: PendingEffect[] = []
      for (const [at, id] of ids.entries()) {
        const text = stored[at]
        // acknowledged by another process between the two commands
        if (text === null || text === undefined) continue
        pending.push({
          id,
          committedAt: Number(due[at * 2 + 1]),
          effect: parsed(StoredEffect, text, keys.outbox(jobId)),
        })
      }
      return pending
    },
    async acknowledge(jobId, effectIds) {
      if (effectIds.length > 0) await link.run(ACKNOWLEDGE, [keys.outbox(jobId), keys.outboxOrder(jobId)], effectIds)
    },
    async unjournaled(jobId, limit) {
      const found = Strings.parse(
        await link.run(
          UNJOURNALED,
          [keys.job(jobId), keys.tasks(jobId), keys.taskOrder(jobId), keys.frames(jobId), keys.journal(jobId)],
          [limit],
        ),
      )
      const all: Unjournaled[] = []
      for (let at = 0; at + 2 < found.length; at += 3) {
        const [mark = '', number, text = ''] = found.slice(at, at + 3)
        const end = text.indexOf('\n')
        const what = MARKED[Number(mark.slice(0, 1)) as keyof typeof MARKED]
        all.push({
          mark,
          at: Number(number),
          what,
          version: Number(text.slice(0, Math.max(0, end))),
          record: text === '' ? null : text.slice(end + 1),
        })
      }
      return all
    },
    async journaled(jobId, marks) {
      if (marks.length > 0)
        await link.run(
          JOURNALED,
          [keys.journal(jobId)],
          marks.flatMap(({ mark, at }) => [mark, at]),
        )
    },
  }
}
