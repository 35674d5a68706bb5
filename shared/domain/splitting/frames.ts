import { type Refusal, refuse } from '../../protocol/errors.ts'
import { LIMITS } from '../../protocol/limits.ts'

const PART = /^(-?\d{1,15})(?:\s*-\s*(-?\d{1,15})(?:\s*:\s*(\d{1,15}))?)?$/

/**
 * Frame numbers of `1-10, 15, 20-40:2` (first-last:step), ascending and without repeats. Refused: what cannot be
 * read (`frames_invalid`), an empty range (`frames_empty`), more than `framesPerJobMax` (`frames_too_many`; counted
 * before anything is built).
 */
export function parseFrames(text: string): { ok: true; frames: number[] } | Refusal {
  const parts = text.split(',').map((part) => part.trim())
  const ranges: { first: number; last: number; step: number }[] = []
  let count = 0
  for (const part of parts) {
    if (part === '') {
      if (parts.length === 1) return refuse('frames_empty', 'frames: the range is empty; write something like 1-24')
      return refuse('frames_invalid', `frames: nothing between two commas in "${text}"`)
    }
    const match = PART.exec(part)
    if (match === null)
      return refuse(
        'frames_invalid',
        `frames: "${part}" is not a frame, a range first-last, or ` +
          'first-last:step; write something like 1-10, 15, 20-40:2',
      )
    const first = Number(match[1])
    const last = match[2] === undefined ? first : Number(match[2])
    const step = match[3] === undefined ? 1 : Number(match[3])
    if (step === 0) return refuse('frames_invalid', `frames: the step of "${part}" is 0; it must be 1 or more`)
    if (last < first)
      return refuse('frames_empty', `frames: "${part}" runs backwards and holds no frame; write ${last}-${first}`)
    for (const frame of [first, last]) {
      if (frame < LIMITS.frameNumberMin || frame > LIMITS.frameNumberMax)
        return refuse(
          'frames_too_many',
          `frames: ${frame} is outside of what Blender can render ` +
            `(${LIMITS.frameNumberMin} to ${LIMITS.frameNumberMax})`,
        )
    }
    count += Math.floor((last - first) / step) + 1
    if (count > LIMITS.framesPerJobMax)
      return refuse(
        'frames_too_many',
        `frames: "${text}" holds more than ${LIMITS.framesPerJobMax} frames; split the job`,
      )
    ranges.push({ first, last, step })
  }
  const frames = new Set<number>()
  for (const { first, last, step } of ranges) for (let frame = first; frame <= last; frame += step) frames.add(frame)
  return { ok: true, frames: [...frames].sort((a, b) => a - b) }
}

/**
 * The shortest text for an ascending frame list: runs of equal step, singles elsewhere. Its parse gives the list again.
 */
export function formatFrames(frames: readonly number[]): string {
  const parts: string[] = []
  for (let start = 0; start < frames.length;) {
    const first = frames[start] ?? 0
    const step = (frames[start + 1] ?? first) - first
    let end = start
    while (end + 1 < frames.length && (frames[end + 1] ?? 0) - (frames[end] ?? 0) === step) end++
    if (end - start >= 2 || (step === 1 && end > start)) {
      parts.push(`${first}-${frames[end]}${step === 1 ? '' : `:${step}`}`)
      start = end + 1
    } else {
      parts.push(String(first))
      start += 1
    }
  }
  return parts.join(', ')
}
