import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { displayPath, extraPath, frameFileName, frameName, SOUND_PATH } from '../../shared/domain/file-names.ts'
import { sizesOf } from '../../shared/domain/splitting/tiles.ts'
import { sourceOfFrame } from '../../shared/domain/splitting/job-tasks.ts'
import { resultEpoch } from '../../shared/domain/task/attempts.ts'
import { reportDelivered, reportRejected } from '../../shared/engine/results/step-reports.ts'
import { contentTypeOfKey } from '../../shared/protocol/content-types.ts'
import { finalPathKey } from '../../shared/protocol/final-path.ts'
import { type JobId, Sha256 } from '../../shared/protocol/ids.ts'
import { workKey } from '../../shared/protocol/object-keys.ts'
import { IMAGE_EXTENSIONS } from '../../shared/protocol/render-settings.ts'
import type { FileRole, FinalFile } from '../../shared/protocol/task.ts'
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
      const checked = file.role === 'extra' ? ({ ok: true } as const) : await checkFile(imaging, path, file.role, plan)
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
    const deliver = async (
      path: string,
      filePath: string,
      contentType: string,
      by: Pick<FinalFile, 'node' | 'slot'> = {},
    ) => {
      const key = finalPathKey(jobId, path)
      if (key === null) throw new Error(`${path} is no path of a delivered file`)
      const put = await engine.objects.put(key, { filePath }, { contentType })
      if (!put.ok) throw new Error(`${path} was not stored: ${put.message}`)
      delivered.push({ path, bytes: put.bytes, sha256: Sha256.parse(put.sha256), contentType, ...by })
    }
    const name = frameFileName(frame, plan.format)
    await deliver(`frames/${name}`, local.get(final.name) ?? '', contentTypeOfKey(name))
    for (const extra of files.filter((file) => file.role === 'extra')) {
      const { path: _path, ...by } = extra.place ?? { path: '' }
      await deliver(extraPath(extra), local.get(extra.name) ?? '', contentTypeOfKey(extra.name), by)
    }
    await deliver(`previews/${frameName(frame)}.jpg`, preview, 'image/jpeg')
    if (shown !== final)
      await engine.objects.put(
        workKey(jobId, displayPath(frame)),
        { filePath: local.get(shown.name) ?? '' },
        { contentType: 'image/png' },
      )
    const sound = withRole(files, 'sound')
    if (sound !== undefined)
      await engine.objects.put(
        workKey(jobId, SOUND_PATH),
        { filePath: local.get(sound.name) ?? '' },
        { contentType: 'audio/wav' },
      )
    await reportDelivered(engine, jobId, frame, delivered, task)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** Is it the kind of image or sound that was asked for, whole, and of the right size? */
async function checkFile(imaging: Imaging, path: string, role: FileRole, plan: JobPlan): ReturnType<Imaging['check']> {
  if (role === 'sound')
    return plan.sound === undefined
      ? { ok: false, code: 'wrong_kind', message: 'the job has no sound' }
      : imaging.checkSound(path, plan.sound)
  const wanted = role === 'display' ? 'png' : IMAGE_EXTENSIONS[plan.format]
  const found = await imaging.ending(path)
  return found === wanted
    ? checkSize(imaging, path, plan)
    : {
        ok: false,
        code: 'wrong_kind',
        message: `a .${wanted} image was asked for, and this is ${found === undefined ? 'none' : `a .${found} image`}`,
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
