// Walks the blocks of a .blend as its bytes come in, and keeps the few that tell about its scenes.
// What a block holds is only known at the end of the file, where the struct table (DNA1) is; so this
// keeps by block code: the table, the global block, the data-blocks that name scenes and files, and
// the small blocks that follow a scene (its properties, strips and markers).

import { BlendFault } from './blend-fault.ts'
import { parseBlendHeader } from './blend-header.ts'
import type { BlendHeader } from './blend-header.ts'

/** One block: `count` structs of the type with number `structIndex`. */
export interface BlendBlock {
  readonly code: string
  /** The address the block had in the memory of the Blender that wrote it; pointers refer to it. */
  readonly address: bigint
  readonly structIndex: number
  readonly count: number
  /** Its contents; of an owned block the beginning, which holds the whole first struct. */
  readonly bytes: Buffer
}

/** A data-block and the blocks written after it that belong to it, by address. */
export interface OwnedBlock {
  readonly block: BlendBlock
  readonly owned: Map<bigint, BlendBlock>
  /** True if some of its blocks were left out because of a limit. */
  ownedLeftOut: boolean
}

/** The struct table is 0.1 to 0.3 MB in real files. */
const STRUCT_TABLE_BYTES_MAX = 16 * 1024 * 1024
/** A data-block's own struct is under 10 kB in real files. */
const DATABLOCK_BYTES_MAX = 1024 * 1024
/** This much is kept of an owned block: what is longer is an array, of which the first struct is enough. */
const OWNED_BLOCK_BYTES_KEPT = 16 * 1024
/** Keeps the hundred thousand object bases of a large scene from filling memory. */
const OWNED_BLOCKS_PER_STRUCT_MAX = 20_000
/** All owned blocks of all scenes together, with an allowance for each one's bookkeeping. */
const OWNED_BYTES_MAX = 64 * 1024 * 1024
/** All data-blocks together; 20,000 images are 32 MB. */
const DATABLOCKS_BYTES_MAX = 128 * 1024 * 1024
const BOOKKEEPING_BYTES = 256

const DATABLOCK_CODES: ReadonlySet<string> = new Set(['SC', 'LI', 'IM', 'SO', 'MC', 'VF', 'CF', 'VO', 'GLOB'])

interface BlockHead {
  readonly code: string
  readonly address: bigint
  readonly structIndex: number
  readonly count: number
  readonly length: number
}

type State =
  | { step: 'header' }
  | { step: 'head' }
  | { step: 'payload'; head: BlockHead }
  | { step: 'skip'; head: BlockHead; remaining: number }
  | { step: 'done' }

/** Takes the decompressed bytes of a .blend in pieces of any size; throws a BlendFault on bad ones. */
export class BlendBlockWalk {
  readonly datablocks: OwnedBlock[] = []
  header: BlendHeader | undefined
  structTable: Buffer | undefined

  private state: State = { step: 'header' }
  private collected: Buffer = Buffer.alloc(32)
  private filled = 0
  private wanted = 7
  private position = 0
  private owner: OwnedBlock | undefined
  private readonly ownedPerStruct = new Map<number, number>()
  private ownedBytes = 0
  private datablockBytes = 0

  /** True once the end block has been seen; what follows it has no meaning. */
  get done(): boolean {
    return this.state.step === 'done'
  }

  /** How many of the next bytes are not wanted; a seekable source may pass over them with skip(). */
  get skippableBytes(): number {
    return this.state.step === 'skip' ? this.state.remaining : 0
  }

  /** Passes over bytes without seeing them; at most skippableBytes. */
  skip(byteCount: number): void {
    if (this.state.step !== 'skip' || byteCount > this.state.remaining) throw new RangeError('skip beyond the block')
    this.position += byteCount
    this.state.remaining -= byteCount
    if (this.state.remaining === 0) this.expectHead()
  }

  /** Takes the next bytes; keeps copies only, so the caller may reuse the buffer. */
  push(chunk: Uint8Array): void {
    let offset = 0
    while (offset < chunk.length && this.state.step !== 'done') {
      if (this.state.step === 'skip') {
        const passed = Math.min(this.state.remaining, chunk.length - offset)
        offset += passed
        this.skip(passed)
        continue
      }
      const taken = Math.min(this.wanted - this.filled, chunk.length - offset)
      this.collected.set(chunk.subarray(offset, offset + taken), this.filled)
      this.filled += taken
      this.position += taken
      offset += taken
      if (this.filled === this.wanted) this.advance()
    }
  }

  /** Call when the bytes have run out; throws a BlendFault if the file is not whole. */
  finish(): void {
    switch (this.state.step) {
      case 'done':
        return
      case 'header':
        // A wrong beginning has thrown before, except in a file too short to be compared.
        if (this.filled > 0) parseBlendHeader(this.collected.subarray(0, this.filled))
        throw this.filled === 0
          ? new BlendFault('not_a_blend', 'the file is empty; hand in a .blend that Blender has saved')
          : new BlendFault(
              'blend_truncated',
              `the file ends inside its header, at byte ${this.position}; send it again whole`,
            )
      case 'head':
        throw new BlendFault(
          'blend_truncated',
          `the file ends at byte ${this.position} without an end block; send it again whole`,
        )
      case 'payload':
      case 'skip':
        throw new BlendFault(
          'blend_truncated',
          `the file ends at byte ${this.position}, inside a ${this.state.head.code} ` +
            `block of ${this.state.head.length} bytes; send it again whole`,
        )
    }
  }

  private advance(): void {
    switch (this.state.step) {
      case 'header': {
        this.header = parseBlendHeader(this.collected.subarray(0, this.filled))
        if (this.header === undefined) this.wanted = this.filled < 12 ? 12 : 17
        else this.expectHead()
        return
      }
      case 'head':
        this.startBlock(this.parseHead())
        return
      case 'payload':
        this.keepBlock(this.state.head, this.collected)
        this.skipRest(this.state.head, this.state.head.length - this.wanted)
        return
      default:
        throw new Error(`a ${this.state.step} step collects nothing`)
    }
  }

  private expectHead(): void {
    const header = this.requireHeader()
    this.collected = Buffer.alloc(32)
    this.filled = 0
    this.wanted = header.blockHeads === 'wide' ? 32 : 16 + header.pointerBytes
    this.state = { step: 'head' }
  }

  private parseHead(): BlockHead {
    const { blockHeads, pointerBytes } = this.requireHeader()
    const head = this.collected
    const startedAt = this.position - this.wanted
    const code = head.toString('latin1', 0, 4).replace(/\0+$/, '')
    if (!/^[A-Za-z0-9_]{2,4}$/.test(code)) {
      throw new BlendFault(
        'blend_corrupt',
        `at byte ${startedAt} there should be a block, but its code is not one; save the file again in Blender`,
      )
    }
    const fields =
      blockHeads === 'wide'
        ? {
            structIndex: head.readUInt32LE(4),
            address: head.readBigUInt64LE(8),
            length: Number(head.readBigInt64LE(16)),
            count: Number(head.readBigInt64LE(24)),
          }
        : {
            length: head.readInt32LE(4),
            address: pointerBytes === 8 ? head.readBigUInt64LE(8) : BigInt(head.readUInt32LE(8)),
            structIndex: head.readUInt32LE(8 + pointerBytes),
            count: head.readInt32LE(12 + pointerBytes),
          }
    if (fields.length < 0 || !Number.isSafeInteger(fields.length)) {
      throw new BlendFault(
        'blend_corrupt',
        `the ${code} block at byte ${startedAt} has the impossible length ${fields.length}`,
      )
    }
    return { code, ...fields }
  }

  private startBlock(head: BlockHead): void {
    if (head.code === 'ENDB') {
      this.state = { step: 'done' }
      this.collected = Buffer.alloc(0)
      return
    }
    if (head.code !== 'DATA') {
      this.owner = undefined
      this.ownedPerStruct.clear()
    }
    if (!this.wants(head)) {
      this.skipRest(head, head.length)
      return
    }
    this.state = { step: 'payload', head }
    this.wanted = head.code === 'DATA' ? Math.min(head.length, OWNED_BLOCK_BYTES_KEPT) : head.length
    this.collected = Buffer.alloc(this.wanted)
    this.filled = 0
    if (this.wanted === 0) this.advance()
  }

  private skipRest(head: BlockHead, remaining: number): void {
    if (remaining === 0) this.expectHead()
    else this.state = { step: 'skip', head, remaining }
  }

  private wants(head: BlockHead): boolean {
    if (head.code === 'DNA1') {
      if (head.length > STRUCT_TABLE_BYTES_MAX)
        throw tooLarge(`a struct table of ${head.length} bytes`, STRUCT_TABLE_BYTES_MAX)
      return true
    }
    if (DATABLOCK_CODES.has(head.code)) {
      this.datablockBytes += head.length + BOOKKEEPING_BYTES
      if (head.length > DATABLOCK_BYTES_MAX)
        throw tooLarge(`a ${head.code} block of ${head.length} bytes`, DATABLOCK_BYTES_MAX)
      if (this.datablockBytes > DATABLOCKS_BYTES_MAX)
        throw tooLarge(`scenes, images and libraries of more than ${DATABLOCKS_BYTES_MAX} bytes`, DATABLOCKS_BYTES_MAX)
      return true
    }
    if (head.code !== 'DATA' || this.owner === undefined || head.length === 0) return false
    const seen = (this.ownedPerStruct.get(head.structIndex) ?? 0) + 1
    const costBytes = Math.min(head.length, OWNED_BLOCK_BYTES_KEPT) + BOOKKEEPING_BYTES
    if (seen > OWNED_BLOCKS_PER_STRUCT_MAX || this.ownedBytes + costBytes > OWNED_BYTES_MAX) {
      this.owner.ownedLeftOut = true
      return false
    }
    this.ownedPerStruct.set(head.structIndex, seen)
    this.ownedBytes += costBytes
    return true
  }

  private keepBlock(head: BlockHead, bytes: Buffer): void {
    const block: BlendBlock = {
      code: head.code,
      address: head.address,
      structIndex: head.structIndex,
      count: head.count,
      bytes,
    }
    if (head.code === 'DNA1') {
      this.structTable = bytes
    } else if (head.code === 'DATA') {
      this.owner?.owned.set(head.address, block)
    } else {
      const kept: OwnedBlock = { block, owned: new Map(), ownedLeftOut: false }
      this.datablocks.push(kept)
      if (head.code === 'SC') this.owner = kept
    }
  }

  private requireHeader(): BlendHeader {
    if (this.header === undefined) throw new Error('blocks come after the header')
    return this.header
  }
}

function tooLarge(what: string, limitBytes: number): BlendFault {
  return new BlendFault(
    'blend_too_large',
    `the file has ${what}; at most ${limitBytes} are read: split it or remove unused data`,
  )
}
