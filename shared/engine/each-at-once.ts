/** Done at the same time: enough to hide the way to a store, few enough for any. */
const AT_ONCE = 16

/** Does it for all, several at a time; stops at the first that throws. */
export async function eachAtOnce<T>(all: readonly T[], call: (one: T) => Promise<void>): Promise<void> {
  const rest = all[Symbol.iterator]()
  const lane = async () => {
    for (const one of rest) await call(one)
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, all.length) }, lane))
}
