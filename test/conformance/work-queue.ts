/*
 * What every work queue must keep, whatever it is made of.
 */
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { BackgroundStep } from '../../shared/domain/effect.ts'
import type { StepConsumer, StepContext, StepHandler, TakenTask, WorkQueue } from '../../shared/ports/work-queue.ts'
import { renderTaskId } from '../../shared/protocol/ids.ts'
import type { JobId } from '../../shared/protocol/ids.ts'
import { aJobId } from './farm-store-records.ts'

const JOB = aJobId(1)
const tasks = (...numbers: number[]) => numbers.map((number) => ({ taskId: renderTaskId(number), epoch: 0 }))
const encode: BackgroundStep = { step: 'encode', jobId: JOB }
const stitch = (frame: number): BackgroundStep => ({ step: 'stitch', jobId: JOB, frame })
const compare: BackgroundStep = { step: 'compare', jobId: JOB, taskId: renderTaskId(0), round: 1 }

export interface QueueUnderTest {
  readonly queue: WorkQueue
  /** The same queue as another process sees it. */
  readonly other: WorkQueue
  /** Lets time go by until locks that nobody keeps have run out; may be called again and again. */
  readonly letLocksRunOut: () => Promise<void>
  readonly consumer: (name: 'verify' | 'assemble', run: StepHandler, concurrency?: number) => StepConsumer
}

/** Takes all that waits, in order, and is done with each. */
async function drain(queue: WorkQueue, jobId: JobId): Promise<string[]> {
  const taken: string[] = []
  for (let task = await queue.takeTask(jobId); task !== null; task = await queue.takeTask(jobId)) {
    taken.push(`${task.taskId}@${task.epoch}`)
    await task.done()
  }
  return taken
}

function inHand(task: TakenTask | null): TakenTask {
  if (task === null) throw new Error('there was nothing to take')
  return task
}

/** A promise and the function that resolves it. */
function signal(): { happened: Promise<void>; happen: () => void } {
  let happen = () => {}
  const happened = new Promise<void>((resolve) => (happen = resolve))
  return { happened, happen }
}

export function workQueueSuite(name: string, open: () => Promise<QueueUnderTest>): void {
  describe(`a work queue (${name})`, () => {
    it('gives tasks in the order in which they were added, each to one taker', async () => {
      const { queue, other } = await open()
      await queue.addTasks(JOB, tasks(3, 1, 2))
      await other.addTasks(JOB, tasks(0))
      expect(await queue.waitingTasks(JOB)).toBe(4)
      const first = inHand(await other.takeTask(JOB))
      expect(first).toMatchObject({ jobId: JOB, taskId: renderTaskId(3), epoch: 0 })
      expect(await queue.waitingTasks(JOB)).toBe(3)
      await first.done()
      expect(await drain(queue, JOB)).toEqual(['r0000001@0', 'r0000002@0', 'r0000000@0'])
      expect(await other.takeTask(JOB)).toBeNull()
    })

    it('has nothing for a job it never heard of, and keeps jobs apart', async () => {
      const { queue } = await open()
      expect(await queue.takeTask(JOB)).toBeNull()
      expect(await queue.waitingTasks(JOB)).toBe(0)
      await queue.addTasks(JOB, [])
      await queue.addTasks(aJobId(2), tasks(7))
      expect(await queue.takeTask(JOB)).toBeNull()
      expect(await drain(queue, aJobId(2))).toEqual(['r0000007@0'])
    })

    it("takes a task that waits, or is in somebody's hand, no second time", async () => {
      const { queue, other } = await open()
      await queue.addTasks(JOB, tasks(0, 1, 0))
      await other.addTasks(JOB, tasks(1, 0))
      expect(await queue.waitingTasks(JOB)).toBe(2)
      const first = inHand(await queue.takeTask(JOB))
      await other.addTasks(JOB, tasks(0))
      expect(await queue.waitingTasks(JOB)).toBe(1)
      await first.done()
      expect(await drain(queue, JOB)).toEqual(['r0000001@0'])
    })

    it('takes a task again at a later epoch, and again once it is done', async () => {
      const { queue } = await open()
      await queue.addTasks(JOB, tasks(0))
      await queue.addTasks(JOB, [{ taskId: renderTaskId(0), epoch: 3 }])
      expect(await drain(queue, JOB)).toEqual(['r0000000@0', 'r0000000@3'])
      await queue.addTasks(JOB, tasks(0))
      expect(await drain(queue, JOB)).toEqual(['r0000000@0'])
    })

    it('puts what is given back in front', async () => {
      const { queue } = await open()
      await queue.addTasks(JOB, tasks(0, 1, 2))
      await inHand(await queue.takeTask(JOB)).giveBack()
      expect(await queue.waitingTasks(JOB)).toBe(3)
      expect(await drain(queue, JOB)).toEqual(['r0000000@0', 'r0000001@0', 'r0000002@0'])
    })

    it('gives every one of many takers another task', async () => {
      const { queue, other } = await open()
      await queue.addTasks(JOB, tasks(...Array.from({ length: 1_100 }, (_, at) => at)))
      const taken = await Promise.all(Array.from({ length: 40 }, (_, at) => (at % 2 ? queue : other).takeTask(JOB)))
      expect(new Set(taken.map((task) => inHand(task).taskId)).size).toBe(40)
      expect(await queue.waitingTasks(JOB)).toBe(1_060)
    })

    it('gives a task back that was taken by a coordinator that died', async () => {
      const { queue, other, letLocksRunOut } = await open()
      await queue.addTasks(JOB, tasks(0, 1))
      const lost = inHand(await queue.takeTask(JOB))
      await inHand(await other.takeTask(JOB)).done()
      const again = await vi.waitFor(async () => {
        await letLocksRunOut()
        return inHand(await other.takeTask(JOB))
      }, 5_000)
      expect(again).toMatchObject({ taskId: renderTaskId(0), epoch: 0 })

      // whoever had it and was only slow can neither finish it nor give it back any more
      await lost.done()
      await lost.giveBack()
      expect(await other.waitingTasks(JOB)).toBe(0)
      await again.giveBack()
      expect(await other.waitingTasks(JOB)).toBe(1)
    })

    it('counts what a dead coordinator had as waiting, without anybody asking for work', async () => {
      const { queue, other, letLocksRunOut } = await open()
      await queue.addTasks(JOB, tasks(0))
      await queue.takeTask(JOB)
      expect(await other.waitingTasks(JOB)).toBe(0)
      await vi.waitFor(async () => {
        await letLocksRunOut()
        expect(await other.waitingTasks(JOB)).toBe(1)
      }, 5_000)
    })

    it('gives tasks of a job that was let go of', async () => {
      const { queue } = await open()
      await queue.addTasks(JOB, tasks(0, 1))
      const held = inHand(await queue.takeTask(JOB))
      await queue.letGoOfJob(JOB)
      await queue.letGoOfJob(aJobId(9))
      await held.done()
      expect(await drain(queue, JOB)).toEqual(['r0000001@0'])
    })

    it('drops all that waits for a job, and does not mind who still has something in hand', async () => {
      const { queue, other } = await open()
      await queue.addTasks(JOB, tasks(...Array.from({ length: 50 }, (_, at) => at)))
      const first = inHand(await queue.takeTask(JOB))
      const second = inHand(await other.takeTask(JOB))
      await queue.dropJob(JOB)
      await queue.dropJob(JOB)
      await first.done()
      await second.giveBack()
      expect(await queue.waitingTasks(JOB)).toBe(0)
      expect(await other.takeTask(JOB)).toBeNull()
    })
  })

  describe(`background steps (${name})`, () => {
    const consumers: StepConsumer[] = []
    afterEach(async () => {
      await Promise.all(consumers.splice(0).map((consumer) => consumer.stop()))
    })
    async function start(
      under: QueueUnderTest,
      queue: 'verify' | 'assemble',
      run: StepHandler,
      concurrency = 1,
    ): Promise<StepConsumer> {
      const consumer = under.consumer(queue, run, concurrency)
      consumers.push(consumer)
      await consumer.start()
      return consumer
    }

    it('run in the order in which they were added, each in its own queue', async () => {
      const under = await open()
      const steps: BackgroundStep[] = [
        stitch(-2),
        { step: 'deliver', jobId: JOB, frame: 1 },
        encode,
        { step: 'erase', jobId: JOB },
      ]
      for (const step of [...steps, compare]) await under.queue.addStep(step)
      const assembled: BackgroundStep[] = []
      const verified: BackgroundStep[] = []
      await start(under, 'assemble', async (step) => void assembled.push(step))
      await start(under, 'verify', async (step) => void verified.push(step))
      await vi.waitFor(() => expect([assembled.length, verified.length]).toEqual([4, 1]), 5_000)
      expect(assembled).toEqual(steps)
      expect(verified).toEqual([compare])
    })

    it('run once when they were added twice, and again when they are added again', async () => {
      const under = await open()
      for (const step of [stitch(1), stitch(1), stitch(2), stitch(1)]) await under.other.addStep(step)
      const ran: BackgroundStep[] = []
      await start(under, 'assemble', async (step) => void ran.push(step))
      await under.queue.addStep(encode)
      await vi.waitFor(() => expect(ran).toContainEqual(encode), 5_000)
      expect(ran).toEqual([stitch(1), stitch(2), encode])
      await under.queue.addStep(stitch(1))
      await vi.waitFor(() => expect(ran).toEqual([stitch(1), stitch(2), encode, stitch(1)]), 5_000)
    })

    it('run once more when they are added while they run', async () => {
      const under = await open()
      const entered = signal()
      const release = signal()
      const ran: StepContext[] = []
      await start(under, 'assemble', async (_step, context) => {
        ran.push(context)
        entered.happen()
        await release.happened
      })
      await under.queue.addStep(encode)
      await entered.happened
      await under.queue.addStep(encode)
      await under.queue.addStep(encode)
      expect(ran).toHaveLength(1)
      release.happen()
      await under.queue.addStep(stitch(9))
      await vi.waitFor(() => expect(ran).toHaveLength(3), 5_000)
    })

    it('are tried again when they throw, know how often, and know the last time', async () => {
      const under = await open()
      const tries: Pick<StepContext, 'tryNumber' | 'isLastTry'>[] = []
      await start(under, 'verify', async (_step, { tryNumber, isLastTry }) => {
        tries.push({ tryNumber, isLastTry })
        throw new Error('the store is away')
      })
      await under.queue.addStep(compare)
      await vi.waitFor(() => expect(tries).toHaveLength(8), 10_000)
      expect(tries.map(({ tryNumber }) => tryNumber)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
      expect(tries.map(({ isLastTry }) => isLastTry)).toEqual([...Array<boolean>(7).fill(false), true])

      // what failed for good does not stand in its own way
      await vi.waitFor(async () => {
        await under.queue.addStep(compare)
        expect(tries.length).toBeGreaterThan(8)
      }, 5_000)
      expect(tries[8]?.tryNumber).toBe(1)
    })

    it('finish before their consumer stops', async () => {
      const under = await open()
      const entered = signal()
      const release = signal()
      let finished = false
      const consumer = await start(under, 'assemble', async () => {
        entered.happen()
        await release.happened
        finished = true
      })
      await under.queue.addStep(encode)
      await entered.happened
      const stopped = consumer.stop()
      release.happen()
      await stopped
      await consumer.stop()
      expect(finished).toBe(true)
    })

    it('that are aborted because their consumer stops go to another one as if they had not been tried', async () => {
      const under = await open()
      const entered = signal()
      const consumer = await start(under, 'assemble', async (_step, { signal: aborted }) => {
        entered.happen()
        await new Promise((_, reject) => aborted.addEventListener('abort', () => reject(new Error('cut short'))))
      })
      await under.queue.addStep(encode)
      await entered.happened
      await consumer.stop()
      const tries: number[] = []
      await start(under, 'assemble', async (_step, { tryNumber }) => void tries.push(tryNumber))
      await vi.waitFor(() => expect(tries).toEqual([1]), 5_000)
    })
  })
}
