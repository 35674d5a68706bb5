import { beforeEach, describe, expect, test } from 'vitest'
import { answerOf, type LeaseMessage } from '../../../../services/coordinator/lease-answer.ts'
import { attemptKey } from '../../../../shared/protocol/object-keys.ts'
import { submitJob } from '../../../../shared/engine/jobs/submit-job.ts'
import type { Lease } from '../../../../shared/protocol/messages.ts'
import { EngineFarm } from '../../../integration/engine/engine-farm.ts'
import type { ScriptedWorker } from '../../../integration/engine/scripted-worker.ts'
import { LIMITS } from '../../../../shared/protocol/limits.ts'
import { aFile, aScene, anInspection, HASH } from '../../domain/records.ts'

let farm: EngineFarm
let anna: ScriptedWorker
let lease: Lease
let ref: Pick<Lease, 'jobId' | 'taskId' | 'epoch'>

beforeEach(async () => {
  farm = new EngineFarm()
  anna = await farm.connect('anna')
  await farm.submit({ frames: '1' })
  begin()
})

function begin(): void {
  lease = anna.next()
  ref = { jobId: lease.jobId, taskId: lease.taskId, epoch: lease.epoch }
}

/** A message without the lease that it is about. */
type Said<Message> = Message extends LeaseMessage ? Omit<Message, keyof typeof ref> : never

const say = (message: Said<LeaseMessage>) =>
  answerOf(farm.engine, anna.heldLease(lease), { ...message, ...ref } as LeaseMessage)
const result = (of = anna.filesOf(lease)) =>
  say({ type: 'result', files: of.map(({ file }) => file), renderSeconds: 1, peakMemoryBytes: 1 })
const attempts = async () => (await farm.tasks(lease.jobId)).find(({ id }) => id === lease.taskId)?.attempts

describe('what a worker says of a lease', () => {
  test('is a result: it is asked for files, and released when they are there', async () => {
    const made = anna.filesOf(lease)
    const asked = await result(made)
    expect(asked).toEqual({
      lease: 'delivering',
      say: { type: 'upload', ...ref, files: [expect.objectContaining({ name: 'final-1', method: 'PUT' })] },
    })
    for (const { file, line } of made)
      await farm.objects.put(attemptKey(lease.jobId, lease.taskId, lease.epoch, file.name), Buffer.from(line), {
        contentType: 'application/octet-stream',
      })
    expect(await say({ type: 'uploaded' })).toEqual({ lease: 'over', say: { type: 'release', ...ref }, ended: 'well' })
  })

  test('is a result of other files than were asked for: it is refused, and a failure', async () => {
    expect(await result(anna.filesOf(lease).slice(1))).toEqual({
      lease: 'over',
      say: { type: 'refused', code: 'result_invalid', message: expect.any(String), lease: ref },
      ended: 'output_invalid',
    })
    expect(await attempts()).toMatchObject([{ outcome: 'failed', failure: { code: 'output_invalid' } }])
  })

  test(
    'is a result with more File Output files than a frame may ' + 'have: it is refused, and the scene is to blame',
    async () => {
      const extras = Array.from({ length: LIMITS.extraFilesPerFrameMax + 1 }, (_, at) =>
        aFile('extra', 1, { name: `0001.extra${at}.png` }),
      )
      const refused = await result([...anna.filesOf(lease), ...extras.map((file) => ({ file, line: '' }))])
      expect(refused).toEqual({
        lease: 'over',
        say: {
          type: 'refused',
          code: 'files_too_many',
          message: expect.stringContaining('251 files beside frame 1'),
          lease: ref,
        },
        ended: 'blender_error',
      })
      expect(await attempts()).toMatchObject([
        { outcome: 'failed', failure: { code: 'blender_error', message: expect.stringContaining('250 is the limit') } },
      ])
      expect((await farm.store.listWorkers()).map((worker) => worker.tasksFailed)).toEqual([0])
    },
  )

  test('is a result that cannot be stored: it is refused, the lease goes back, and nobody is to blame', async () => {
    const [first, ...others] = anna.filesOf(lease)
    if (first === undefined) throw new Error('the task has files')
    const refused = await result([
      { ...first, file: { ...first.file, name: 'a.name.with.a.dot.at.the.end.' } },
      ...others,
    ])
    expect(refused).toEqual({
      lease: 'over',
      say: {
        type: 'refused',
        code: 'internal',
        message: expect.stringMatching(
          /^task r0000000 cannot be stored: attempts\.0\.files\.0\.name: a file name must be/,
        ),
        lease: ref,
      },
      ended: 'interrupted',
    })
    expect(await attempts()).toMatchObject([
      { outcome: 'failed', failure: { code: 'interrupted', message: expect.stringContaining('cannot be stored') } },
    ])
    expect((await farm.store.listWorkers()).map((worker) => worker.tasksFailed)).toEqual([0])
  })

  test('is that files were sent which are not there: it is refused, and nobody is to blame', async () => {
    await result()
    expect(await say({ type: 'uploaded' })).toEqual({
      lease: 'over',
      say: { type: 'refused', code: 'upload_incomplete', message: expect.any(String), lease: ref },
    })
    expect(await attempts()).toMatchObject([{ outcome: 'failed', failure: { code: 'upload_failed' } }])
  })

  test('is a failure: it is released, and refused when its lease is over already', async () => {
    const failure = { type: 'failure', failure: { code: 'gpu_error', message: 'the card fell off' } } as const
    expect(await say(failure)).toEqual({ lease: 'over', say: { type: 'release', ...ref }, ended: 'gpu_error' })
    expect(await say(failure)).toEqual({
      lease: 'over',
      say: { type: 'refused', code: 'lease_stale', message: expect.any(String), lease: ref },
    })
  })

  test('is that it gives the task back: there is nothing to say, unless it has it no more', async () => {
    expect(await say({ type: 'released' })).toEqual({ lease: 'over' })
    expect(await say({ type: 'released' })).toMatchObject({
      lease: 'over',
      say: { type: 'refused', code: 'lease_stale' },
    })
  })

  test('is what it found in a scene: it is released, and the job is planned at once', async () => {
    await anna.finishAll()
    await farm.store.putScene(aScene())
    const submitted = await submitJob(farm.engine, 'ada', { scene: HASH, auditRate: 0, video: 'none', frames: '1-3' })
    await farm.quiet()
    begin()
    expect(await say({ type: 'inspected', inspection: anInspection(), seconds: 1 })).toEqual({
      lease: 'over',
      say: { type: 'release', ...ref },
    })
    await farm.quiet()
    expect(submitted.ok && (await farm.job(submitted.job.id)).state).toBe('active')
  })
})
