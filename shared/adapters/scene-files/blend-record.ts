// Reads fields of one struct in a block by name. A field that this version of Blender does not have
// gives undefined; one that should lie in the block but does not means the file is damaged.

import type { BlendBlock } from './blend-blocks.ts'
import { BlendFault } from './blend-fault.ts'
import type { StructField, StructTable, StructType } from './blend-struct-table.ts'

interface FieldPlace extends StructField {
  readonly start: number
}

const INTEGER_BYTES: Readonly<Record<string, number>> = {
  char: 1,
  uchar: 1,
  int8_t: 1,
  uint8_t: 1,
  bool: 1,
  short: 2,
  ushort: 2,
  int16_t: 2,
  uint16_t: 2,
  int: 4,
  uint: 4,
  int32_t: 4,
  uint32_t: 4,
  long: 4,
  ulong: 4,
}
const UNSIGNED_TYPES: ReadonlySet<string> = new Set([
  'uchar',
  'uint8_t',
  'bool',
  'ushort',
  'uint16_t',
  'uint',
  'uint32_t',
  'ulong',
])

/** One struct inside a block. */
export class BlendRecord {
  readonly typeName: string
  private readonly table: StructTable
  private readonly type: StructType
  private readonly bytes: Buffer

  constructor(table: StructTable, block: BlendBlock) {
    const type = table.byIndex[block.structIndex]
    if (type === undefined) {
      throw new BlendFault(
        'blend_corrupt',
        `a ${block.code} block has struct number ${block.structIndex} of ${table.byIndex.length}`,
      )
    }
    this.table = table
    this.type = type
    this.typeName = type.name
    this.bytes = block.bytes
  }

  /** True if this version of Blender has the field; `path` goes into nested structs by dots. */
  has(path: string): boolean {
    return this.locate(path) !== undefined
  }

  /** An integer of any width, or undefined if there is no such field. */
  integer(path: string): number | undefined {
    const place = this.locate(path)
    if (place === undefined) return undefined
    const byteCount = INTEGER_BYTES[place.typeName]
    if (byteCount === undefined || place.isPointer) throw this.wrongType(path, place, 'an integer')
    this.need(path, place.start, byteCount)
    return UNSIGNED_TYPES.has(place.typeName)
      ? this.bytes.readUIntLE(place.start, byteCount)
      : this.bytes.readIntLE(place.start, byteCount)
  }

  /** A float or double, or undefined if there is no such field; may be NaN or infinite. */
  float(path: string): number | undefined {
    const place = this.locate(path)
    if (place === undefined) return undefined
    if (place.isPointer || (place.typeName !== 'float' && place.typeName !== 'double'))
      throw this.wrongType(path, place, 'a float')
    return this.floatAt(path, place.start, place.typeName)
  }

  /** Bytes at an integer field read as a float: how Blender stores floats in a property's value. */
  floatStoredIn(path: string, as: 'float' | 'double'): number | undefined {
    const place = this.locate(path)
    return place === undefined ? undefined : this.floatAt(path, place.start, as)
  }

  /** A C string in a char array, or undefined if there is no such field; bad UTF-8 is replaced. */
  text(path: string): string | undefined {
    const place = this.locate(path)
    if (place === undefined) return undefined
    if (place.isPointer || INTEGER_BYTES[place.typeName] !== 1) throw this.wrongType(path, place, 'a text')
    this.need(path, place.start, place.elementCount)
    const field = this.bytes.subarray(place.start, place.start + place.elementCount)
    const end = field.indexOf(0)
    return field.toString('utf8', 0, end < 0 ? field.length : end)
  }

  /** An address, 0n for none, or undefined if there is no such field. */
  pointer(path: string): bigint | undefined {
    const place = this.locate(path)
    if (place === undefined) return undefined
    if (!place.isPointer) throw this.wrongType(path, place, 'a pointer')
    this.need(path, place.start, this.table.pointerBytes)
    return this.table.pointerBytes === 8
      ? this.bytes.readBigUInt64LE(place.start)
      : BigInt(this.bytes.readUInt32LE(place.start))
  }

  private locate(path: string): FieldPlace | undefined {
    let type: StructType | undefined = this.type
    let start = 0
    let field: StructField | undefined
    for (const name of path.split('.')) {
      field = type?.fields.get(name)
      if (field === undefined) return undefined
      start += field.offsetBytes
      type = field.isPointer ? undefined : this.table.byName.get(field.typeName)
    }
    return field === undefined ? undefined : { ...field, start }
  }

  private floatAt(path: string, start: number, as: 'float' | 'double'): number {
    this.need(path, start, as === 'float' ? 4 : 8)
    return as === 'float' ? this.bytes.readFloatLE(start) : this.bytes.readDoubleLE(start)
  }

  private need(path: string, start: number, byteCount: number): void {
    if (start + byteCount > this.bytes.length) {
      throw new BlendFault(
        'blend_corrupt',
        `a ${this.typeName} block of ${this.bytes.length} bytes is too short for its field ${path}`,
      )
    }
  }

  private wrongType(path: string, place: StructField, wanted: string): BlendFault {
    return new BlendFault(
      'blend_corrupt',
      `the field ${path} of ${this.typeName} should be ${wanted} but is ` +
        `${place.isPointer ? 'a pointer' : place.typeName}`,
    )
  }
}
