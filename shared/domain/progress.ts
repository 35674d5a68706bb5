import type { JobCounts, JobRecord } from '../protocol/job.ts'

/**
 * Counters as the farm store keeps them (`render.queued` -> 3), sorted into their groups; those of no group are the
 * farm's own.
 */
export function countsOf(counters: Readonly<Record<string, number>>): JobCounts {
  const counts: JobCounts = { render: {}, finish: {}, audit: {}, frames: {}, verdicts: {} }
  for (const [name, value] of Object.entries(counters)) {
    const dot = name.indexOf('.')
    if (name.startsWith('inspect.') && value !== 0) counts.inspect ??= {}
    const group = counts[name.slice(0, dot) as keyof JobCounts]
    if (group !== undefined && value !== 0) group[name.slice(dot + 1)] = value
  }
  return counts
}

/** Share of the work that is done, 0 to 1: rendering weighs nine parts of ten, the way to delivered frames the rest. */
export function progressOf(job: JobRecord, counts: JobCounts): number {
  if (job.state === 'completed') return 1
  const rendered = (counts.render['completed'] ?? 0) / job.plan.renderTaskCount
  const delivered = (counts.frames['delivered'] ?? 0) / job.plan.frameCount
  return Math.min(0.999, 0.9 * Math.min(1, rendered) + 0.1 * Math.min(1, delivered))
}

/** Seconds left at the pace so far; null before anything is done or when nothing runs any more. */
export function secondsLeft(job: JobRecord, progress: number, now: number): number | null {
  if (job.startedAt === undefined || progress <= 0 || job.endedAt !== undefined || job.pausedAt !== undefined)
    return null
  return Math.round((((now - job.startedAt) / 1000) * (1 - progress)) / progress)
}
