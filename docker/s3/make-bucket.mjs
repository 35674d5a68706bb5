/*
 * Makes the farm's bucket where it is missing. Settings are those of the services: S3_ENDPOINT, S3_BUCKET, S3_REGION
 * and keys.
 */
import { CreateBucketCommand, HeadBucketCommand, S3Client } from '@aws-sdk/client-s3'

// The S3 library says at each start that Node 20 will not be supported for ever; package.json holds the version that
// is.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

const { S3_BUCKET, S3_ENDPOINT, S3_REGION, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY, S3_FORCE_PATH_STYLE } = process.env
if (!S3_BUCKET || !S3_ACCESS_KEY_ID || !S3_SECRET_ACCESS_KEY) {
  process.stderr.write('the bucket cannot be made: set S3_BUCKET, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY\n')
  process.exit(2)
}
const client = new S3Client({
  region: S3_REGION || 'us-east-1',
  forcePathStyle: (S3_FORCE_PATH_STYLE || 'true') === 'true',
  credentials: { accessKeyId: S3_ACCESS_KEY_ID, secretAccessKey: S3_SECRET_ACCESS_KEY },
  ...(S3_ENDPOINT ? { endpoint: S3_ENDPOINT } : {}),
})

try {
  if (await isThere()) {
    process.stdout.write(`the bucket ${S3_BUCKET} is there\n`)
  } else {
    await client.send(new CreateBucketCommand({ Bucket: S3_BUCKET }))
    process.stdout.write(`made the bucket ${S3_BUCKET}\n`)
  }
} catch (error) {
  // An answer to HEAD has no body, so its status is all there is to tell.
  const status = error?.$metadata?.httpStatusCode
  const what =
    status === 403
      ? 'the server does not take these keys (403)'
      : status === undefined
        ? `it does not answer: ${error.message}`
        : `it answers ${status}: ${error.name}`
  process.stderr.write(`the bucket ${S3_BUCKET} at ${S3_ENDPOINT || 'AWS'} cannot be made: ${what}\n`)
  process.exitCode = 1
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
