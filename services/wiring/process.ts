import { pino } from 'pino'
import type { Logger } from '../../shared/ports/core.ts'
import type { FarmConfig } from './config.ts'

/**
 * A running service: `stop` lets it finish what it is at; `stopped` resolves when it has ended, for whatever reason.
 */
export interface RunningService {
  stop(): Promise<void>
  readonly stopped: Promise<void>
}

export function makeLog(config: Pick<FarmConfig, 'LOG_LEVEL'>, service: string): Logger {
  return pino({
    level: config.LOG_LEVEL,
    base: { service },
    // Errors are logged under `error`; without this they would print as {}.
    serializers: { error: pino.stdSerializers.err },
    redact: ['*.authorization', '*.url', '*.token'],
  })
}

/** A service that ends by `stop`, once, however often it is asked. */
export function stoppable(stop: () => Promise<void>): RunningService {
  let ended: () => void = () => {}
  const stopped = new Promise<void>((resolve) => (ended = resolve))
  let stopping: Promise<void> | null = null
  return { stopped, stop: () => (stopping ??= stop().finally(ended)) }
}

/** Stops the service at SIGTERM and SIGINT; a second signal ends the process at once. */
export function stopOnSignals(service: RunningService, log: Logger): void {
  let asked = false
  const onSignal = (signal: NodeJS.Signals) => {
    if (asked) process.exit(130)
    asked = true
    log.info({ signal }, 'stopping')
    service.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ error }, 'did not stop cleanly')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
}
