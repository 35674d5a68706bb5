import { MemoryStepConsumer } from '../../shared/adapters/memory/step-consumer.ts'
import { MemoryWorkQueue } from '../../shared/adapters/memory/work-queue.ts'
import { NOW } from './farm-store-records.ts'
import { workQueueSuite } from './work-queue.ts'

workQueueSuite('memory', async () => {
  let now = NOW
  const queue = new MemoryWorkQueue({ now: () => now })
  const letLocksRunOut = async () => {
    now += 15_000
  }
  return { queue, other: queue, letLocksRunOut, consumer: (name, run) => new MemoryStepConsumer(queue, name, run) }
})
