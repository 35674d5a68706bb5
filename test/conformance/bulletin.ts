/*
 * What every bulletin must keep, whatever it is made of.
 */
import { describe, expect, it, vi } from 'vitest'
import type { Bulletin, Notice } from '../../shared/ports/work-queue.ts'
import { renderTaskId } from '../../shared/protocol/ids.ts'
import { aJobId } from './farm-store-records.ts'

const waiting = (number: number): Notice => ({ type: 'work_waiting', jobId: aJobId(number) })
const EVERY: Notice[] = [
  waiting(1),
  { type: 'job_changed', jobId: aJobId(1) },
  {
    type: 'lease_canceled',
    jobId: aJobId(1),
    taskId: renderTaskId(0),
    epoch: 2,
    workerId: 'wrk_fast',
    reason: 'the job was canceled',
  },
]

/** `open` gives one bulletin as two processes see it. */
export function bulletinSuite(name: string, open: () => { here: Bulletin; there: Bulletin }): void {
  describe(`a bulletin (${name})`, () => {
    it('brings notices of every kind, in order, to all who listen, the publisher among them', async () => {
      const { here, there } = open()
      const heard: Notice[][] = [[], [], []]
      const ends = [
        await here.subscribe((notice) => heard[0]?.push(notice)),
        await there.subscribe((notice) => heard[1]?.push(notice)),
        await there.subscribe((notice) => heard[2]?.push(notice)),
      ]
      for (const notice of EVERY) await here.publish(notice)
      await vi.waitFor(() => expect(heard).toEqual([EVERY, EVERY, EVERY]), 5_000)
      for (const end of ends) await end()
    })

    it('brings nothing more to a listener that ended, and goes on for the others', async () => {
      const { here, there } = open()
      const ended: Notice[] = []
      const stayed: Notice[] = []
      const end = await there.subscribe((notice) => ended.push(notice))
      const endOther = await there.subscribe((notice) => stayed.push(notice))
      await end()
      await end()
      await here.publish(waiting(1))
      await vi.waitFor(() => expect(stayed).toEqual([waiting(1)]), 5_000)
      expect(ended).toEqual([])
      await endOther()
    })

    it('can be listened to again after everybody had gone', async () => {
      const { here, there } = open()
      await (
        await there.subscribe(() => {})
      )()
      const heard: Notice[] = []
      const end = await there.subscribe((notice) => heard.push(notice))
      await here.publish(waiting(2))
      await vi.waitFor(() => expect(heard).toEqual([waiting(2)]), 5_000)
      await end()
    })

    it('lets a listener that throws harm neither the publisher nor the others', async () => {
      const { here, there } = open()
      const heard: Notice[] = []
      const endBad = await there.subscribe(() => {
        throw new Error('a listener broke')
      })
      const end = await there.subscribe((notice) => heard.push(notice))
      await here.publish(waiting(1))
      await here.publish(waiting(2))
      await vi.waitFor(() => expect(heard).toEqual([waiting(1), waiting(2)]), 5_000)
      await endBad()
      await end()
    })
  })
}
