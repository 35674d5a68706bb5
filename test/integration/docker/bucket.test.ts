import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'

const SCRIPT = fileURLToPath(new URL('../../../docker/s3/make-bucket.mjs', import.meta.url))

let server: Server | undefined
afterEach(() => void server?.close())

/** A server that gives these statuses to HEAD and PUT, and remembers what it was asked. */
async function answering(statuses: Readonly<Record<string, number>>): Promise<{ endpoint: string; asked: string[] }> {
  const asked: string[] = []
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url?.split('?')[0]}`)
    response.writeHead(statuses[request.method ?? ''] ?? 500).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port was given')
  return { endpoint: `http://127.0.0.1:${address.port}`, asked }
}

async function makeBucket(env: Readonly<Record<string, string>>): Promise<{ status: number | null; said: string }> {
  const child = spawn(process.execPath, [SCRIPT], {
    env: { S3_BUCKET: 'frames', S3_ACCESS_KEY_ID: 'key', S3_SECRET_ACCESS_KEY: 'secret', ...env },
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const [status] = await once(child, 'close')
  return { status, said: said.trim() }
}

describe('docker/s3/make-bucket.mjs', () => {
  it('makes a bucket that is missing', async () => {
    const { endpoint, asked } = await answering({ HEAD: 404, PUT: 200 })
    expect(await makeBucket({ S3_ENDPOINT: endpoint })).toEqual({ status: 0, said: 'made the bucket frames' })
    expect(asked.map((line) => line.replace(/\/$/, ''))).toEqual(['HEAD /frames', 'PUT /frames'])
  })

  it('leaves one that is there', async () => {
    const { endpoint, asked } = await answering({ HEAD: 200 })
    expect(await makeBucket({ S3_ENDPOINT: endpoint })).toEqual({ status: 0, said: 'the bucket frames is there' })
    expect(asked).toHaveLength(1)
  })

  it('tells wrong keys in one line, and makes nothing', async () => {
    const { endpoint, asked } = await answering({ HEAD: 403 })
    expect(await makeBucket({ S3_ENDPOINT: endpoint })).toEqual({
      status: 1,
      said: `the bucket frames at ${endpoint} cannot be made: the server does not take these keys (403)`,
    })
    expect(asked.filter((line) => line.startsWith('PUT'))).toEqual([])
  })

  it('names the settings that are missing', async () => {
    expect(await makeBucket({ S3_BUCKET: '' })).toMatchObject({ status: 2, said: expect.stringContaining('S3_BUCKET') })
  })
})
