/* Makes the farm's bucket where it is missing. Settings are those of the services: S3_ENDPOINT, S3_BUCKET, S3_REGION and keys. */
import { CreateBucketCommand, HeadBucketCommand, S3Client } from '@aws-sdk/client-s3'

const { S3_BUCKET, S3_ENDPOINT, S3_REGION = 'us-east-1', S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY, S3_FORCE_PATH_STYLE = 'true' } = process.env
if (!S3_BUCKET || !S3_ACCESS_KEY_ID || !S3_SECRET_ACCESS_KEY) {
  process.stderr.write('set S3_BUCKET, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY\n')
  process.exit(2)
}
const client = new S3Client({
  region: S3_REGION,
  forcePathStyle: S3_FORCE_PATH_STYLE === 'true',
  credentials: { accessKeyId: S3_ACCESS_KEY_ID, secretAccessKey: S3_SECRET_ACCESS_KEY },
  ...(S3_ENDPOINT ? { endpoint: S3_ENDPOINT } : {}),
})

if (await isThere()) {
  process.stdout.write(`the bucket ${S3_BUCKET} is there\n`)
} else {
  await client.send(new CreateBucketCommand({ Bucket: S3_BUCKET }))
  process.stdout.write(`made the bucket ${S3_BUCKET}\n`)
}

async function isThere() {
  try {
    await client.send(new HeadBucketCommand({ Bucket: S3_BUCKET }))
    return true
  } catch (error) {
    if (error?.$metadata?.httpStatusCode === 404) return false
    throw error
  }
}
