// Two renderings of one task, file by file: what they say of each other, or which of them is no sound result.

import { displayVerdict, worstVerdict } from '../../shared/domain/verification/display-verdict.ts'
import { imageVerdict } from '../../shared/domain/verification/image-verdict.ts'
import { pairVerdict, verdictOnUncompared } from '../../shared/domain/verification/pair-verdict.ts'
import type { Readable, ToldVerdict } from '../../shared/domain/verification/pair-verdict.ts'
import { sizesOf } from '../../shared/domain/splitting/tiles.ts'
import type { JobPlan } from '../../shared/protocol/job.ts'
import type { ResultFile, TaskRecord } from '../../shared/protocol/task.ts'
import type { Imaging } from '../../shared/ports/imaging.ts'

/** A file of a rendering, on this disk. */
export type LocalFile = ResultFile & { readonly path: string }

/** `damaged`: which of the two has a file that is cut off, of another size or no image, and what is wrong with it. */
export type PairOutcome =
  | { readonly type: 'verdict'; readonly told: ToldVerdict }
  | { readonly type: 'damaged'; readonly which: 'a' | 'b'; readonly why: string }

/** What the renderings are of. */
export interface Audited {
  readonly plan: JobPlan
  readonly task: TaskRecord
}

/** Compares every file of `a` with that of the same frame and role in `b`. */
export async function compareRenderings(
  imaging: Imaging,
  of: Audited,
  a: readonly LocalFile[],
  b: readonly LocalFile[],
): Promise<PairOutcome> {
  const told: ToldVerdict[] = []
  for (const file of a) {
    const other = b.find((each) => each.frame === file.frame && each.role === file.role)
    if (other === undefined) return { type: 'verdict', told: { verdict: 'refuted' } }
    const outcome = await compareFiles(imaging, of, file, other)
    if (outcome.type === 'damaged') return outcome
    told.push(outcome.told)
  }
  return { type: 'verdict', told: pairVerdict(told) }
}

/**
 * Linear float images block by block; display images by visible steps. A finish has no noise and must give the same
 * pixels bit for bit: any difference asks a third worker, a large one refutes.
 */
async function compareFiles(imaging: Imaging, of: Audited, a: LocalFile, b: LocalFile): Promise<PairOutcome> {
  if (a.role === 'sound') return sounds(imaging, of, a, b)
  if ((await imaging.isUndecoded(a.path)) || (await imaging.isUndecoded(b.path))) return undecoded(imaging, of, a, b)
  const isFinish = of.task.kind === 'finish'
  if (isFinish) {
    const same = await imaging.samePixels(a.path, b.path)
    if (!same.ok) return uncompared(imaging, of, a, b)
    if (same.same) return { type: 'verdict', told: { verdict: 'agreed' } }
  }
  const verdict = await measuredVerdict(imaging, a, b)
  if (verdict === undefined) return uncompared(imaging, of, a, b)
  return { type: 'verdict', told: { verdict: isFinish ? worstVerdict(['grey', verdict]) : verdict } }
}

/** Undefined where the two cannot be compared. */
async function measuredVerdict(
  imaging: Imaging,
  a: LocalFile,
  b: LocalFile,
): Promise<'agreed' | 'grey' | 'refuted' | undefined> {
  if (a.path.endsWith('.exr')) {
    const measures = await imaging.compareLinear(a.path, b.path)
    return measures.ok ? imageVerdict(measures) : undefined
  }
  const measures = await imaging.compareDisplay(a.path, b.path)
  return measures.ok ? displayVerdict(measures) : undefined
}

async function sounds(imaging: Imaging, { plan }: Audited, a: LocalFile, b: LocalFile): Promise<PairOutcome> {
  for (const [which, file] of [['a', a] as const, ['b', b] as const]) {
    const checked = plan.sound === undefined ? undefined : await imaging.checkSound(file.path, plan.sound)
    if (checked?.ok === false) return { type: 'damaged', which, why: `${file.name}: ${checked.message}` }
  }
  const compared = await imaging.sameSound(a.path, b.path)
  return { type: 'verdict', told: { verdict: compared.ok && compared.same ? 'agreed' : 'refuted' } }
}

/**
 * Of kinds that nobody decodes here: the same bytes agree. Others say nothing, since some hold the time at which they
 * were written; the float image beside them decides.
 */
async function undecoded(imaging: Imaging, of: Audited, a: LocalFile, b: LocalFile): Promise<PairOutcome> {
  if (a.sha256 === b.sha256) return { type: 'verdict', told: { verdict: 'agreed' } }
  const [kindA, kindB] = [await imaging.ending(a.path), await imaging.ending(b.path)]
  const [ofA, ofB] = [await readable(imaging, of, a.path), await readable(imaging, of, b.path)]
  if (ofA.state === 'damaged') return { type: 'damaged', which: 'a', why: `${a.name}: ${ofA.why}` }
  if (ofB.state === 'damaged') return { type: 'damaged', which: 'b', why: `${b.name}: ${ofB.why}` }
  if (kindA !== kindB) return { type: 'verdict', told: { verdict: 'refuted' } }
  return {
    type: 'verdict',
    told: { verdict: 'unread', why: `${a.name}: images of the kind .${kindA} are not decoded` },
  }
}

async function uncompared(imaging: Imaging, of: Audited, a: LocalFile, b: LocalFile): Promise<PairOutcome> {
  const [ofA, ofB] = [await readable(imaging, of, a.path), await readable(imaging, of, b.path)]
  if (ofA.state === 'damaged') return { type: 'damaged', which: 'a', why: `${a.name}: ${ofA.why}` }
  if (ofB.state === 'damaged') return { type: 'damaged', which: 'b', why: `${b.name}: ${ofB.why}` }
  const { verdict, why } = verdictOnUncompared(ofA, ofB)
  return { type: 'verdict', told: why === undefined ? { verdict } : { verdict, why: `${a.name}: ${why}` } }
}

/** Reads the whole file and holds it against the sizes that the plan allows. */
async function readable(imaging: Imaging, { plan, task }: Audited, path: string): Promise<Readable> {
  let damaged: Readable | undefined
  for (const size of sizesOf(plan, task.tile)) {
    const checked = await imaging.check(path, size)
    // Images without a single number in a channel are compared with one another like any.
    if (checked.ok || checked.code === 'not_finite') return { state: 'read' }
    if (checked.code === 'unsupported') return { state: 'unread', why: checked.message }
    damaged ??= { state: 'damaged', why: checked.message }
    if (checked.code !== 'sizes_differ') break
  }
  return damaged ?? { state: 'read' }
}
