import { MemoryObjectStore } from '../../shared/adapters/memory/object-store.ts'
import { objectStoreSuite } from './object-store.ts'

objectStoreSuite('memory', async () => {
  let agoMs = 0
  const store = new MemoryObjectStore({ nowMs: () => Date.now() - agoMs })
  return {
    store,
    send: (method, url, headers = {}, body) =>
      store.request({ method, url, headers, ...(body === undefined ? {} : { body }) }),
    async signedAgo(ms, sign) {
      agoMs = ms
      try {
        return await sign()
      } finally {
        agoMs = 0
      }
    },
    enforcesSha256: true,
    unfinished: async () => [],
    stop: () => store.close(),
  }
})
