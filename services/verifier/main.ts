import { stepConsumer } from '../../shared/adapters/bullmq/step-consumer.ts'
import { farmImaging } from '../../shared/adapters/imaging/imaging.ts'
import { tryStep } from '../../shared/engine/results/try-step.ts'
import type { Logger } from '../../shared/ports/core.ts'
import { readConfig, type FarmConfig } from '../wiring/config.ts'
import { connectFarm } from '../wiring/connect.ts'
import { makeLog, type RunningService, stoppable, stopOnSignals } from '../wiring/process.ts'
import { scratchFolder } from '../wiring/scratch.ts'
import { compareTask } from './compare-step.ts'

/** Starts a verifier: it compares audits and writes verdicts. Any number may run. */
export async function startVerifier(config: FarmConfig, log: Logger): Promise<RunningService> {
  const connections = await connectFarm(config, log, () => config.TILEWORK_PUBLIC_URL ?? '')
  const scratchDir = await scratchFolder(config, 'verifier')
  const consumer = stepConsumer({
    redisUrl: config.REDIS_URL,
    queue: 'verify',
    concurrency: config.TILEWORK_CONCURRENCY,
    log,
    run: async (step, turn) => {
      if (step.step !== 'compare') throw new Error(`${step.step} is the assembler's`)
      await tryStep(connections.engine, step, 'comparison_failed', turn, () =>
        compareTask(connections.engine, farmImaging, scratchDir, step.jobId, step.taskId),
      )
    },
  })
  await consumer.start()
  log.info({}, 'verifier runs')
  return stoppable(async () => {
    await consumer.stop()
    await connections.close()
  })
}

/** The process `tilework verifier`. */
export async function main(env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const config = readConfig(env)
  const log = makeLog(config, 'verifier')
  const service = await startVerifier(config, log)
  stopOnSignals(service, log)
  await service.stopped
}
