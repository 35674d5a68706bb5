/**
 * Starts `produce` for up to `depth` inputs at once and yields what they give in the order of the
 * inputs. An error surfaces at its own place in that order. When the consumer stops early, everything
 * already started is waited for, so nothing runs on behind its back.
 */
export async function* inOrder<Input, Output>(
  inputs: Iterable<Input>,
  depth: number,
  produce: (input: Input) => Promise<Output>,
): AsyncGenerator<Output, void, undefined> {
  const started: Promise<Output>[] = []
  try {
    for (const input of inputs) {
      const promise = produce(input)
      // Keeps Node from calling a failure unhandled before its turn has come; the await below still gets it.
      promise.catch(() => undefined)
      started.push(promise)
      if (started.length >= depth) {
        const first = started[0]
        if (first !== undefined) yield await first
        void started.shift()
      }
    }
    for (const promise of started) yield await promise
  } finally {
    await Promise.allSettled(started)
  }
}
