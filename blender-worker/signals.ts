import type { RunningWorker } from './main.ts'

/** The first SIGTERM or SIGINT drains, the second leaves at once. Gives the function that stops listening. */
export function leaveOnSignals(
  worker: Pick<RunningWorker, 'drain' | 'stop'>,
  source: NodeJS.EventEmitter = process,
): () => void {
  let signals = 0
  const onSignal = (): void => {
    signals++
    if (signals === 1) worker.drain()
    else void worker.stop()
  }
  source.on('SIGTERM', onSignal)
  source.on('SIGINT', onSignal)
  return () => {
    source.off('SIGTERM', onSignal)
    source.off('SIGINT', onSignal)
  }
}
