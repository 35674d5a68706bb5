// A data-block with what belongs to it, and how to follow pointers and lists inside it.

import type { OwnedBlock } from './blend-blocks.ts'
import { BlendFault } from './blend-fault.ts'
import { BlendRecord } from './blend-record.ts'
import type { StructTable } from './blend-struct-table.ts'

/** One data-block (scene, image, library, ...) opened for reading. */
export class BlendDatablock {
  readonly code: string
  readonly address: bigint
  readonly record: BlendRecord
  private readonly source: OwnedBlock
  private readonly table: StructTable

  constructor(table: StructTable, source: OwnedBlock) {
    this.code = source.block.code
    this.address = source.block.address
    this.record = new BlendRecord(table, source.block)
    this.source = source
    this.table = table
  }

  /** The user's name of it, without Blender's two-letter prefix. */
  get name(): string {
    return (this.record.text('id.name') ?? '').slice(2)
  }

  /** How many blocks belong to it: no walk over them without a ring visits more. */
  get ownedCount(): number {
    return this.source.owned.size
  }

  /** The struct at an address; undefined for none, and for one that the file does not hold. */
  at(address: bigint | undefined): BlendRecord | undefined {
    if (address === undefined || address === 0n) return undefined
    const block = this.source.owned.get(address)
    if (block !== undefined) return new BlendRecord(this.table, block)
    // Blender takes a pointer to nothing as none. Here it may also be one of the blocks left out,
    // and then "absent" could be wrong, so that must not pass in silence.
    if (this.source.ownedLeftOut) {
      throw new BlendFault(
        'blend_too_large',
        `the scene "${this.name}" has more parts than are read; remove unused data or split it`,
      )
    }
    return undefined
  }

  /** How many structs the block at an address holds, 0 if there is none. */
  countAt(address: bigint | undefined): number {
    return address === undefined ? 0 : (this.source.owned.get(address)?.count ?? 0)
  }

  /** The members of a linked list, from its first one's address; throws a BlendFault for a ring. */
  *list(first: bigint | undefined): Generator<BlendRecord> {
    let member = this.at(first)
    for (let length = 0; member !== undefined; length++) {
      if (length >= this.ownedCount)
        throw new BlendFault('blend_corrupt', `a list in "${this.name}" runs in a ring; save the file again in Blender`)
      yield member
      member = this.at(member.pointer('next'))
    }
  }
}
