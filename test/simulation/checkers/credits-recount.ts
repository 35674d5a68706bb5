import { blameOf } from '../../../shared/domain/task/attempts.ts'
import type { Attempt, TaskRecord } from '../../../shared/protocol/task.ts'
import type { WorkerRecord } from '../../../shared/protocol/worker.ts'
import type { Checker } from '../checker.ts'

type Counts = { completed: number; failed: number; refuted: number }

/** What is counted for a worker is what became of its attempts, each once. */
export function creditsRecount(): Checker {
  const due = new Map<string, Counts>()
  /** Not known after a recovery: whoever speaks for them says what was counted, as far as it knows. */
  const forgotten = new Set<string>()
  const countsOf = (workerId: string) => {
    const counts = due.get(workerId) ?? { completed: 0, failed: 0, refuted: 0 }
    due.set(workerId, counts)
    return counts
  }
  return {
    name: 'credits-recount',
    committed({ tasks, commit }) {
      if (commit.recovered === true) return
      for (const { before, after } of tasks) {
        for (const is of after.attempts)
          count(
            countsOf(is.workerId),
            before,
            after,
            before?.attempts.find(({ epoch }) => epoch === is.epoch),
            is,
          )
      }
    },
    async recovered(world, report) {
      for (const worker of world.workers) {
        const record = await world.twin.worker(worker.id)
        const counted = countsOf(worker.id)
        if (record === null) forgotten.add(worker.id)
        else if (
          record.tasksCompleted > counted.completed ||
          record.tasksFailed > counted.failed ||
          record.tasksRefuted > counted.refuted
        )
          report(
            `${worker.id} is credited ${JSON.stringify(countedFor(record))} after a recovery, ` +
              `and was never credited more than ${JSON.stringify(counted)}`,
          )
        else due.set(worker.id, countedFor(record))
      }
    },
    async swept(world, report) {
      for (const worker of world.workers) {
        const record = await world.twin.worker(worker.id)
        if (record === null) continue
        const kept = countedFor(record)
        if (forgotten.delete(worker.id)) due.set(worker.id, kept)
        const wanted = countsOf(worker.id)
        if (JSON.stringify(kept) !== JSON.stringify(wanted))
          report(`${worker.id} is credited ${JSON.stringify(kept)}, its attempts say ${JSON.stringify(wanted)}`)
      }
    },
  }
}

function countedFor(record: WorkerRecord): Counts {
  return { completed: record.tasksCompleted, failed: record.tasksFailed, refuted: record.tasksRefuted }
}

function count(
  counts: Counts,
  before: TaskRecord | undefined,
  after: TaskRecord,
  was: Attempt | undefined,
  is: Attempt,
): void {
  const ended = was?.outcome !== is.outcome
  if (ended && is.outcome === 'rendered' && (after.kind === 'audit' || after.state === 'completed'))
    counts.completed += 1
  if (ended && (is.outcome === 'expired' || (is.outcome === 'failed' && blameOf(is) === 'worker'))) counts.failed += 1
  if (ended && is.outcome === 'rejected' && (before?.canonical === undefined || before.canonical.taskId === after.id))
    counts.failed += 1
  const judged = was?.verdict !== is.verdict && is.outcome === 'rendered'
  if (judged && is.verdict === 'refuted') counts.refuted += 1
  if (judged && is.verdict === 'agreed' && after.kind !== 'audit') counts.completed += 1
}
