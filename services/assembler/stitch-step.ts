import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { stitchedPath } from '../../shared/domain/file-names.ts'
import { renderTasksOfFrame } from '../../shared/domain/splitting/job-tasks.ts'
import { stitchedSize, tileOfPlan } from '../../shared/domain/splitting/tiles.ts'
import { resultEpoch } from '../../shared/domain/task/attempts.ts'
import { reportRejected, reportStepFailed, reportStitched } from '../../shared/engine/step-reports.ts'
import { type JobId, Sha256 } from '../../shared/protocol/ids.ts'
import { workKey } from '../../shared/protocol/object-keys.ts'
import type { TileFile } from '../../shared/ports/imaging.ts'
import { canonicalFiles, withRole } from './canonical-file.ts'
import type { AssemblerContext } from './context.ts'

/** Puts the tiles of a frame together into one float image below `work/`. A tile that is not what it should be goes back. */
export async function stitchFrame({ engine, imaging, scratchDir }: AssemblerContext, jobId: JobId, frame: number): Promise<void> {
  const [job, [record]] = await Promise.all([engine.store.job(jobId), engine.store.frames(jobId, [frame])])
  if (job === null || record == null || job.value.state !== 'active' || record.value.state !== 'stitching') return
  const { plan } = job.value
  const grid = plan.tiles
  if (grid === undefined) throw new Error(`job ${jobId}: frame ${frame} is to be stitched, but the job has no tiles`)
  const tasks = await engine.store.tasks(jobId, renderTasksOfFrame(plan, record.value.position))
  const dir = await mkdtemp(join(scratchDir, 'stitch-'))
  try {
    const tiles: TileFile[] = []
    for (const [index, task] of tasks.entries()) {
      if (task === null || task.value.state !== 'completed') return // rejected meanwhile; the step comes again
      const raw = withRole(await canonicalFiles(engine, jobId, task.value, frame), 'raw')
      if (raw === undefined) throw new Error(`task ${task.value.id} has no raw file of frame ${frame}`)
      const path = join(dir, `${index}.exr`)
      const download = await engine.objects.download(raw.key, path, { bytesMax: raw.bytes, bytes: raw.bytes, sha256: raw.sha256 })
      if (!download.ok) return await reportRejected(engine, jobId, task.value.id, resultEpoch(task.value), `${raw.name}: ${download.message}`)
      const { placement, crop, window } = tileOfPlan(plan, grid, index)
      const size = await imaging.check(path, window)
      if (!size.ok) return await reportRejected(engine, jobId, task.value.id, resultEpoch(task.value), `${raw.name}: ${size.message}`)
      tiles.push({ path, placement, crop })
    }
    const output = join(dir, 'stitched.exr')
    const stitched = await imaging.stitch(tiles, stitchedSize(plan), output)
    if (!stitched.ok) {
      const culprit = stitched.tileIndex === undefined ? null : tasks[stitched.tileIndex]
      if (culprit != null) return await reportRejected(engine, jobId, culprit.value.id, resultEpoch(culprit.value), `tile ${stitched.tileIndex}: ${stitched.message}`)
      return await reportStepFailed(engine, jobId, 'assembly_failed', `frame ${frame}: the tiles do not fit together: ${stitched.message}`)
    }
    const put = await engine.objects.put(workKey(jobId, stitchedPath(frame)), { filePath: output }, { contentType: 'image/x-exr' })
    if (!put.ok) throw new Error(`frame ${frame}: the stitched image was not stored: ${put.message}`)
    await reportStitched(engine, jobId, frame, { bytes: put.bytes, sha256: Sha256.parse(put.sha256) })
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
