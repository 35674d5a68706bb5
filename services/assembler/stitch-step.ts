import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { stitchedPath } from '../../shared/domain/file-names.ts'
import { rangesPerTile, renderTasksOfFrame } from '../../shared/domain/splitting/job-tasks.ts'
import { sampleRangeOf } from '../../shared/domain/splitting/samples.ts'
import { stitchedSize, tileOfPlan } from '../../shared/domain/splitting/tiles.ts'
import { resultEpoch } from '../../shared/domain/task/attempts.ts'
import type { ResultFault } from '../../shared/domain/task/fail-attempt.ts'
import { reportRejected, reportStepFailed, reportStitched } from '../../shared/engine/results/step-reports.ts'
import { type JobId, Sha256 } from '../../shared/protocol/ids.ts'
import type { JobPlan } from '../../shared/protocol/job.ts'
import { workKey } from '../../shared/protocol/object-keys.ts'
import type { TaskRecord } from '../../shared/protocol/task.ts'
import type { ImageRefusal, TileFile } from '../../shared/ports/imaging.ts'
import { canonicalFiles, withRole } from './canonical-file.ts'
import type { AssemblerContext } from './context.ts'
import { oddFiles } from './odd-files.ts'

/** Characters of a file's channels that an event shows: a multilayer file has hundreds of channels. */
const LAYOUT_SHOWN_MAX = 1_000

/** What is wrong with the file of a task. */
interface Fault {
  readonly task: TaskRecord
  readonly why: string
  readonly fault: ResultFault
}

/**
 * Puts a frame together into one float image below `work/`: the ranges of each tile's samples merged, the tiles
 * stitched. What is not what it should be goes back to be rendered. Files of one tile at a time lie here beside the
 * tiles that are whole already.
 */
export async function stitchFrame(context: AssemblerContext, jobId: JobId, frame: number): Promise<void> {
  const { engine, imaging, scratchDir } = context
  const [job, [record]] = await Promise.all([engine.store.job(jobId), engine.store.frames(jobId, [frame])])
  if (job === null || record == null || job.value.state !== 'active' || record.value.state !== 'stitching') return
  const { plan } = job.value
  const grid = plan.tiles
  if (grid === undefined) throw new Error(`job ${jobId}: frame ${frame} is to be stitched, but the job has no tiles`)
  const tasks: TaskRecord[] = []
  for (const task of await engine.store.tasks(jobId, renderTasksOfFrame(plan, record.value.position))) {
    if (task === null || task.value.state !== 'completed') return // rejected meanwhile; the step comes again
    tasks.push(task.value)
  }
  const dir = await mkdtemp(join(scratchDir, 'stitch-'))
  const goesBack = async (faults: readonly Fault[]): Promise<void> => {
    for (const { task, why, fault } of faults)
      await reportRejected(engine, { jobId, taskId: task.id, epoch: resultEpoch(task), reason: why, fault })
  }
  const failed = (refusal: ImageRefusal): Promise<void> =>
    reportStepFailed(
      engine,
      jobId,
      'assembly_failed',
      `frame ${frame}: what was rendered of it does not fit together: ${refusal.message}`,
    )
  try {
    const ranges = rangesPerTile(plan)
    const tiles: TileFile[] = []
    const layouts: string[] = []
    for (let index = 0; index * ranges < tasks.length; index++) {
      const parts = tasks.slice(index * ranges, (index + 1) * ranges)
      const { placement, crop, window } = tileOfPlan(plan, grid, index)
      const paths: string[] = []
      for (const task of parts) {
        const path = join(dir, `${index}-${paths.length}.exr`)
        const fetched = await fetchPart(context, { jobId, task, frame, window, path })
        if (!fetched.ok) return await goesBack([{ task, why: fetched.why, fault: fetched.fault }])
        layouts.push(fetched.layout)
        paths.push(path)
      }
      // Once two are not alike, the others are looked at to see which of them is odd, and nothing is put together.
      if (layouts.some((layout) => layout !== layouts[0])) {
        for (const path of paths) await rm(path)
        continue
      }
      const merged = await mergeTile(context, plan, paths, join(dir, `${index}.exr`))
      if (!merged.ok) {
        const culprit = merged.partIndex === undefined ? undefined : parts[merged.partIndex]
        return culprit === undefined
          ? await failed(merged)
          : await goesBack([{ task: culprit, why: merged.message, fault: faultOf(merged) }])
      }
      tiles.push({ path: merged.path, placement, crop })
    }
    const odd = oddFaults(tasks, layouts)
    if (odd.length > 0) return await goesBack(odd)
    const output = join(dir, 'stitched.exr')
    const stitched = await imaging.stitch(tiles, stitchedSize(plan), output)
    if (!stitched.ok) {
      const culprit = stitched.tileIndex === undefined || ranges > 1 ? undefined : tasks[stitched.tileIndex]
      return culprit === undefined
        ? await failed(stitched)
        : await goesBack([{ task: culprit, why: stitched.message, fault: faultOf(stitched) }])
    }
    const put = await engine.objects.put(
      workKey(jobId, stitchedPath(frame)),
      { filePath: output },
      { contentType: 'image/x-exr' },
    )
    if (!put.ok) throw new Error(`frame ${frame}: the stitched image was not stored: ${put.message}`)
    await reportStitched(engine, jobId, frame, { bytes: put.bytes, sha256: Sha256.parse(put.sha256) })
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** The file of one task. */
interface Part {
  readonly jobId: JobId
  readonly task: TaskRecord
  readonly frame: number
  /** The size that its image must have. */
  readonly window: { readonly width: number; readonly height: number }
  /** Where it shall lie. */
  readonly path: string
}

/** Fetches the file of a task, and reads all of it: whole, and of the right size. */
async function fetchPart(
  { engine, imaging }: AssemblerContext,
  { jobId, task, frame, window, path }: Part,
): Promise<{ ok: true; layout: string } | { ok: false; why: string; fault: ResultFault }> {
  const raw = withRole(await canonicalFiles(engine, jobId, task, frame), 'raw')
  if (raw === undefined) throw new Error(`task ${task.id} has no raw file of frame ${frame}`)
  const download = await engine.objects.download(raw.key, path, {
    bytesMax: raw.bytes,
    bytes: raw.bytes,
    sha256: raw.sha256,
  })
  if (!download.ok) return { ok: false, why: `${raw.name}: ${download.message}`, fault: 'worker' }
  const size = await imaging.check(path, window)
  if (!size.ok) return { ok: false, why: `${raw.name}: ${size.message}`, fault: faultOf(size) }
  const layout = await imaging.layout(path)
  return layout.ok ? layout : { ok: false, why: `${raw.name}: ${layout.message}`, fault: faultOf(layout) }
}

/** A sound file of a kind that is not read here is no fault of who made it. */
function faultOf({ code }: ImageRefusal): ResultFault {
  return code === 'unsupported' ? 'farm' : 'worker'
}

/**
 * The image of one tile: its ranges merged by their numbers of samples, always in the same order; their files are gone
 * then.
 */
async function mergeTile(
  { imaging }: AssemblerContext,
  { samples }: JobPlan,
  paths: readonly string[],
  output: string,
): Promise<{ ok: true; path: string } | ImageRefusal> {
  const [only] = paths
  if (samples === undefined && only !== undefined) return { ok: true, path: only }
  if (samples === undefined) throw new Error('a tile has at least one file')
  const merged = await imaging.merge(
    paths.map((path, range) => ({ path, samples: sampleRangeOf(samples, range).count })),
    output,
  )
  if (!merged.ok) return merged
  for (const path of paths) await rm(path)
  return { ok: true, path: output }
}

function oddFaults(tasks: readonly TaskRecord[], layouts: readonly string[]): Fault[] {
  const odd = oddFiles(layouts)
  if (odd === null)
    return tasks.map((task) => ({
      task,
      why:
        'the files of the frame have other channels or another packing, and no ' +
        'kind is that of most of them: all are rendered again',
      fault: 'nobody',
    }))
  return odd.flatMap((index) => {
    const task = tasks[index]
    return task === undefined
      ? []
      : [
          {
            task,
            why:
              'its channels or their packing are not those of the other files of the ' +
              `frame: ${layouts[index]?.slice(0, LAYOUT_SHOWN_MAX)}`,
            fault: 'worker',
          },
        ]
  })
}
