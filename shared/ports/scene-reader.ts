import type { Refusal } from '../protocol/errors.ts'
import type { SceneRecord } from '../protocol/scene.ts'

/** What a handed-in file turned out to be. */
export interface SceneFinding {
  readonly ok: true
  readonly kind: SceneRecord['kind']
  readonly facts: SceneRecord['facts']
  readonly missingFiles: SceneRecord['missingFiles']
  /** Files that the scene asks for under another spelling than the project has. */
  readonly aliases?: NonNullable<SceneRecord['aliases']>
  /** Path of the main .blend inside a project. */
  readonly mainBlend?: string
}

export interface SceneReadOptions {
  /** The .blend to render, as it is called in the archive; needed if several could be meant. */
  readonly main?: string
  /** A folder that does not exist yet and may be filled; it is gone when the reading is over. */
  readonly scratchDir: string
}

/** The files of a project, by their paths relative to its folder, with forward slashes. */
export interface ProjectFiles {
  readonly mainBlendPath: string
  readonly filePaths: readonly string[]
}

/** Reads scene files that nobody vouches for, without running them. */
export interface SceneReader {
  /** Refused with not_a_scene, blend_invalid or zip_invalid. Throws the system's error if the file cannot be read. */
  inspect(filePath: string, options: SceneReadOptions): Promise<SceneFinding | Refusal>
  /**
   * The same of a project whose files are known by a list: `blendPath` is where its main .blend lies on this machine.
   * Refused with not_a_scene or blend_invalid.
   */
  inspectProject(blendPath: string, project: ProjectFiles): Promise<SceneFinding | Refusal>
}
