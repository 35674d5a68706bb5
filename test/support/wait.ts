/**
 * What is awaited, or an error that tells what was missing after `ms`: a test that waits in vain fails in seconds and
 * says why.
 */
export async function withinWait<T>(awaited: Promise<T>, ms: number, missing: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${missing()} (waited ${ms} ms)`)), ms)
  })
  try {
    return await Promise.race([awaited, tooLate])
  } finally {
    clearTimeout(timer)
  }
}
