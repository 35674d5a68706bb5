/*
 * Spoils bytes and JSON in the ways that readers stumble over: cuts, flipped bits, sizes that lie, pieces twice or
 * missing, and values of another kind, of another size, or too deep.
 */
import type { SeededRandom } from '../simulation/random.ts'

const SIZES = [
  0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
]

/** A spoiled copy of one of the originals. */
export function spoiled(random: SeededRandom, originals: readonly Uint8Array[]): Buffer {
  let bytes = Buffer.from(random.pick(originals))
  for (let changes = 1 + random.below(random.chance(0.7) ? 3 : 12); changes > 0; changes--)
    bytes = changed(random, bytes, originals)
  return bytes
}

function changed(random: SeededRandom, bytes: Buffer, originals: readonly Uint8Array[]): Buffer<ArrayBuffer> {
  const at = random.below(bytes.length + 1)
  const some = (max: number) => 1 + random.below(Math.max(1, Math.min(max, bytes.length - at)))
  switch (random.below(8)) {
    case 0:
      return Buffer.from(bytes.subarray(0, at))
    case 1: {
      const copy = Buffer.from(bytes)
      if (at < copy.length) copy.writeUInt8(copy.readUInt8(at) ^ (1 << random.below(8)), at)
      return copy
    }
    case 2: {
      const copy = Buffer.from(bytes)
      for (let index = at; index < Math.min(copy.length, at + some(8)); index++)
        copy.writeUInt8(random.below(256), index)
      return copy
    }
    case 3: {
      const copy = Buffer.from(bytes)
      const size = random.chance(0.5) ? random.pick(SIZES) : (SIZES[random.below(6)] ?? 0) + random.below(64)
      if (at + 4 <= copy.length) copy.writeUInt32LE(size % 2 ** 32, at)
      if (random.chance(0.3) && at + 8 <= copy.length)
        copy.writeBigUInt64LE(BigInt(random.pick(SIZES)) << BigInt(random.below(33)), at)
      return copy
    }
    case 4:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + some(64))])
    case 5:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + some(256)), bytes.subarray(at)])
    case 6:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(random.below(32)), bytes.subarray(at)])
    default: {
      const other = Buffer.from(random.pick(originals))
      return Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length + 1))])
    }
  }
}

const ODD_NAMES = ['__proto__', 'constructor', 'toString', 'type', '', '日'.repeat(50), 'x'.repeat(3_000)]

/** A JSON value with some of its parts replaced, removed, doubled or added. */
export function spoiledJson(random: SeededRandom, value: unknown): unknown {
  let copy: unknown = structuredClone(value)
  for (let changes = 1 + random.below(3); changes > 0; changes--) copy = changedJson(random, copy, 0)
  return copy
}

function changedJson(random: SeededRandom, value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || random.chance(depth === 0 ? 0.03 : 0.15))
    return oddValue(random, value)
  if (Array.isArray(value)) {
    const list: unknown[] = [...value]
    const at = random.below(list.length + 1)
    const what = random.below(10)
    if (at === list.length || what < 2) list.splice(at, 0, list.length === 0 ? oddValue(random, null) : list[0])
    else if (what < 4) list.splice(at, 1)
    else if (what < 5) return Array.from({ length: 70 + random.below(700) }, () => list[at])
    else list[at] = changedJson(random, list[at], depth + 1)
    return list
  }
  const entries: [string, unknown][] = Object.entries(value)
  const at = random.below(entries.length + 1)
  const entry = entries[at]
  if (entry === undefined || random.chance(0.1)) entries.push([random.pick(ODD_NAMES), oddValue(random, null)])
  else if (random.chance(0.15)) entries.splice(at, 1)
  else entries[at] = [entry[0], changedJson(random, entry[1], depth + 1)]
  // fromEntries makes own fields, `__proto__` too, as JSON.parse does.
  return Object.fromEntries(entries)
}

function oddValue(random: SeededRandom, was: unknown): unknown {
  switch (random.below(12)) {
    case 0:
      return null
    case 1:
      return random.pick([0, -1, 1, 0.5, -0.5, 1e9, 2 ** 31, -(2 ** 31) - 1, 2 ** 53, 1e308, Number.MIN_VALUE])
    case 2:
      return typeof was === 'number' ? was + random.pick([-1, 1, 0.5, 1_000]) : random.below(100)
    case 3:
      return typeof was === 'string' ? was + was : ''
    case 4:
      return random.pick([
        '\u0000',
        '../../etc/passwd',
        '日本',
        '\ud800',
        '%00',
        "'; --",
        '1-99999999999999',
        '-5--1:0',
        '1,'.repeat(500),
        'x'.repeat(10_000),
      ])
    case 5:
      return []
    case 6:
      return {}
    case 7:
      return deep(random.below(300))
    case 8:
      return !was
    case 9:
      return [was]
    case 10:
      return { type: was }
    default:
      return typeof was === 'string' ? was.slice(0, random.below(was.length + 1)) : (JSON.stringify(was) ?? '')
  }
}

function deep(levels: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value }
  return value
}
