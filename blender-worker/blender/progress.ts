/** How far a render is. Absent fields are not known. */
export interface RenderProgress {
  /** Samples finished of all, or 0 of 0 while the scene is being prepared. */
  readonly samplesDone: number
  readonly samplesTotal: number
  readonly elapsedSeconds?: number
  /** Blender's own estimate for this frame. */
  readonly remainingSeconds?: number
  readonly memoryBytes?: number
  /** What Blender says it is doing: `Updating Scene BVH`, `Sample 3/16`. */
  readonly activity: string
}

/** More often than this nobody reads it. */
const REPORTS_PER_SECOND_MAX = 4

/**
 * Reads one of Blender's statistics lines, `Fra:1 Mem:9M | Time:00:03.20 | Remaining:00:01.10 | ... | Sample 3/16`,
 * or the shorter form of 5.x. Undefined for any other line.
 */
export function parseProgress(line: string): RenderProgress | undefined {
  const parts = line.split('|').map((part) => part.trim())
  if (!/^(Fra:|Mem:|Remaining:|Time:)/.test(line.trim()) || parts.length < 2) return undefined
  const activity = (parts.at(-1) ?? '').slice(0, 200)
  const sample = /(?:Sample|Rendering) (\d+) ?\/ ?(\d+)/.exec(line)
  const elapsedSeconds = clock(/\bTime: ?((?:\d+:)?\d+:[\d.]+)/.exec(line)?.[1])
  const remainingSeconds = clock(/\bRemaining: ?((?:\d+:)?\d+:[\d.]+)/.exec(line)?.[1])
  const megabytes = /\bMem: ?([\d.]+)M/.exec(line)?.[1]
  return {
    samplesDone: Number(sample?.[1] ?? 0),
    samplesTotal: Number(sample?.[2] ?? 0),
    activity,
    ...(elapsedSeconds === undefined ? {} : { elapsedSeconds }),
    ...(remainingSeconds === undefined ? {} : { remainingSeconds }),
    ...(megabytes === undefined ? {} : { memoryBytes: Math.round(Number(megabytes) * 1024 * 1024) }),
  }
}

/** Passes on at most four reports a second; `now` gives milliseconds from any steady clock. */
export function throttled(
  report: (progress: RenderProgress) => void,
  now: () => number,
): (progress: RenderProgress) => void {
  let last = -Infinity
  return (progress) => {
    if (now() - last < 1_000 / REPORTS_PER_SECOND_MAX) return
    last = now()
    report(progress)
  }
}

function clock(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  return text.split(':').reduce((total, part) => total * 60 + Number(part), 0)
}
