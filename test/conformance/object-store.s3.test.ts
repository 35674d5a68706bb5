/* Runs against OpenStack Swift, or the server that TILEWORK_TEST_S3_ENDPOINT names. */
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3'
import { setTimeout as pause } from 'node:timers/promises'
import { S3ObjectStore } from '../../shared/adapters/object-store/s3.ts'
import { startS3Server } from '../support/s3-server.ts'
import { sendRequest } from './object-store-request.ts'
import { objectStoreSuite } from './object-store.ts'

objectStoreSuite('S3', async () => {
  const server = await startS3Server()
  const { endpoint, region, bucket, accessKeyId, secretAccessKey } = server
  const credentials = { accessKeyId, secretAccessKey }
  let agoMs = 0
  const store = new S3ObjectStore({
    endpoint,
    region,
    bucket,
    credentials,
    forcePathStyle: true,
    nowMs: () => Date.now() - agoMs,
    sleep: (durationMs, signal) => pause(durationMs, undefined, signal === undefined ? {} : { signal }),
  })
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true })
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
    // Swift knows no x-amz-checksum-sha256; a server that does says so.
    enforcesSha256: process.env['TILEWORK_TEST_S3_ENFORCES_SHA256'] === '1',
    async unfinished() {
      const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))
      return (Uploads ?? []).map(({ Key }) => String(Key))
    },
    async stop() {
      client.destroy()
      await store.close()
      await server.stop()
    },
  }
})
