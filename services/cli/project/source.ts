import type { Readable } from 'node:stream'

/** A file of a project on this machine, in a folder or in an archive. */
export interface SourceFile {
  /** Relative to the project, with forward slashes. */
  readonly path: string
  readonly bytes: number
  /** When it was last changed, in whole seconds since 1970. */
  readonly modified: number
  /**
   * Its bytes from the one numbered `from`. Throws a CommandFailure when it is not any more what it was when the
   * project was looked at.
   */
  open(from: number): Promise<Readable>
}

/** What is handed in: the files of a project, and what was left out. */
export interface ProjectSource {
  /** For people. */
  readonly name: string
  readonly files: readonly SourceFile[]
  /** Files that rules leave out. */
  readonly ignored: { readonly files: number; readonly bytes: number }
  /** Lets go of what is open. */
  close(): Promise<void>
}
