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

/** Runs the work with a folder of its own, which is gone when the work is done or has failed. */
export async function withScratch<T>(dataDir: string, call: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(join(dataDir, FOLDER), { recursive: true })
  const folder = await mkdtemp(join(dataDir, FOLDER, 'scene-'))
  try {
    return await call(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
