import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { buildApp } from './app.ts'

/** Where the committed copy lies, from the root of the repository. */
export const OPENAPI_PATH = 'shared/protocol/generated/openapi.json'

/**
 * The description of the API as text, the same bytes for the same schemas. No farm is needed for it: the routes are
 * added and never called.
 */
export async function openApiText(): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'tilework-openapi-'))
  const app = await buildApp({
    farm: untouched('farm'),
    store: untouched('store'),
    objects: untouched('objects'),
    scenes: untouched('scenes'),
    log: pino({ enabled: false }),
    dataDir,
    version: '',
  })
  try {
    await app.ready()
    return `${JSON.stringify(app.swagger(), null, 2)}\n`
  } finally {
    await app.close()
    await rm(dataDir, { recursive: true, force: true })
  }
}

function untouched<T extends object>(name: string): T {
  return new Proxy<T>(Object.create(null), {
    get(_target, property) {
      throw new Error(`${name}.${String(property)} was used while the API is only described`)
    },
  })
}
