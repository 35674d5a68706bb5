/*
 * All that the farm store keeps of one job, in memory, with the semantics of commit.lua and its sisters. What comes in
 * is cloned and frozen, as if it had been written down.
 */
import type { Commit, Committed, Page, PendingEffect, Unjournaled, Versioned, Write } from '../../ports/farm-store.ts'
import { checkStorable } from '../../ports/storable.ts'
import type { TaskId } from '../../protocol/ids.ts'
import type { JobId } from '../../protocol/ids.ts'
import type { JobRecord } from '../../protocol/job.ts'
import { LIMITS } from '../../protocol/limits.ts'
import type { JobEvent } from '../../protocol/rest.ts'
import type { FrameRecord, TaskRecord } from '../../protocol/task.ts'
import { kept } from './kept.ts'
import { pageOf } from './pages.ts'

interface Lease {
  readonly taskId: TaskId
  readonly epoch: number
  expiresAt: number
}

export class JobShelf {
  readonly #jobId: JobId
  readonly #job = new Map<JobId, Versioned<JobRecord>>()
  readonly #tasks = new Map<TaskId, Versioned<TaskRecord>>()
  readonly #frames = new Map<number, Versioned<FrameRecord>>()
  readonly #counters = new Map<string, number>()
  readonly #leases = new Map<string, Lease>()
  readonly #picky = new Set<TaskId>()
  readonly #outbox = new Map<string, PendingEffect>()
  /** Mark -> its number, the oldest first. */
  readonly #journal = new Map<string, number>()
  #events: JobEvent[] = []
  #sequence = 0

  constructor(jobId: JobId) {
    this.#jobId = jobId
  }

  job(): Versioned<JobRecord> | null {
    return this.#job.get(this.#jobId) ?? null
  }
  task(id: TaskId): Versioned<TaskRecord> | null {
    return this.#tasks.get(id) ?? null
  }
  frame(number: number): Versioned<FrameRecord> | null {
    return this.#frames.get(number) ?? null
  }
  counters(): Record<string, number> {
    return Object.fromEntries(this.#counters)
  }
  isOutstanding(): boolean {
    return this.#outbox.size > 0 || this.#journal.size > 0
  }

  /** Compares everything first, then writes everything. New records begin with the version after `versionsBefore`. */
  commit(commit: Commit, now: number, versionsBefore: number): Committed {
    if (this.#job.size === 0 && !commit.job) return lostRace(this.#jobId)
    if (commit.jobVersion !== undefined && this.#job.get(this.#jobId)?.version !== commit.jobVersion)
      return lostRace(this.#jobId)
    const changed =
      firstChanged(this.#job, commit.job ? [commit.job] : []) ??
      firstChanged(this.#tasks, commit.tasks) ??
      firstChanged(this.#frames, commit.frames)
    if (changed !== null) return lostRace(changed)
    if (commit.room !== undefined && (this.#counters.get(commit.room.counter) ?? 0) >= commit.room.below)
      return { ok: false, why: 'no_room', counter: commit.room.counter }
    checkStorable(commit)

    write(this.#job, commit.job ? [commit.job] : [], versionsBefore)
    write(this.#tasks, commit.tasks, versionsBefore)
    write(this.#frames, commit.frames, versionsBefore)
    for (const [name, change] of Object.entries(commit.counters))
      this.#counters.set(name, (this.#counters.get(name) ?? 0) + change)
    for (const { taskId, epoch, expiresAt } of commit.leases) {
      if (expiresAt === null) this.#leases.delete(`${taskId}@${epoch}`)
      else this.#leases.set(`${taskId}@${epoch}`, { taskId, epoch, expiresAt })
    }
    for (const { taskId, listed } of commit.picky) {
      if (listed) this.#picky.add(taskId)
      else this.#picky.delete(taskId)
    }
    const effectIds = commit.effects.map((effect) => {
      const id = String(++this.#sequence).padStart(12, '0')
      this.#outbox.set(id, kept({ id, committedAt: now, effect }))
      return id
    })
    for (const event of commit.events) this.#events.push(kept({ ...event, seq: `0-${++this.#sequence}` }))
    this.#events = this.#events.slice(-LIMITS.eventsPerJobKept)
    const { journal = { job: false, tasks: [], frames: [] } } = commit
    for (const mark of [
      ...(journal.job ? [`job ${this.#jobId}`] : []),
      ...journal.tasks.map((id) => `task ${id}`),
      ...journal.frames.map((id) => `frame ${id}`),
    ]) {
      this.#journal.delete(mark)
      this.#journal.set(mark, ++this.#sequence)
    }
    return { ok: true, effectIds, counters: this.counters() }
  }

  renew(leases: readonly { taskId: TaskId; epoch: number }[], expiresAt: number): { taskId: TaskId; epoch: number }[] {
    return leases.flatMap(({ taskId, epoch }) => {
      const held = this.#leases.get(`${taskId}@${epoch}`)
      if (held === undefined) return [{ taskId, epoch }]
      held.expiresAt = expiresAt
      return []
    })
  }

  expiredLeases(now: number, limit: number): { taskId: TaskId; epoch: number }[] {
    const expired = [...this.#leases.values()]
      .filter(({ expiresAt }) => expiresAt <= now)
      .sort((a, b) => a.expiresAt - b.expiresAt)
    return expired.slice(0, limit).map(({ taskId, epoch }) => ({ taskId, epoch }))
  }

  picky(limit: number): TaskId[] {
    return [...this.#picky].slice(0, limit)
  }

  pendingEffects(before: number, limit: number): PendingEffect[] {
    const due = [...this.#outbox.values()]
      .filter(({ committedAt }) => committedAt < before)
      .sort((a, b) => a.committedAt - b.committedAt)
    return due.slice(0, limit)
  }

  acknowledge(effectIds: readonly string[]): void {
    for (const id of effectIds) this.#outbox.delete(id)
  }

  unjournaled(limit: number): Unjournaled[] {
    return [...this.#journal].slice(0, limit).map(([mark, at]) => {
      const [what, id = ''] = mark.split(' ') as [Unjournaled['what'], string?]
      const stored =
        what === 'job' ? this.job() : what === 'task' ? this.#tasks.get(id as TaskId) : this.#frames.get(Number(id))
      return {
        mark,
        at,
        what,
        version: stored?.version ?? 0,
        record: stored == null ? null : JSON.stringify(stored.value),
      }
    })
  }

  journaled(marks: readonly Pick<Unjournaled, 'mark' | 'at'>[]): void {
    for (const { mark, at } of marks) if (this.#journal.get(mark) === at) this.#journal.delete(mark)
  }

  listTasks(cursor: string | undefined, limit: number): Page<TaskRecord> {
    const tasks = [...this.#tasks.values()].map(({ value }) => value).sort((a, b) => (a.id < b.id ? -1 : 1))
    return pageOf('tasks', tasks, { cursor, limit, place: ({ id }) => id, isAfter: ({ id }, place) => id > place })
  }

  listFrames(cursor: string | undefined, limit: number): Page<FrameRecord> {
    const frames = [...this.#frames.values()].map(({ value }) => value).sort((a, b) => a.number - b.number)
    return pageOf('frames', frames, {
      cursor,
      limit,
      place: ({ number }) => String(number),
      isAfter: ({ number }, place) => number > Number(place),
    })
  }

  events(cursor: string | undefined, limit: number): Page<JobEvent> {
    const order = (seq: string) => Number(seq.slice(2))
    return pageOf('events', this.#events, {
      cursor,
      limit,
      place: ({ seq }) => seq,
      isAfter: ({ seq }, place) => order(seq) > order(place),
    })
  }
}

function lostRace(record: string): Committed {
  return { ok: false, why: 'lost_race', record }
}

function firstChanged<Id extends string | number, T>(
  stored: ReadonlyMap<Id, Versioned<T>>,
  writes: readonly Write<Id, T>[],
): string | null {
  const stale = writes.find(({ id, expected }) => (stored.get(id)?.version ?? 0) !== expected)
  return stale === undefined ? null : String(stale.id)
}

function write<Id, T>(stored: Map<Id, Versioned<T>>, writes: readonly Write<Id, T>[], versionsBefore: number): void {
  for (const { id, expected, value } of writes) {
    if (value === null) stored.delete(id)
    else stored.set(id, kept({ version: (expected === 0 ? versionsBefore : expected) + 1, value }))
  }
}
