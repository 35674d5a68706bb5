/*
 * Which workers are connected, and through which session. Times are Redis's own, read in the scripts.
 */
import { z } from 'zod'
import type { FarmStore } from '../../ports/farm-store.ts'
import { WorkerId } from '../../protocol/ids.ts'
import type { Link } from './link.ts'
import { loadScript } from './scripts.ts'

const HOLD = loadScript('hold-session')
const KEEP = loadScript('keep-session')
const END = loadScript('end-session')
const CONNECTED = loadScript('connected-workers')
const WorkerIds = z.array(WorkerId)

export function sessions(
  link: Link,
): Pick<FarmStore, 'holdSession' | 'keepSession' | 'endSession' | 'connectedWorkers'> {
  const sessionKeys = [link.keys.sessions, link.keys.sessionHolders]
  return {
    async holdSession(workerId, sessionId, ttlMs) {
      await link.run(HOLD, sessionKeys, [workerId, sessionId, ttlMs])
    },
    async keepSession(workerId, sessionId, ttlMs) {
      return (await link.run(KEEP, sessionKeys, [workerId, sessionId, ttlMs])) === 1
    },
    async endSession(workerId, sessionId) {
      await link.run(END, sessionKeys, [workerId, sessionId])
    },
    async connectedWorkers() {
      return new Set(WorkerIds.parse(await link.run(CONNECTED, [link.keys.sessions], [])))
    },
  }
}
