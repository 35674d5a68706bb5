// The rearrangement that RLE, ZIPS and ZIP make before they pack: first the even bytes of a block, then
// the odd ones, each as its difference from the byte before, plus 128. Every byte of every frame goes
// through here twice, so blocks that allow it are done four bytes at a time: one 32-bit word holds four
// lanes, added and subtracted without a carry from lane to lane (the top bit of each lane apart).
// That is twice as fast as byte by byte. Words are little-endian, as on every machine Node runs farms on.

const TOP_BITS = 0x80808080 | 0
const LOW_BITS = 0x7f7f7f7f
const EVERY_LANE = 0x01010101

/** Lanes of 16 bits take this many sums of two bytes before they could overflow. */
const SUMS_BEFORE_FOLD = 64

/** Writes the rearranged form of `raw` into `filtered`, which has the same length. */
export function applyFilter(raw: Buffer, filtered: Buffer): void {
  const [from, to] = [wordsOf(raw), wordsOf(filtered)]
  if (from === undefined || to === undefined) applyByBytes(raw, filtered)
  else applyByWords(from, to, raw[raw.length - 2] ?? 0)
}

/** The raw bytes, in memory of their own, from their rearranged form. */
export function undoFilter(filtered: Buffer): Buffer {
  const raw = Buffer.allocUnsafeSlow(filtered.length)
  const [from, to] = [wordsOf(filtered), wordsOf(raw)]
  if (from === undefined || to === undefined) undoByBytes(filtered, raw)
  else undoByWords(from, to)
  return raw
}

/** The bytes as words, where both halves of the block are made of whole words. */
function wordsOf(bytes: Buffer): Int32Array | undefined {
  if (bytes.length % 8 !== 0 || bytes.byteOffset % 4 !== 0) return undefined
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2)
}

function applyByWords(raw: Int32Array, filtered: Int32Array, lastEvenByte: number): void {
  const half = raw.length >> 1
  let beforeEven = 128
  let beforeOdd = lastEvenByte
  for (let at = 0; at < half; at += 1) {
    const low = raw[2 * at] ?? 0
    const high = raw[2 * at + 1] ?? 0
    const even = (low & 0xff) | ((low >>> 8) & 0xff00) | ((high & 0xff) << 16) | ((high & 0xff0000) << 8)
    const odd = ((low >>> 8) & 0xff) | ((low >>> 16) & 0xff00) | ((high & 0xff00) << 8) | (high & 0xff000000)
    const evenBefore = (even << 8) | beforeEven
    const oddBefore = (odd << 8) | beforeOdd
    beforeEven = even >>> 24
    beforeOdd = odd >>> 24
    // Adding 128 to a lane is flipping its top bit.
    filtered[at] = ((even | TOP_BITS) - (evenBefore & LOW_BITS)) ^ ((even ^ ~evenBefore) & TOP_BITS) ^ TOP_BITS
    filtered[half + at] = ((odd | TOP_BITS) - (oddBefore & LOW_BITS)) ^ ((odd ^ ~oddBefore) & TOP_BITS) ^ TOP_BITS
  }
}

function undoByWords(filtered: Int32Array, raw: Int32Array): void {
  const half = filtered.length >> 1
  // The last byte before the current word, in every lane; the odd half goes on from the last even byte.
  let beforeEven = TOP_BITS
  let beforeOdd = Math.imul(lastEvenByte(filtered, half), EVERY_LANE)
  for (let at = 0; at < half; at += 1) {
    const even = addLanes(runningSums((filtered[at] ?? 0) ^ TOP_BITS), beforeEven)
    const odd = addLanes(runningSums((filtered[half + at] ?? 0) ^ TOP_BITS), beforeOdd)
    beforeEven = Math.imul(even >>> 24, EVERY_LANE)
    beforeOdd = Math.imul(odd >>> 24, EVERY_LANE)
    raw[2 * at] = (even & 0xff) | ((odd & 0xff) << 8) | ((even & 0xff00) << 8) | ((odd & 0xff00) << 16)
    raw[2 * at + 1] = ((even >>> 16) & 0xff) | ((odd >>> 8) & 0xff00) | ((even >>> 8) & 0xff0000) | (odd & 0xff000000)
  }
}

function addLanes(a: number, b: number): number {
  return ((a & LOW_BITS) + (b & LOW_BITS)) ^ ((a ^ b) & TOP_BITS)
}

/** Each lane plus all lanes below it. */
function runningSums(word: number): number {
  const pairs = addLanes(word, word << 8)
  return addLanes(pairs, pairs << 16)
}

/** The sum of all differences of the even half, from 128 on: their number is even, so the 128s cancel out. */
function lastEvenByte(filtered: Int32Array, half: number): number {
  let sum = 0
  for (let at = 0; at < half; at += 1) {
    const word = filtered[at] ?? 0
    sum += (word & 0xff00ff) + ((word >>> 8) & 0xff00ff)
    if (at % SUMS_BEFORE_FOLD === SUMS_BEFORE_FOLD - 1) sum &= 0xff00ff
  }
  return (128 + sum + (sum >>> 16)) & 255
}

function applyByBytes(raw: Buffer, filtered: Buffer): void {
  let before = 128
  let to = 0
  for (const first of [0, 1]) {
    for (let from = first; from < raw.length; from += 2, to += 1) {
      const value = raw[from] ?? 0
      filtered[to] = value - before + 128
      before = value
    }
  }
}

function undoByBytes(filtered: Buffer, raw: Buffer): void {
  let value = 128
  let from = 0
  for (const first of [0, 1]) {
    for (let to = first; to < raw.length; to += 2, from += 1) {
      value = (value + (filtered[from] ?? 0) + 128) & 255
      raw[to] = value
    }
  }
}
