import { beforeEach, describe, expect, test, vi } from 'vitest'
import { manifestText } from '../../../../services/assembler/manifest.ts'
import { plannedPart } from '../../../../shared/domain/splitting/job-tasks.ts'
import { commitOf } from '../../../../shared/engine/commit/commit.ts'
import { auditTaskId, finishTaskId, renderTaskId, type TaskId } from '../../../../shared/protocol/ids.ts'
import { Manifest } from '../../../../shared/protocol/manifest.ts'
import type { TaskRecord } from '../../../../shared/protocol/task.ts'
import { EngineFarm } from '../../../integration/engine/engine-farm.ts'
import { aFinish, aFrame, aJob, anAttempt, aPlan, aTask, aWorker, HASH, NOW, worker } from '../../domain/records.ts'

const [ANNA, BERT, CARL] = [worker('anna'), worker('bert'), worker('carl')]
/** In the order of their positions: frame 0 was asked for when the job ran already. */
const NUMBERS = [...Array.from({ length: 399 }, (_, index) => index + 1), 0]
const JOB = aJob({
  state: 'encoding',
  plan: aPlan({
    frames: '0-399',
    frameCount: 400,
    renderTaskCount: 800,
    tiles: { columns: 2, rows: 1, overscanPx: 0 },
    auditRate: 0.1,
  }),
})
const FILE = { path: 'frames/0007.png', bytes: 5, sha256: HASH, contentType: 'image/png' }
const VIDEO = { path: 'video/sea.mp4', bytes: 9, sha256: HASH, contentType: 'video/mp4' }
const PAGE = 500

let farm: EngineFarm
beforeEach(async () => {
  farm = new EngineFarm()
  for (const name of ['anna', 'bert', 'carl']) await farm.store.putWorker(aWorker(name))
  const planned = plannedPart(JOB.plan, NUMBERS, 0, 800)
  const done = (task: TaskRecord, by = ANNA): TaskRecord => ({
    ...task,
    state: 'completed',
    epoch: 1,
    attempts: [anAttempt(1, by, { outcome: 'rendered' })],
    canonical: { taskId: task.id, epoch: 1 },
  })
  const audit = (of: TaskId, round: number, verdict: TaskRecord['verdict']) => ({
    ...done(aTask({ id: auditTaskId(of, round), kind: 'audit', audits: of }), BERT),
    verdict,
  })
  const tasks = [
    ...planned.tasks.map((task) =>
      done(task.id === renderTaskId(13) ? { ...task, auditRounds: 3, auditsFrom: 2 } : task),
    ),
    ...NUMBERS.map((number, position) =>
      done(aFinish({ id: finishTaskId(position), frames: [number], ...(position === 399 ? { auditRounds: 1 } : {}) })),
    ),
    audit(renderTaskId(13), 1, 'agreed'),
    audit(renderTaskId(13), 2, 'refuted'),
    aTask({ id: auditTaskId(renderTaskId(13), 3), kind: 'audit', state: 'canceled', audits: renderTaskId(13) }),
    audit(finishTaskId(399), 1, 'agreed'),
    // Of a frame that was taken out of the job.
    done(aTask({ id: renderTaskId(800), frames: [400] }), CARL),
  ]
  const frames = [
    ...planned.frames.map((frame) => ({
      ...frame,
      state: 'delivered' as const,
      tasksLeft: 0,
      ...(frame.number === 7 ? { files: [FILE] } : {}),
    })),
    aFrame({ number: 400, position: 400, state: 'canceled' }),
  ]
  const { jobVersion: _, ...commit } = commitOf(
    { job: { version: 0, value: JOB }, tasks: new Map(), frames: new Map() },
    { ok: true, job: JOB, tasks, frames },
    NOW,
    0,
  )
  expect((await farm.store.commit(JOB.id, commit, NOW)).ok).toBe(true)
})

describe('the manifest', () => {
  test('tells of each frame that was asked for, its tasks, their audits, and everybody who had one', async () => {
    const pieces: string[] = []
    for await (const piece of manifestText(farm.engine, JOB, [VIDEO])) pieces.push(piece)
    const text = pieces.join('')
    expect(text).toBe(`${JSON.stringify(JSON.parse(text), null, 1)}\n`)
    const manifest = Manifest.parse(JSON.parse(text))
    expect(manifest).toMatchObject({
      job: { id: JOB.id, completedAt: new Date(farm.clock.now()).toISOString() },
      plan: JOB.plan,
      scene: JOB.scene,
      files: [VIDEO],
    })
    expect(manifest.frames.map(({ number }) => number)).toEqual(Array.from({ length: 400 }, (_, number) => number))
    for (const { number, files, tasks } of manifest.frames) {
      const position = NUMBERS.indexOf(number)
      const [left, right, finish] = [renderTaskId(position * 2), renderTaskId(position * 2 + 1), finishTaskId(position)]
      const audits = (of: TaskId) =>
        (of === renderTaskId(13) ? [1, 2, 3] : of === finishTaskId(399) ? [1] : []).map((round) =>
          auditTaskId(of, round),
        )
      expect(tasks.map(({ id }) => id)).toEqual([left, right, finish].flatMap((id) => [id, ...audits(id)]))
      expect(files).toEqual(number === 7 ? [FILE] : [])
    }
    expect(manifest.audits).toEqual({ rate: 0.1, made: 3, agreed: 2, refuted: 1 })
    expect(manifest.workers.map(({ id }) => id).sort()).toEqual([ANNA, BERT, CARL])
  })

  test('of a long job is made from a page of its records at a time', async () => {
    const [tasks, list] = [vi.spyOn(farm.store, 'tasks'), vi.spyOn(farm.store, 'listTasks')]
    const text = manifestText(farm.engine, JOB, [])
    for (let piece = 0; piece < 3; piece++) await text.next()
    const begun = tasks.mock.calls.length
    expect(begun).toBeLessThanOrEqual(2)
    expect(list).not.toHaveBeenCalled()
    for await (const _piece of text)
      expect(
        Math.max(...tasks.mock.calls.map(([, ids]) => ids.length), ...list.mock.calls.map(([, { limit }]) => limit)),
      ).toBeLessThanOrEqual(PAGE)
    expect(tasks.mock.calls.length).toBeGreaterThan(begun)
    expect(list).toHaveBeenCalled()
  })
})
