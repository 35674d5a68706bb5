import { mkdtemp, rm } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { displayPath, frameFileName, frameName } from '../../shared/domain/file-names.ts'
import { sizesOf } from '../../shared/domain/splitting/tiles.ts'
import { sourceOfFrame } from '../../shared/domain/splitting/job-tasks.ts'
import { resultEpoch } from '../../shared/domain/task/attempts.ts'
import { reportDelivered, reportRejected } from '../../shared/engine/results/step-reports.ts'
import { type JobId, Sha256 } from '../../shared/protocol/ids.ts'
import { finalKey, type ObjectKey, workKey } from '../../shared/protocol/object-keys.ts'
import { IMAGE_CONTENT_TYPES } from '../../shared/protocol/render-settings.ts'
import type { FinalFile } from '../../shared/protocol/task.ts'
import type { JobPlan } from '../../shared/protocol/job.ts'
import type { Imaging } from '../../shared/ports/imaging.ts'
import { canonicalFiles, withRole } from './canonical-file.ts'
import type { AssemblerContext } from './context.ts'

/** Width of the pictures that pages show, in pixels. */
const PREVIEW_WIDTH = 480

/** Copies the frame that counts into `final/`, after reading the whole of it, and makes its preview. */
export async function deliverFrame(
  { engine, imaging, scratchDir }: AssemblerContext,
  jobId: JobId,
  frame: number,
): Promise<void> {
  const [job, [record]] = await Promise.all([engine.store.job(jobId), engine.store.frames(jobId, [frame])])
  if (job === null || record == null || job.value.state !== 'active' || record.value.state !== 'delivering') return
  const { plan } = job.value
  const [source] = await engine.store.tasks(jobId, [sourceOfFrame(plan, record.value.position)])
  if (source == null || source.value.state !== 'completed') return
  const task = source.value
  const dir = await mkdtemp(join(scratchDir, 'deliver-'))
  try {
    const files = (await canonicalFiles(engine, jobId, task, frame)).filter((file) => file.role !== 'raw')
    const local = new Map<string, string>()
    const unread = new Set<string>()
    for (const file of files) {
      const path = join(dir, file.name)
      const download = await engine.objects.download(file.key, path, {
        bytesMax: file.bytes,
        bytes: file.bytes,
        sha256: file.sha256,
      })
      if (!download.ok)
        return await reportRejected(engine, {
          jobId,
          taskId: task.id,
          epoch: resultEpoch(task),
          reason: `${file.name}: ${download.message}`,
        })
      const checked = file.role === 'extra' ? ({ ok: true } as const) : await checkSize(imaging, path, plan)
      // An EXR in a compression that only others read (PIZ, DWAA, …) is the artist's choice; its hash and its display
      // image are checked.
      if (!checked.ok && checked.code !== 'unsupported')
        return await reportRejected(engine, {
          jobId,
          taskId: task.id,
          epoch: resultEpoch(task),
          reason: `${file.name}: ${checked.message}`,
        })
      if (!checked.ok) unread.add(file.name)
      local.set(file.name, path)
    }
    const final = withRole(files, 'final')
    if (final === undefined) throw new Error(`task ${task.id} has no final file of frame ${frame}`)
    const shown = withRole(files, 'display') ?? final
    const preview = join(dir, 'preview.jpg')
    const made = await imaging.preview(local.get(shown.name) ?? '', preview, PREVIEW_WIDTH)
    if (!made.ok) {
      const fault = unread.has(shown.name) ? 'farm' : 'worker'
      return await reportRejected(engine, {
        jobId,
        taskId: task.id,
        epoch: resultEpoch(task),
        reason: `${shown.name}: ${made.message}`,
        fault,
      })
    }

    const delivered: FinalFile[] = []
    const deliver = async (key: ObjectKey, path: string, below: string, contentType: string) => {
      const put = await engine.objects.put(key, { filePath: path }, { contentType })
      if (!put.ok) throw new Error(`${below} was not stored: ${put.message}`)
      delivered.push({ path: below, bytes: put.bytes, sha256: Sha256.parse(put.sha256), contentType })
    }
    const name = frameFileName(frame, plan.format)
    await deliver(
      finalKey(jobId, 'frames', name),
      local.get(final.name) ?? '',
      `frames/${name}`,
      IMAGE_CONTENT_TYPES[plan.format],
    )
    for (const extra of files.filter((file) => file.role === 'extra')) {
      await deliver(
        finalKey(jobId, 'frames', extra.name),
        local.get(extra.name) ?? '',
        `frames/${extra.name}`,
        contentTypeOf(extra.name),
      )
    }
    await deliver(
      finalKey(jobId, 'previews', `${frameName(frame)}.jpg`),
      preview,
      `previews/${frameName(frame)}.jpg`,
      'image/jpeg',
    )
    if (shown !== final)
      await engine.objects.put(
        workKey(jobId, displayPath(frame)),
        { filePath: local.get(shown.name) ?? '' },
        { contentType: 'image/png' },
      )
    await reportDelivered(engine, jobId, frame, delivered, task)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** Reads the whole file; refused as for the usual size where it has none that the plan allows. */
async function checkSize(imaging: Imaging, path: string, plan: JobPlan): ReturnType<Imaging['check']> {
  const [usual = plan, ...others] = sizesOf(plan)
  const checked = await imaging.check(path, usual)
  for (const size of others) {
    if (checked.ok || checked.code !== 'sizes_differ') break
    const other = await imaging.check(path, size)
    if (other.ok) return other
  }
  return checked
}

const BY_EXTENSION: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.exr': 'image/x-exr',
  '.tif': 'image/tiff',
  '.webp': 'image/webp',
}

function contentTypeOf(name: string): string {
  return BY_EXTENSION[extname(name)] ?? 'application/octet-stream'
}
