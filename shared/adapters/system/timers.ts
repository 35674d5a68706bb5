/**
 * Resolves after `ms` milliseconds, or at once when the signal is aborted; it does not keep the process alive by itself
 * if `background`.
 */
export function pause(ms: number, options: { signal?: AbortSignal; background?: boolean } = {}): Promise<void> {
  return new Promise((done) => {
    if (options.signal?.aborted) return done()
    const over = () => {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', over)
      done()
    }
    const timer = setTimeout(over, ms)
    if (options.background) timer.unref()
    options.signal?.addEventListener('abort', over)
  })
}

/** Calls `act` once after `ms` milliseconds, unless what it gives back is called before. */
export function after(ms: number, act: () => void): () => void {
  const timer = setTimeout(act, ms)
  return () => clearTimeout(timer)
}
