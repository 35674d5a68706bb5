import type { Bulletin, Notice } from '../../ports/work-queue.ts'

/**
 * Notices within one process, heard before `publish` returns. A listener that throws keeps nobody else from hearing.
 */
export class MemoryBulletin implements Bulletin {
  readonly #listeners = new Set<(notice: Notice) => void>()
  readonly #onFailure: (error: unknown) => void

  constructor(onFailure: (error: unknown) => void = () => undefined) {
    this.#onFailure = onFailure
  }

  async publish(notice: Notice): Promise<void> {
    for (const listener of this.#listeners) {
      try {
        listener(structuredClone(notice))
      } catch (error) {
        this.#onFailure(error)
      }
    }
  }

  async subscribe(listener: (notice: Notice) => void): Promise<() => Promise<void>> {
    const own = (notice: Notice) => listener(notice)
    this.#listeners.add(own)
    return async () => {
      this.#listeners.delete(own)
    }
  }
}
