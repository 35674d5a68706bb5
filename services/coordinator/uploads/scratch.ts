/*
 * Where bytes wait that are not a scene yet. Everything of one arrival lies in a folder of its own, and the folder
 * goes when the arrival is over, however it ended. What a killed process left is removed when the next one starts.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'

const FOLDER = 'arriving'

/** Empties the scratch folder; for the start, before anything arrives. */
export async function clearScratch(dataDir: string): Promise<void> {
  await rm(join(dataDir, FOLDER), { recursive: true, force: true })
}

/** Where files lie that nobody needs after this process: made where it is not there, emptied by the next start. */
export async function scratchFolder(dataDir: string): Promise<string> {
  const folder = join(dataDir, FOLDER)
  await mkdir(folder, { recursive: true })
  return folder
}

/** Runs the work with a folder of its own, which is gone when the work is done or has failed. */
export async function withScratch<T>(dataDir: string, call: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(await scratchFolder(dataDir), 'scene-'))
  try {
    return await call(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
