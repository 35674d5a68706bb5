/** Does it for all, so many at a time; stops beginning new ones at the first that throws, and throws its error. */
export async function eachAtOnce<T>(all: readonly T[], atOnce: number, work: (one: T) => Promise<void>): Promise<void> {
  const rest = all[Symbol.iterator]()
  let failed: { readonly error: unknown } | undefined
  const lane = async (): Promise<void> => {
    for (const one of rest) {
      if (failed !== undefined) return
      await work(one).catch((error: unknown) => void (failed ??= { error }))
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, all.length) }, lane))
  if (failed !== undefined) throw failed.error
}
