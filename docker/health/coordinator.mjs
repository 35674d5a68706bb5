/* Healthy: the coordinator answers, and reaches the farm state and the object store. */
import { endWith } from './check.mjs'

/** In ms; half of what the image gives the whole check, so that there is time to say what was wrong. */
const ANSWER_TIMEOUT_MS = 5_000

await endWith(async () => {
  const url = `http://127.0.0.1:${process.env.PORT ?? 8470}/readyz`
  const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) }).catch((error) => {
    throw new Error(`${url} does not answer: ${error.cause?.message ?? error.message}`)
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}: ${text.slice(0, 300)}`)
  return 'ready'
})
