import { type Result, ok, refuse } from '../../protocol/result.ts'

/** Samples `offset` up to, not including, `offset + count` of every pixel. */
export interface SampleRange {
  readonly offset: number
  readonly count: number
}

/**
 * Cuts the samples of a frame into `parts` ranges in order, which differ by one sample at most and together are all of them.
 * Refused with `samples_invalid` when a range would have no sample.
 */
export function splitSamples(total: number, parts: number): Result<SampleRange[], 'samples_invalid'> {
  if (!Number.isSafeInteger(total) || !Number.isSafeInteger(parts) || parts < 1 || parts > total) {
    return refuse('samples_invalid', `${total} samples cannot be split into ${parts} parts; every part needs at least one sample: ask for 1 to ${Math.max(1, Math.trunc(total) || 1)} parts`)
  }
  const edge = (index: number): number => Math.floor((total * index) / parts)
  return ok(Array.from({ length: parts }, (_, index) => ({ offset: edge(index), count: edge(index + 1) - edge(index) })))
}
