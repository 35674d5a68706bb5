import { LIMITS } from '../../shared/protocol/limits.ts'

export interface AdmissionLimits {
  readonly connected: number
  readonly perToken: number
  readonly ungreeted: number
  readonly ungreetedPerAddress: number
}

const ADMISSION_LIMITS: AdmissionLimits = {
  connected: LIMITS.workersConnectedMax,
  perToken: LIMITS.workersPerTokenMax,
  ungreeted: LIMITS.workersUngreetedMax,
  ungreetedPerAddress: LIMITS.workersUngreetedPerAddressMax,
}

/** One connection as it is counted. */
export interface Arrival {
  /** Its token is known: null when it may stay, else why not. */
  belongsTo(owner: string): string | null
  /** Its worker is welcomed: it counts as ungreeted no more. */
  greeted(): void
  /** Legal twice. */
  gone(): void
}

/**
 * Counts connections of workers, those that are not welcomed yet apart, so that neither a storm nor one address nor one
 * owner takes all the places.
 */
export class Admission {
  readonly #limits: AdmissionLimits
  #inside = 0
  #ungreeted = 0
  readonly #byAddress = new Map<string, number>()
  readonly #byOwner = new Map<string, number>()

  constructor(limits: Partial<AdmissionLimits> = {}) {
    this.#limits = { ...ADMISSION_LIMITS, ...limits }
  }

  /** A new connection, or why it is not taken. */
  enter(address: string): Arrival | string {
    const { connected, ungreeted, ungreetedPerAddress, perToken } = this.#limits
    if (this.#inside >= connected) return `${connected} workers are connected here`
    if (this.#ungreeted >= ungreeted) return `${ungreeted} workers are waiting to be greeted here`
    if ((this.#byAddress.get(address) ?? 0) >= ungreetedPerAddress)
      return `${ungreetedPerAddress} workers of your address are waiting to be greeted here`
    this.#inside += 1
    this.#ungreeted += 1
    add(this.#byAddress, address, 1)
    let waits = true
    let here = true
    let of: string | null = null
    const greeted = () => {
      if (!waits) return
      waits = false
      this.#ungreeted -= 1
      add(this.#byAddress, address, -1)
    }
    return {
      greeted,
      belongsTo: (owner) => {
        if ((this.#byOwner.get(owner) ?? 0) >= perToken)
          return `${perToken} workers with tokens of ${owner} are connected here`
        of = owner
        add(this.#byOwner, owner, 1)
        return null
      },
      gone: () => {
        if (!here) return
        here = false
        greeted()
        this.#inside -= 1
        if (of !== null) add(this.#byOwner, of, -1)
      },
    }
  }
}

/** Counts by name; a name with none is forgotten. */
function add(counts: Map<string, number>, name: string, by: number): void {
  const count = (counts.get(name) ?? 0) + by
  if (count === 0) counts.delete(name)
  else counts.set(name, count)
}
