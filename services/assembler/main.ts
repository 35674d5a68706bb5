import { stepConsumer } from '../../shared/adapters/bullmq/step-consumer.ts'
import { ffmpegEncoder } from '../../shared/adapters/imaging/encode-video.ts'
import { farmImaging } from '../../shared/adapters/imaging/imaging.ts'
import type { Logger } from '../../shared/ports/core.ts'
import { readConfig, type FarmConfig } from '../wiring/config.ts'
import { connectFarm } from '../wiring/connect.ts'
import { makeLog, type RunningService, stoppable, stopOnSignals } from '../wiring/process.ts'
import { scratchFolder } from '../wiring/scratch.ts'
import { runAssemblerStep } from './run-step.ts'

/** Starts an assembler: it stitches, delivers and encodes. Any number may run. */
export async function startAssembler(config: FarmConfig, log: Logger): Promise<RunningService> {
  const connections = await connectFarm(config, log, () => config.TILEWORK_PUBLIC_URL ?? '')
  const context = {
    engine: connections.engine,
    imaging: farmImaging,
    video: ffmpegEncoder(config.TILEWORK_FFMPEG),
    scratchDir: await scratchFolder(config, 'assembler'),
  }
  const consumer = stepConsumer({
    redisUrl: config.REDIS_URL,
    queue: 'assemble',
    concurrency: config.TILEWORK_CONCURRENCY,
    log,
    run: (step, turn) => runAssemblerStep(context, step, turn),
  })
  await consumer.start()
  log.info({}, 'assembler runs')
  return stoppable(async () => {
    await consumer.stop()
    await connections.close()
  })
}

/** The process `tilework assembler`. */
export async function main(env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const config = readConfig(env)
  const log = makeLog(config, 'assembler')
  const service = await startAssembler(config, log)
  stopOnSignals(service, log)
  await service.stopped
}
