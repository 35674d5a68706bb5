/*
 * Resumable uploads by the tus protocol, 1.0. The library speaks the protocol; what is decided here is whose upload it
 * is, what becomes of a whole one, and that every refusal is one of ours.
 *
 * An upload that is whole is taken in as a scene before its last answer. If the farm cannot do that at the time, the
 * bytes stay, and the next request for the upload (a HEAD, as resuming clients send it) tries again.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Server } from '@tus/server'
import type { Upload } from '@tus/server'
import { takeScene } from '../../../shared/engine/jobs/scene-intake.ts'
import { RefusalError } from '../../../shared/protocol/errors.ts'
import { Sha256, sortableId, UploadId } from '../../../shared/protocol/ids.ts'
import { LIMITS } from '../../../shared/protocol/limits.ts'
import { blobKey } from '../../../shared/protocol/object-keys.ts'
import { httpLimits } from '../dependencies.ts'
import type { AppDependencies } from '../dependencies.ts'
import type { Owner } from '../../wiring/tokens.ts'
import { withScratch } from './scratch.ts'
import { UploadStore } from './upload-store.ts'

export const UPLOADS_PATH = '/v1/uploads'

/** What there is to know of one request besides what HTTP says. */
export interface UploadCall {
  readonly owner: Owner
  /** The scene that the upload became. */
  scene?: Sha256
  /** Why it was refused, when the library says so. */
  failure?: unknown
}

/** Metadata that a client may send; `owner` is ours. */
const METADATA_LENGTH_MAX: Readonly<Record<string, number>> = {
  filename: LIMITS.nameLengthMax,
  filetype: 200,
  sha256: 64,
  main: LIMITS.pathLengthMax,
  as: 4,
}

export class SceneUploads {
  private readonly deps: Pick<AppDependencies, 'store' | 'objects' | 'scenes' | 'dataDir'>
  private readonly uploads: UploadStore
  private readonly server: Server
  private readonly uploadsPerOwnerMax: number
  private readonly uploadsUnfinishedMax: number
  private readonly sweepEveryMs: number
  private sweeper: NodeJS.Timeout | undefined
  private readonly calls = new WeakMap<object, UploadCall>()
  /** Intakes under way, so that two requests for one upload wait for the same one. */
  private readonly intakes = new Map<string, Promise<Sha256>>()

  constructor(deps: Pick<AppDependencies, 'store' | 'objects' | 'scenes' | 'dataDir' | 'limits'>) {
    const { sceneBytesMax, uploadLifeMs, uploadsPerOwnerMax, uploadsUnfinishedMax, uploadSweepMs } = httpLimits(deps)
    this.uploadsUnfinishedMax = uploadsUnfinishedMax
    this.sweepEveryMs = uploadSweepMs
    this.deps = deps
    this.uploadsPerOwnerMax = uploadsPerOwnerMax
    this.uploads = new UploadStore(deps.objects, deps.dataDir, uploadLifeMs)
    this.server = new Server({
      path: UPLOADS_PATH,
      datastore: this.uploads,
      maxSize: sceneBytesMax,
      relativeLocation: true,
      namingFunction: async () => `upl_${sortableId(await deps.store.time(), randomBytes(16))}`,
      getFileIdFromRequest: (_request, last) => (UploadId.safeParse(last).success ? last : undefined),
      onUploadCreate: async (request, upload) => ({ metadata: await this.admit(this.callOf(request), upload) }),
      onIncomingRequest: async (request, id) => this.lookAt(request, UploadId.parse(id)),
      onUploadFinish: async (request, upload) => {
        this.callOf(request).scene = await this.takeIn(upload)
        return {}
      },
      onResponseError: (request, error) => {
        this.callOf(request).failure = error
        return undefined
      },
    })
  }

  /** For the start: from now on what has expired is removed from time to time. Any number of coordinators may do so. */
  start(onFailure: (error: unknown) => void): void {
    this.sweeper = setInterval(() => void this.sweep().catch(onFailure), this.sweepEveryMs)
    this.sweeper.unref()
  }

  /** Stores what came of uploads whose connections were cut. */
  async stop(): Promise<void> {
    clearInterval(this.sweeper)
    await this.uploads.settle()
  }

  /** Answers a request of the protocol; what it has to say besides is in `call` afterwards. */
  async handle(request: Request, call: UploadCall): Promise<Response> {
    this.calls.set(request, call)
    return this.server.handleWeb(request)
  }

  private async sweep(): Promise<void> {
    await this.uploads.sweep(await this.deps.store.time())
  }

  private callOf(request: object): UploadCall {
    const call = this.calls.get(request)
    if (call === undefined) throw new Error('a request that did not come through handle')
    return call
  }

  private async admit(call: UploadCall, upload: Upload): Promise<Record<string, string | null>> {
    await this.sweep()
    const unfinished = await this.uploads.owners()
    if (unfinished.length >= this.uploadsUnfinishedMax) {
      throw new RefusalError(
        'rate_limited',
        `${this.uploadsUnfinishedMax} uploads are unfinished, as many as this farm ` +
          'keeps; try again when some are through or have expired',
      )
    }
    if (unfinished.filter((owner) => owner === call.owner.name).length >= this.uploadsPerOwnerMax) {
      throw new RefusalError(
        'rate_limited',
        `${call.owner.name} has ${this.uploadsPerOwnerMax} unfinished uploads, ` +
          'as many as one may have; finish or DELETE one of them',
      )
    }
    return { ...checkedMetadata(upload.metadata ?? {}), owner: call.owner.name }
  }

  // Before the library looks at an upload: whose it is, and whether it waits to be taken in.
  private async lookAt(request: { readonly method: string }, id: UploadId): Promise<void> {
    if (request.method === 'POST') return
    const call = this.callOf(request)
    const upload = await this.uploads.getUpload(id)
    if (upload.metadata?.['owner'] !== call.owner.name)
      throw new RefusalError('not_found', 'there is no such upload of yours')
    if (request.method === 'HEAD' && upload.size !== undefined && upload.offset === upload.size)
      call.scene = await this.takeIn(upload)
  }

  private async takeIn(upload: Upload): Promise<Sha256> {
    const running = this.intakes.get(upload.id) ?? this.intake(UploadId.parse(upload.id), upload.metadata ?? {})
    this.intakes.set(upload.id, running)
    try {
      return await running
    } finally {
      this.intakes.delete(upload.id)
    }
  }

  private async intake(id: UploadId, metadata: Readonly<Record<string, string | null>>): Promise<Sha256> {
    const before = await this.uploads.outcome(id)
    if (before !== null) return before.sha256
    if (metadata['as'] === 'file') return this.intakeFile(id, metadata)
    const { taken, bytes, sha256 } = await withScratch(this.deps.dataDir, async (folder) => {
      const filePath = join(folder, 'scene')
      const collected = await this.uploads.collect(id, filePath)
      const taken = await takeScene(this.deps, {
        ...collected,
        filePath,
        name: metadata['filename'] ?? '',
        scratchDir: join(folder, 'unpacked'),
        ...(metadata['sha256'] ? { declaredSha256: metadata['sha256'] } : {}),
        ...(metadata['main'] ? { main: metadata['main'] } : {}),
      })
      return { ...collected, taken }
    })
    if (!taken.ok) {
      await this.uploads.discard(id)
      throw new RefusalError(taken.code, taken.detail)
    }
    await this.uploads.conclude(id, { sha256, bytes, owner: metadata['owner'] ?? '' })
    return sha256
  }

  /** A file of a project: stored under its hash, looked into by nobody. */
  private async intakeFile(id: UploadId, metadata: Readonly<Record<string, string | null>>): Promise<Sha256> {
    const declared = Sha256.parse(metadata['sha256'])
    const bytes = await withScratch(this.deps.dataDir, async (folder) => {
      const filePath = join(folder, 'file')
      const collected = await this.uploads.collect(id, filePath)
      if (collected.sha256 !== declared) return null
      await this.deps.objects.takeFile(blobKey(declared), filePath, { contentType: 'application/octet-stream' })
      return collected.bytes
    })
    if (bytes === null) {
      await this.uploads.discard(id)
      throw new RefusalError(
        'upload_hash_mismatch',
        `the bytes that came do not have the SHA-256 ${declared}; send them again`,
      )
    }
    await this.uploads.conclude(id, { sha256: declared, bytes, owner: metadata['owner'] ?? '' })
    return declared
  }
}

function checkedMetadata(metadata: Readonly<Record<string, string | null>>): Record<string, string | null> {
  for (const [name, value] of Object.entries(metadata)) {
    const lengthMax = METADATA_LENGTH_MAX[name]
    if (lengthMax === undefined)
      throw new RefusalError(
        'bad_request',
        `Upload-Metadata: has the unknown key ${JSON.stringify(name.slice(0, 100))}; ` +
          `it takes ${Object.keys(METADATA_LENGTH_MAX).join(', ')}`,
      )
    if ((value ?? '').length > lengthMax)
      throw new RefusalError('bad_request', `Upload-Metadata: ${name} has more than ${lengthMax} characters`)
  }
  const declared = metadata['sha256']?.toLowerCase()
  if (declared !== undefined && !Sha256.safeParse(declared).success)
    throw new RefusalError('bad_request', 'Upload-Metadata: sha256 must be 64 hexadecimal digits')
  if (metadata['as'] !== undefined && (metadata['as'] !== 'file' || declared === undefined))
    throw new RefusalError('bad_request', 'Upload-Metadata: as can only be "file", and needs sha256')
  return { ...metadata, ...(declared === undefined ? {} : { sha256: declared }) }
}
