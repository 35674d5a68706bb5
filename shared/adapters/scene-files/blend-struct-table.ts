// The struct table (DNA1) describes every struct the file contains: names, types and sizes of its
// fields. Reading by field name makes one reader fit every version of Blender.

import { BlendFault } from './blend-fault.ts'

/** Where a field lies in its struct. */
export interface StructField {
  readonly offsetBytes: number
  readonly typeName: string
  readonly isPointer: boolean
  /** How many elements it has, all dimensions multiplied; 1 for a single value. */
  readonly elementCount: number
}

/** One struct type. */
export interface StructType {
  readonly name: string
  readonly fields: ReadonlyMap<string, StructField>
}

/** All struct types of a file, by number (as blocks refer to them) and by name. */
export interface StructTable {
  readonly pointerBytes: 4 | 8
  readonly byIndex: readonly StructType[]
  readonly byName: ReadonlyMap<string, StructType>
}

/** Parses the payload of a DNA1 block; throws a BlendFault if it does not hold together. */
export function parseStructTable(bytes: Buffer, pointerBytes: 4 | 8): StructTable {
  const cursor = new TableCursor(bytes)
  cursor.expectTag('SDNA')
  cursor.expectTag('NAME')
  const declarations = cursor.readStrings().map(parseDeclaration)
  cursor.expectTag('TYPE')
  const typeNames = cursor.readStrings()
  cursor.expectTag('TLEN')
  const typeSizes = typeNames.map(() => cursor.readUInt16())
  cursor.expectTag('STRC')

  const byIndex: StructType[] = []
  const byName = new Map<string, StructType>()
  const structCount = cursor.readCount()
  for (let index = 0; index < structCount; index++) {
    const name = requireEntry(typeNames, cursor.readUInt16())
    const fields = new Map<string, StructField>()
    let offsetBytes = 0
    for (let remaining = cursor.readUInt16(); remaining > 0; remaining--) {
      const fieldTypeIndex = cursor.readUInt16()
      const declaration = requireEntry(declarations, cursor.readUInt16())
      const elementBytes = declaration.isPointer ? pointerBytes : requireEntry(typeSizes, fieldTypeIndex)
      const typeName = requireEntry(typeNames, fieldTypeIndex)
      fields.set(declaration.name, {
        offsetBytes,
        typeName,
        isPointer: declaration.isPointer,
        elementCount: declaration.elementCount,
      })
      offsetBytes += elementBytes * declaration.elementCount
    }
    const struct: StructType = { name, fields }
    byIndex.push(struct)
    if (!byName.has(name)) byName.set(name, struct)
  }
  return { pointerBytes, byIndex, byName }
}

interface Declaration {
  readonly name: string
  readonly isPointer: boolean
  readonly elementCount: number
}

// Declarations are C: "*next", "mat[4][4]", "(*callback)()".
function parseDeclaration(text: string): Declaration {
  const isPointer = text.startsWith('*') || text.startsWith('(')
  const name = text.replace(/^[*(]+/, '').replace(/[[)(].*$/, '')
  let elementCount = 1
  for (const dimension of text.matchAll(/\[(\d+)\]/g)) elementCount *= Number(dimension[1])
  return { name, isPointer, elementCount }
}

function requireEntry<T>(list: readonly T[], index: number): T {
  const entry = list[index]
  if (entry === undefined) throw corruptTable(`it refers to entry ${index} of a list of ${list.length}`)
  return entry
}

function corruptTable(why: string): BlendFault {
  return new BlendFault('blend_corrupt', `the struct table (DNA1) is damaged: ${why}; save the file again in Blender`)
}

class TableCursor {
  private offset = 0
  private readonly bytes: Buffer

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  expectTag(tag: string): void {
    this.offset = (this.offset + 3) & ~3
    const found = this.bytes.toString('latin1', this.offset, this.offset + 4)
    if (found !== tag) throw corruptTable(`no ${tag} at byte ${this.offset}`)
    this.offset += 4
  }

  readCount(): number {
    this.need(4)
    const count = this.bytes.readInt32LE(this.offset)
    this.offset += 4
    // Each entry takes a byte at least, so a larger count is a lie, told before anything is reserved.
    if (count < 0 || count > this.bytes.length) throw corruptTable(`a count of ${count} at byte ${this.offset - 4}`)
    return count
  }

  readUInt16(): number {
    this.need(2)
    const value = this.bytes.readUInt16LE(this.offset)
    this.offset += 2
    return value
  }

  readStrings(): string[] {
    const strings: string[] = []
    for (let remaining = this.readCount(); remaining > 0; remaining--) {
      const end = this.bytes.indexOf(0, this.offset)
      if (end < 0) throw corruptTable('a name has no end')
      strings.push(this.bytes.toString('latin1', this.offset, end))
      this.offset = end + 1
    }
    return strings
  }

  private need(byteCount: number): void {
    if (this.offset + byteCount > this.bytes.length) throw corruptTable(`it ends at byte ${this.bytes.length}`)
  }
}
