import Fastify from 'fastify'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { registerSignedObjectRoutes } from '../../shared/adapters/object-store/directory-http.ts'
import { DirectoryObjectStore } from '../../shared/adapters/object-store/directory.ts'
import { sendRequest } from './object-store-request.ts'
import { objectStoreSuite } from './object-store.ts'

objectStoreSuite('directory', async () => {
  const root = await mkdtemp(join(tmpdir(), 'tilework-directory-'))
  const signingSecret = Buffer.alloc(32, 7)
  let agoMs = 0
  let publicUrl = ''
  const nowMs = () => Date.now() - agoMs
  const store = new DirectoryObjectStore({ root, signingSecret, publicUrl: () => publicUrl, nowMs })
  const app = Fastify({ forceCloseConnections: true })
  await registerSignedObjectRoutes(app, { store, signingSecret, nowMs })
  publicUrl = await app.listen({ host: '127.0.0.1', port: 0 })
  await store.check()
  return {
    store,
    send: sendRequest,
    async signedAgo(ms, sign) {
      agoMs = ms
      try {
        return await sign()
      } finally {
        agoMs = 0
      }
    },
    enforcesSha256: true,
    unfinished: () => readdir(join(root, 'partial')),
    async stop() {
      await app.close()
      await store.close()
      await rm(root, { recursive: true, force: true })
    },
  }
})
