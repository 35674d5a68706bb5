import { StoreUnavailable } from '../../../shared/ports/object-store.ts'

/** What the system says when a disk takes no more, or breaks; none of it is the sender's fault. */
const DISK_CODES: ReadonlySet<string> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EIO',
  'EROFS',
  'EMFILE',
  'ENFILE',
  'EACCES',
  'EPERM',
])

/** The error as an outage if the disk of this machine is to blame, else the error itself. */
export function diskOutage(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string' || !DISK_CODES.has(error.code))
    return error
  return new StoreUnavailable(`the disk for uploads does not take the bytes (${error.code})`, {
    cause: error,
    retryable: true,
  })
}
