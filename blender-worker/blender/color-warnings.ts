import type { Inspection } from '../../shared/protocol/inspection.ts'

type UnknownColor = NonNullable<Inspection['unknownColors']>[number]

const KEPT_MAX = 100
// Blender 3.4 to 5.3, while it opens a file; it then goes on with its own default.
const OF_SCENE = /\bscene (view|look) "(.+)" not found, setting/
const DISPLAY = /\bdisplay "(.+)" used by scene not found, setting/i
const COLOR_SPACE = /\b(?:image|movie ?clip) colou?rspace "(.*)" not found/i

/** What Blender says about colors that it does not know, gathered from the lines that it prints. */
export class ColorWarnings {
  readonly #ofScenes = new Map<string, UnknownColor>()
  readonly #spaces = new Set<string>()

  /** A line that Blender printed. With another file that it reads all is forgotten. */
  hear(line: string): void {
    if (/\bRead blend: /.test(line)) {
      this.#ofScenes.clear()
      this.#spaces.clear()
    }
    if (this.#ofScenes.size + this.#spaces.size >= KEPT_MAX) return
    const [, what, name] = OF_SCENE.exec(line) ?? []
    if ((what === 'view' || what === 'look') && name !== undefined)
      this.#ofScenes.set(`${what} ${name}`, { what, name })
    const display = DISPLAY.exec(line)?.[1]
    if (display !== undefined) this.#ofScenes.set(`display ${display}`, { what: 'display', name: display })
    const space = COLOR_SPACE.exec(line)?.[1]
    if (space !== undefined) this.#spaces.add(space)
  }

  /** Views, looks and displays of scenes, and the color spaces of the images that the driver found to have none. */
  unknown(imagesWithout: readonly string[]): UnknownColor[] {
    // Blender names the spaces but not their images: with one of them it is clear which is which.
    const only = this.#spaces.size === 1 ? [...this.#spaces][0] : undefined
    const spaces = this.#spaces.size === 0 ? [] : imagesWithout
    return [
      ...this.#ofScenes.values(),
      ...spaces.map((usedBy) => ({
        what: 'color space' as const,
        usedBy,
        ...(only === undefined || only === '' ? {} : { name: only }),
      })),
    ]
  }
}
