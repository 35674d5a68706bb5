/*
 * What a job is after its state was lost, worked out from its journal and from what lies in the object store. What was
 * accepted stays accepted if the files it stands on are there; what was in flight is asked for again. Everything that
 * can be counted or concluded (how many tasks a frame waits for, in which state it is, whether the job is done) is so
 * from the tasks, and not believed of the journal, which may lack its last seconds or a damaged part.
 */
import { INSPECT_TASK_ID, auditTaskId, finishTaskId, type TaskId } from '../../protocol/ids.ts'
import { type JobRecord, needsFinish } from '../../protocol/job.ts'
import { finalPathKey } from '../../protocol/final-path.ts'
import { attemptKey, workKey } from '../../protocol/object-keys.ts'
import type { Attempt, FinalFile, FrameRecord, ResultFile, TaskRecord } from '../../protocol/task.ts'
import { displayPath, SOUND_PATH, stitchedPath } from '../file-names.ts'
import { actOnFrame, frameStateBy } from '../lifecycle/frame.ts'
import { jobIsOver, keepsFiles } from '../lifecycle/job.ts'
import { isOver } from '../lifecycle/task.ts'
import { askedFrames, taskNumbers, wantedFrames } from '../splitting/asked-frames.ts'
import { blankTask, newFrame, plannedPart, renderTasksOfFrame } from '../splitting/job-tasks.ts'
import { attemptOf, resultOf } from '../task/attempts.ts'
import { needsDisplay } from '../task/expected-files.ts'
import { newAudit } from '../task/hand-in.ts'

/** The newest records of one job that the journal has. */
export interface JournaledJob {
  readonly job: JobRecord
  readonly tasks: ReadonlyMap<TaskId, TaskRecord>
  readonly frames: ReadonlyMap<number, FrameRecord>
}

export interface RebuiltJob {
  readonly job: JobRecord
  readonly tasks: readonly TaskRecord[]
  readonly frames: readonly FrameRecord[]
  /** Tasks whose result counts, as it did before. */
  readonly kept: number
  /** Tasks that had a result by the journal, of which files are missing; they are rendered again. */
  readonly filesMissing: readonly TaskId[]
}

interface Surroundings {
  /** Length of an object in the store; undefined when it is not there. */
  bytesOf(key: string): number | undefined
  /** The term that begins with this recovery. */
  readonly term: number
  readonly now: number
}

/** More than a task can be leased in one term: ATTEMPTS_MAX bounds it over all of them. */
const EPOCHS_PER_TERM = 1_000

/** Epochs up to this one may have been given out before the term began. */
export function epochsBefore(term: number): number {
  return (term - 1) * EPOCHS_PER_TERM
}

export function rebuildJob(journaled: JournaledJob, around: Surroundings): RebuiltJob {
  const job: JobRecord = { ...journaled.job, epochsBefore: epochsBefore(around.term) }
  const over = jobIsOver(job.state)
  if (over && (!keepsFiles(job.state) || job.startedAt === undefined)) return rebuildEnded(journaled, job, around)
  const inspect = journaled.tasks.get(INSPECT_TASK_ID)
  if (job.state === 'inspecting') {
    const asked = inspect ?? blankTask(INSPECT_TASK_ID, 'inspect', wantedFrames(job.plan).slice(0, 1))
    return { job, tasks: [again(asked, around.now)], frames: [], kept: 0, filesMissing: [] }
  }
  const store = new Shelf(journaled, around)
  const { plan } = job
  const wanted = new Set(wantedFrames(plan))
  const tasks = new Map<TaskId, TaskRecord>(inspect?.state !== 'completed' ? [] : [[inspect.id, inspect]])
  const filesMissing: TaskId[] = []
  const take = (id: TaskId, blank: TaskRecord, isHere: (task: TaskRecord) => boolean): TaskRecord => {
    const known = journaled.tasks.get(id)
    const had = known !== undefined && (known.state === 'completed' || known.state === 'verifying')
    const here = had && (known.state === 'completed' ? isHere(known) : store.ownFilesHere(known))
    if (had && !here) filesMissing.push(id)
    // Of a job that is over, what failed has failed, and waits for a retry as it is.
    const stays = here || (over && !had && known !== undefined && isOver(known.state))
    const found = known === undefined ? blank : stays ? closed(known, around.now) : again(known, around.now)
    const task = over ? ended(found, around.now) : found
    tasks.set(id, task)
    return task
  }

  const all = plannedPart(plan, askedFrames(plan), 0, taskNumbers(plan))
  const planned = {
    tasks: all.tasks.filter((task) => task.frames.some((frame) => wanted.has(frame))),
    frames: all.frames.filter(({ number }) => wanted.has(number)),
  }
  for (const blank of planned.tasks)
    take(blank.id, blank, (task) =>
      task.frames.every((frame) => store.frameStands(frame) || store.resultHere(task, frame)),
    )
  const frames = planned.frames.map((blank): FrameRecord => {
    const { number, position } = blank
    const tasksLeft = renderTasksOfFrame(plan, position).filter((id) => tasks.get(id)?.state !== 'completed').length
    if (tasksLeft > 0) return { ...blank, tasksLeft }
    const known = journaled.frames.get(number)
    const isStitched = needsFinish(plan) && known !== undefined && store.frameStands(number)
    const finish = isStitched
      ? take(
          finishTaskId(position),
          blankTask(finishTaskId(position), 'finish', [number]),
          (task) => store.isDelivered(number) || store.resultHere(task, number),
        )
      : undefined
    const isFinished = finish?.state === 'completed'
    const isDelivered = known !== undefined && (isFinished || !needsFinish(plan)) && store.isDelivered(number)
    const { files, ...rest } = known ?? blank
    return {
      ...(isStitched || isDelivered ? rest : {}),
      ...(isDelivered && files !== undefined ? { files } : {}),
      ...{ number, position, tasksLeft },
      state: frameStateBy({ isDelivered, tasksLeft, needsFinish: needsFinish(plan), isStitched, isFinished }),
    }
  })
  for (const task of [...tasks.values()])
    for (const audit of auditsOf(task, journaled, store, around.now)) tasks.set(audit.id, audit)

  const delivered = frames.every((frame) => frame.state === 'delivered')
  const removed = takenOut(
    journaled,
    all.frames.filter(({ number }) => !wanted.has(number)),
    store,
    around.now,
  )
  return {
    job: {
      ...job,
      ...(over
        ? { files: store.stillInFinal(job.files) }
        : { state: delivered && job.state === 'encoding' ? ('encoding' as const) : ('active' as const) }),
      startedAt: job.startedAt ?? around.now,
      tasksPlanned: taskNumbers(plan),
    },
    tasks: [...tasks.values(), ...removed.tasks],
    frames: [...frames, ...removed.frames],
    kept: [...tasks.values()].filter((task) => task.state === 'completed').length,
    filesMissing,
  }
}

/**
 * Frames that were taken out of the job: what is done of them is kept for when they are asked for again, what was in
 * flight is canceled.
 */
function takenOut(
  { job, tasks, frames }: JournaledJob,
  planned: readonly FrameRecord[],
  store: Shelf,
  now: number,
): { tasks: TaskRecord[]; frames: FrameRecord[] } {
  const kept: { tasks: TaskRecord[]; frames: FrameRecord[] } = { tasks: [], frames: [] }
  for (const { number, position } of planned) {
    const ids = renderTasksOfFrame(job.plan, position)
    // A frame that is being rendered is not in the journal, its tasks are.
    const known =
      frames.get(number) ?? (ids.some((id) => tasks.has(id)) ? newFrame(job.plan, number, position) : undefined)
    if (known === undefined) continue // it was never begun, and is planned when it is asked for again
    const [delivered, stitchedHere] = [store.isDelivered(number), store.isStitched(number)]
    const stands = (task: TaskRecord) =>
      task.state === 'completed' && (store.frameStands(number) || store.resultHere(task, number))
    // Without a stitched image there is nothing to finish: that task is made anew behind the stitching.
    const own = [...ids, ...(delivered || stitchedHere ? [finishTaskId(position)] : [])].flatMap(
      (id) => tasks.get(id) ?? [],
    )
    const after = own.map((task): TaskRecord => {
      if (stands(task)) return closed(task, now)
      // A result that nobody has checked yet is checked when the frame is asked for again.
      return {
        ...(task.state !== 'completed' && store.ownFilesHere(task) ? closed(task, now) : again(task, now)),
        state: 'canceled',
      }
    })
    const { files, stitched, ...rest } = known.state === 'canceled' ? known : actOnFrame(known, 'cancel')
    kept.tasks.push(...after, ...after.flatMap((task) => auditsOf(task, { job, tasks, frames }, store, now)))
    kept.frames.push({
      ...rest,
      tasksLeft: ids.filter((id) => after.find((task) => task.id === id)?.state !== 'completed').length,
      ...(delivered && files !== undefined ? { files } : {}),
      ...(stitchedHere && stitched !== undefined ? { stitched } : {}),
    })
  }
  return kept
}

/**
 * A job that is completed, or ended before it had tasks, stays as it is. Its frames are what was delivered; files that
 * somebody took away are not listed any more. (One that failed or was canceled later goes the way of an open job: a
 * retry goes on with it.)
 */
function rebuildEnded(journaled: JournaledJob, job: JobRecord, around: Surroundings): RebuiltJob {
  const { plan } = job
  const store = new Shelf(journaled, around)
  const asked = askedFrames(plan)
  const wanted = new Set(wantedFrames(plan))
  const planned = plannedPart(plan, asked, 0, Math.min(job.tasksPlanned, taskNumbers(plan)))
  const tasks = new Map<TaskId, TaskRecord>(
    planned.tasks.filter((task) => task.frames.some((frame) => wanted.has(frame))).map((task) => [task.id, task]),
  )
  for (const task of journaled.tasks.values()) tasks.set(task.id, task)
  const left = [...tasks.values()].map((task) => ended(task, around.now))
  const numbers = new Set([
    ...planned.frames.map(({ number }) => number).filter((number) => wanted.has(number)),
    ...journaled.frames.keys(),
  ])
  const frames = asked.flatMap((number, position): FrameRecord[] => {
    if (!numbers.has(number)) return []
    const { files, ...known } = journaled.frames.get(number) ?? newFrame(plan, number, position)
    return [{ ...known, ...(files === undefined ? {} : { files: store.stillInFinal(files) }) }]
  })
  return {
    job: { ...job, files: store.stillInFinal(job.files) },
    tasks: left,
    frames,
    kept: left.filter((task) => task.state === 'completed').length,
    filesMissing: [],
  }
}

/** What of the journaled results is in the store. */
class Shelf {
  readonly #journaled: JournaledJob
  readonly #around: Surroundings

  constructor(journaled: JournaledJob, around: Surroundings) {
    this.#journaled = journaled
    this.#around = around
  }

  /**
   * Nothing needs the results of its render tasks any more: it is delivered, or stitched, and the journal knows where
   * from.
   */
  frameStands(number: number): boolean {
    const { job, tasks, frames } = this.#journaled
    const frame = frames.get(number)
    if (
      frame === undefined ||
      !renderTasksOfFrame(job.plan, frame.position).every(
        (id) => tasks.get(id)?.state === 'completed' && this.#source(tasks.get(id)) !== undefined,
      )
    )
      return false
    return this.isStitched(number) || this.isDelivered(number)
  }

  stillInFinal(files: readonly FinalFile[]): FinalFile[] {
    return files.filter((file) => {
      const key = finalPathKey(this.#journaled.job.id, file.path)
      return key !== null && this.#around.bytesOf(key) === file.bytes
    })
  }

  isStitched(number: number): boolean {
    const stitched = this.#journaled.frames.get(number)?.stitched
    return (
      stitched !== undefined &&
      this.#around.bytesOf(workKey(this.#journaled.job.id, stitchedPath(number))) === stitched.bytes
    )
  }

  /**
   * All of its files lie in `final/`, and what its video is made of is there too; so it may be with a frame that was
   * taken out of the job.
   */
  isDelivered(number: number): boolean {
    const { job, tasks, frames } = this.#journaled
    const frame = frames.get(number)
    if (
      (frame?.state !== 'delivered' && frame?.state !== 'canceled') ||
      frame.files === undefined ||
      this.stillInFinal(frame.files).length < frame.files.length
    )
      return false
    if (needsFinish(job.plan) && this.#source(tasks.get(finishTaskId(frame.position))) === undefined) return false
    if (job.plan.sound?.frame === number && this.#around.bytesOf(workKey(job.id, SOUND_PATH)) === undefined)
      return false
    return (
      job.plan.video === 'none' ||
      !needsDisplay(job.plan) ||
      this.#around.bytesOf(workKey(job.id, displayPath(number))) !== undefined
    )
  }

  /** The files of the result that counts, as far as a step will read them for this frame. */
  resultHere(task: TaskRecord, frame: number): boolean {
    const source = this.#source(task)
    if (source === undefined) return false
    const files = source.files.filter(
      (file) => file.frame === frame && (task.tile !== undefined || file.role !== 'raw'),
    )
    return files.length > 0 && this.#allHere(source.taskId, source.epoch, files)
  }

  /** What a comparison, and whoever delivers what it chose, will read of a task's own result. */
  ownFilesHere(task: TaskRecord): boolean {
    const result = resultOf(task)
    const files = result?.outcome === 'rendered' ? (result.files ?? []) : []
    return result !== undefined && files.length > 0 && this.#allHere(task.id, result.epoch, files)
  }

  #source(task: TaskRecord | undefined): { taskId: TaskId; epoch: number; files: readonly ResultFile[] } | undefined {
    const canonical = task?.canonical
    const record =
      canonical === undefined
        ? undefined
        : canonical.taskId === task?.id
          ? task
          : this.#journaled.tasks.get(canonical.taskId)
    const attempt = canonical === undefined || record === undefined ? undefined : attemptOf(record, canonical.epoch)
    return canonical === undefined || attempt?.outcome !== 'rendered'
      ? undefined
      : { ...canonical, files: attempt.files ?? [] }
  }

  #allHere(taskId: TaskId, epoch: number, files: readonly ResultFile[]): boolean {
    return files.every(
      (file) => this.#around.bytesOf(attemptKey(this.#journaled.job.id, taskId, epoch, file.name)) === file.bytes,
    )
  }
}

/**
 * Answers that are there stay, of settled questions and of results that were rejected: a new result is compared with
 * them, too. Those of a question that is still open are asked again where their answer is lost, and of other eyes.
 */
function auditsOf(task: TaskRecord, { tasks }: JournaledJob, store: Shelf, now: number): TaskRecord[] {
  const made = Array.from({ length: task.auditRounds ?? 0 }, (_, round) => auditTaskId(task.id, round + 1))
  const answered = (audit: TaskRecord | undefined): audit is TaskRecord =>
    audit?.state === 'completed' && store.ownFilesHere(audit)
  const seen = [
    ...new Set(
      [
        task,
        ...made
          .slice(task.auditsFrom ?? 0)
          .map((id) => tasks.get(id))
          .filter(answered),
      ].flatMap((each) => resultOf(each)?.workerId ?? []),
    ),
  ]
  return made.flatMap((id, round): TaskRecord[] => {
    const known = tasks.get(id)
    const asked = () => newAudit(task, round + 1, { avoid: seen })
    const isHistory = isOver(task.state) || round < (task.auditsFrom ?? 0)
    if (isHistory) return known === undefined ? [] : [ended(known, now)]
    if (answered(known)) return [known]
    if (task.state === 'verifying') return [known === undefined ? asked() : again(known, now)]
    // To be rendered anew. A comparison waits for every audit there was, so one that is lost leaves its place.
    return [{ ...(known === undefined ? asked() : again(known, now)), state: 'canceled' }]
  })
}

/** Nobody holds it: leases of the lost state are over, and nobody is to blame for that. */
function closed(task: TaskRecord, now: number): TaskRecord {
  if (task.attempts.every((attempt) => attempt.outcome !== 'running')) return task
  return {
    ...task,
    attempts: task.attempts.map((attempt) =>
      attempt.outcome === 'running' ? { ...attempt, outcome: 'released', endedAt: now } : attempt,
    ),
  }
}

/** As it is when its time is over: nobody goes on with it. */
function ended(task: TaskRecord, now: number): TaskRecord {
  return { ...closed(task, now), state: isOver(task.state) ? task.state : 'canceled' }
}

/**
 * To be rendered, with all that is known of earlier tries; a result that is lost was nobody's fault, and is none any
 * more.
 */
function again(task: TaskRecord, now: number): TaskRecord {
  const { canonical: _result, note: _note, ...rest } = closed(task, now)
  const attempts = rest.attempts.map((attempt): Attempt =>
    attempt.outcome === 'rendered' ? { ...attempt, outcome: 'released' } : attempt,
  )
  return { ...rest, attempts, state: 'queued', verdict: 'unverified' }
}
