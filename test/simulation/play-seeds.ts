import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { type Run, simulate } from './simulate.ts'

/**
 * Plays the seeds that `next` gives, until it gives null, on so many threads; `played` hears of each run, in the order
 * they end. A thread has clocks, timers and globals of its own, so a seed plays the same on any of them.
 */
export async function playSeeds(next: () => number | null, threads: number, played: (run: Run) => void): Promise<void> {
  await Promise.all(
    Array.from({ length: threads }, async () => {
      const thread = new Worker(new URL(import.meta.url))
      const failed = new Promise<never>((_, reject) => thread.once('error', reject))
      for (let seed = next(); seed !== null; seed = next()) {
        const run = new Promise<Run>((resolve) => thread.once('message', resolve))
        thread.postMessage(seed)
        played(await Promise.race([run, failed]))
      }
      await thread.terminate()
    }),
  )
}

if (!isMainThread)
  parentPort?.on('message', (seed: number) => void simulate(seed).then((run) => parentPort?.postMessage(run)))
