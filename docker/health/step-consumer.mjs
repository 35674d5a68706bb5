/*
 * step-consumer.mjs verify|assemble. Healthy: the event loop turns, Redis answers from here, and Redis sees a consumer of the
 * queue at this address, that is, one that would be given work. Where containers share an address (the host's network)
 * the last part cannot tell them apart.
 */
import { Redis } from 'ioredis'
import { beatingProcess, endWith } from './check.mjs'

/** In ms; half of what the image gives the whole check, so that there is time to say what was wrong. */
const ANSWER_TIMEOUT_MS = 5_000

await endWith(async () => {
  const queue = process.argv[2]
  if (queue === undefined) throw new Error('say which queue: verify or assemble')
  await beatingProcess()
  const redis = new Redis(process.env.REDIS_URL ?? '', { lazyConnect: true, retryStrategy: null, connectTimeout: ANSWER_TIMEOUT_MS, commandTimeout: ANSWER_TIMEOUT_MS })
  let why = 'no answer'
  redis.on('error', (error) => (why = error.message))
  await redis.connect().catch((error) => {
    throw new Error(`Redis cannot be reached: ${why === 'no answer' ? error.message : why}`)
  })
  await redis.ping()
  const own = hostOf(await redis.client('INFO'))
  const clients = String(await redis.client('LIST', 'TYPE', 'NORMAL')).split('\n')
  const consumers = clients.filter((client) => client.includes(` name=tilework-${queue} `) && hostOf(client) === own)
  if (consumers.length === 0) throw new Error(`Redis answers, but sees no consumer of the queue ${queue} at ${own}`)
  return `consumes ${queue}`
})

/** @param {unknown} client A line of CLIENT LIST. */
function hostOf(client) {
  const address = /(?:^| )addr=(\S+):\d+ /.exec(String(client))
  return address?.[1] ?? 'an unknown address'
}
