import { attemptOf } from '../../shared/domain/task/attempts.ts'
import type { Engine } from '../../shared/engine/context.ts'
import type { JobId } from '../../shared/protocol/ids.ts'
import { attemptKey, type ObjectKey } from '../../shared/protocol/object-keys.ts'
import type { FileRole, ResultFile, TaskRecord } from '../../shared/protocol/task.ts'

/** Files of the result that counts for a task, for one frame of it, and where they lie. */
export async function canonicalFiles(
  engine: Engine,
  jobId: JobId,
  task: TaskRecord,
  frame: number,
): Promise<(ResultFile & { key: ObjectKey })[]> {
  const canonical = task.canonical
  if (canonical === undefined) throw new Error(`task ${task.id} is ${task.state} and has no result that counts`)
  const [source] =
    canonical.taskId === task.id ? [{ value: task }] : await engine.store.tasks(jobId, [canonical.taskId])
  const files = source == null ? [] : (attemptOf(source.value, canonical.epoch)?.files ?? [])
  return files
    .filter((file) => file.frame === frame)
    .map((file) => ({ ...file, key: attemptKey(jobId, canonical.taskId, canonical.epoch, file.name) }))
}

export function withRole<T extends ResultFile>(files: readonly T[], role: FileRole): T | undefined {
  return files.find((file) => file.role === role)
}
