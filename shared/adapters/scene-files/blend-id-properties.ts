// Custom and add-on properties. Cycles is an add-on: its settings are a group named "cycles" among
// the properties of the scene, and only those that were ever changed are stored.

import type { BlendDatablock } from './blend-datablock.ts'
import type { BlendRecord } from './blend-record.ts'

/** Numbers by name; booleans are 0 and 1. */
export type PropertyValues = ReadonlyMap<string, number>

// The kinds of property as stored in `type`.
const INT = 1
const FLOAT = 2
const GROUP = 6
const DOUBLE = 8
const BOOLEAN = 10

/** The numbers in the property group `groupName` of a data-block; empty if there is no such group. */
export function readPropertyGroup(datablock: BlendDatablock, groupName: string): PropertyValues {
  // Blender 5 keeps what add-ons register apart from what users add.
  for (const root of ['id.system_properties', 'id.properties']) {
    const properties = datablock.at(datablock.record.pointer(root))
    if (properties === undefined) continue
    for (const member of membersOf(datablock, properties)) {
      if (member.text('name') === groupName && member.integer('type') === GROUP) return readNumbers(datablock, member)
    }
  }
  return new Map()
}

function readNumbers(datablock: BlendDatablock, group: BlendRecord): PropertyValues {
  const values = new Map<string, number>()
  for (const member of membersOf(datablock, group)) {
    const name = member.text('name')
    const value = readNumber(member)
    if (name !== undefined && value !== undefined) values.set(name, value)
  }
  return values
}

function readNumber(property: BlendRecord): number | undefined {
  switch (property.integer('type')) {
    case INT:
    case BOOLEAN:
      return property.integer('data.val')
    case FLOAT:
      return property.floatStoredIn('data.val', 'float')
    case DOUBLE:
      return property.floatStoredIn('data.val', 'double')
    default:
      return undefined
  }
}

function membersOf(datablock: BlendDatablock, group: BlendRecord): Iterable<BlendRecord> {
  return datablock.list(group.pointer('data.group.first'))
}
