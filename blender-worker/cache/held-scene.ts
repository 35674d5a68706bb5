import type { Sha256 } from '../../shared/protocol/ids.ts'

export interface SceneSource {
  readonly sha256: Sha256
  readonly bytes: number
  readonly kind: 'blend' | 'zip' | 'project'
  /** Of a project: how long the list of its files is, which `url` gives. */
  readonly manifestBytes?: number | undefined
  /** Which file of a zip or project to open. */
  readonly mainBlend?: string | undefined
  readonly url: URL
}

/** A scene on disk that stays there until `close`, which may be called twice. */
export interface HeldScene {
  readonly sha256: Sha256
  /** The folder with all that was uploaded, for reading only; of a project it is not there, and `files` counts. */
  readonly tree: string
  /** The .blend to open, in `tree`. */
  readonly blendPath: string
  /** Of a project: its files by their paths in it, and where each lies, for reading only. */
  readonly files?: readonly { readonly path: string; readonly from: string }[] | undefined
  /** Of the tree as it was put here; another one after it was fetched anew. */
  readonly seal: string
  /**
   * False when something has written into the tree since it was put here: acquire the scene again, it is fetched anew.
   */
  intact(): Promise<boolean>
  /** Another hold on the same scene, to be closed by itself. */
  share(): HeldScene
  close(): void
}
