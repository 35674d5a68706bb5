/** Chance that comes from a seed alone. */
export interface SeededRandom {
  /** 0 <= x < 1 */
  float(): number
  /** A whole number, 0 <= x < max. */
  below(max: number): number
  /** A number, low <= x < high. */
  between(low: number, high: number): number
  chance(share: number): boolean
  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T
  bytes(count: number): Uint8Array
  /** Another source under the same seed: what is drawn from one does not move the other. */
  fork(label: string): SeededRandom
}

/** mulberry32 over a hash of the seed: small, good enough, and the same everywhere. */
export function seededRandom(seed: string): SeededRandom {
  let state = hashOf(seed)
  const float = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (max: number) => Math.floor(float() * max)
  return {
    float,
    below,
    between: (low, high) => low + float() * (high - low),
    chance: (share) => float() < share,
    pick: (list) => {
      const picked = list[below(list.length)]
      if (picked === undefined) throw new Error('nothing to pick from')
      return picked
    },
    bytes: (count) => Uint8Array.from({ length: count }, () => below(256)),
    fork: (label) => seededRandom(`${seed}/${label}`),
  }
}

/** FNV-1a with a final mix, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}
