/*
 * A project folder as it is handed in: the list of its files. The scene is known by the SHA-256 of the list's canonical
 * text, and each file by the SHA-256 of its bytes, so that a file that several projects have is stored once.
 */
import { z } from 'zod'
import { Sha256 } from './ids.ts'
import { LIMITS } from './limits.ts'
import { ClaimedPaths, problemWithPath } from './project-path.ts'

const ProjectPath = z
  .string()
  .min(1)
  .max(LIMITS.pathLengthMax)
  .superRefine((path, context) => {
    const problem = path.endsWith('/') ? 'ends with a slash, but only files are listed' : problemWithPath(path)
    if (problem !== undefined) context.addIssue({ code: 'custom', message: `the path ${problem}` })
  })

export const ProjectFile = z
  .strictObject({
    /** Relative to the project folder, with forward slashes. */
    path: ProjectPath,
    bytes: z.int().min(0).max(LIMITS.sceneBytesMax),
    sha256: Sha256,
    /**
     * When it was last changed, in whole seconds since 1970, for projects where that matters: Blender reads a texture
     * cache (.tx) only where it has the time of its image. Left out, workers give every file the same time.
     */
    modified: z.int().min(0).max(4_294_967_295).optional(),
  })
  .meta({ id: 'ProjectFile' })
export type ProjectFile = z.infer<typeof ProjectFile>

const FILES = z.array(ProjectFile).min(1).max(LIMITS.filesPerProjectMax)

/** What a scene of kind `project` is: its files, and which of them Blender opens. */
export const ProjectManifest = z
  .strictObject({ main: ProjectPath, files: FILES })
  .superRefine(checkFiles)
  .meta({ id: 'ProjectManifest' })
export type ProjectManifest = z.infer<typeof ProjectManifest>

/** The manifest as a client sends it, with a name for people. */
export const ProjectRequest = z
  .strictObject({ name: z.string().min(1).max(LIMITS.nameLengthMax).optional(), main: ProjectPath, files: FILES })
  .superRefine(checkFiles)
  .meta({ id: 'ProjectRequest' })
export type ProjectRequest = z.infer<typeof ProjectRequest>

/** What the farm lacks of a manifest. */
export const ProjectMissing = z
  .strictObject({
    /** Under which the project will be known as a scene. */
    sha256: Sha256,
    /** True when it is a scene of this farm already, and whole. */
    known: z.boolean(),
    /** Each once, in the order of the manifest. */
    missing: z.array(z.strictObject({ sha256: Sha256, bytes: z.int() })),
    missingBytes: z.int(),
  })
  .meta({ id: 'ProjectMissing' })
export type ProjectMissing = z.infer<typeof ProjectMissing>

/** What a worker asks of the files of a project: where they can be read. */
export const FileAddressRequest = z
  .strictObject({ files: z.array(Sha256).min(1).max(LIMITS.fileAddressesMax) })
  .meta({ id: 'FileAddressRequest' })

/** In the order of the request. An address may be relative to that of the coordinator. */
export const FileAddresses = z
  .strictObject({ urls: z.array(z.string().min(1).max(4_096)).max(LIMITS.fileAddressesMax) })
  .meta({ id: 'FileAddresses' })

/**
 * The one text of a manifest whose SHA-256 names the scene: JSON without blanks, members in the order main, files and
 * path, bytes, sha256, modified (where it is said), files in the order of the bytes of their paths in UTF-8.
 */
export function manifestText({ main, files }: ProjectManifest): string {
  const sorted = files
    .map(({ path, bytes, sha256, modified }) => ({
      path,
      bytes,
      sha256,
      ...(modified === undefined ? {} : { modified }),
    }))
    .sort((a, b) => compareCodePoints(a.path, b.path))
  return JSON.stringify({ main, files: sorted })
}

/** Bytes of all files, one after the other, also of those that are the same. */
export function projectBytes({ files }: Pick<ProjectManifest, 'files'>): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0)
}

function checkFiles(
  { main, files }: { main: string; files: readonly ProjectFile[] },
  context: { addIssue: (issue: { code: 'custom'; path: (string | number)[]; message: string }) => void },
): void {
  const paths = new ClaimedPaths()
  const lengths = new Map<string, number>()
  let bytes = 0
  let hasMain = false
  for (const [index, file] of files.entries()) {
    const complain = (message: string) => context.addIssue({ code: 'custom', path: ['files', index], message })
    const other = paths.claim(file.path)
    if (other !== undefined)
      return complain(
        `${JSON.stringify(file.path)} and ${JSON.stringify(other)} would be the same file on some systems; rename one`,
      )
    if ((lengths.get(file.sha256) ?? file.bytes) !== file.bytes)
      return complain(`${JSON.stringify(file.path)} has the SHA-256 of another file and another length`)
    lengths.set(file.sha256, file.bytes)
    bytes += file.bytes
    hasMain ||= file.path === main
  }
  if (bytes > LIMITS.projectBytesMax)
    context.addIssue({
      code: 'custom',
      path: ['files'],
      message: `together they have ${bytes} bytes, a project may have ${LIMITS.projectBytesMax}`,
    })
  if (!hasMain)
    context.addIssue({ code: 'custom', path: ['main'], message: `${JSON.stringify(main)} is not among the files` })
}

/** By code points, which is the order of the bytes in UTF-8. */
function compareCodePoints(a: string, b: string): number {
  const [left, right] = [a[Symbol.iterator](), b[Symbol.iterator]()]
  for (;;) {
    const [one, other] = [left.next(), right.next()]
    if (one.done === true || other.done === true) return (one.done === true ? 0 : 1) - (other.done === true ? 0 : 1)
    const difference = (one.value.codePointAt(0) ?? 0) - (other.value.codePointAt(0) ?? 0)
    if (difference !== 0) return difference
  }
}
