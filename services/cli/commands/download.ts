import type { Command } from 'commander'
import { z } from 'zod'
import { downloadJob } from '../api/download.ts'
import type { Downloaded } from '../api/download.ts'
import { parseOptions, usageFailure } from '../exit-codes.ts'
import { formatBytes } from '../quantities.ts'
import { farmCommand, jobNamed, openFarm } from '../shell.ts'
import type { Shell } from '../shell.ts'

const DownloadOptions = z.object({
  to: z.string().min(1, 'must name a folder').optional(),
  framesOnly: z.boolean().default(false),
  videoOnly: z.boolean().default(false),
})

export function addDownloadCommand(program: Command, shell: Shell): void {
  farmCommand(
    program,
    'download <job>',
    'fetch what a job has delivered so far; what is there already is checked and not fetched again',
  )
    .option('--to <folder>', 'where to put it (./<job>)')
    .option('--frames-only', 'only the frames')
    .option('--video-only', 'only the video')
    .action(async (job: string, options: unknown, command: Command) => {
      const { to, framesOnly, videoOnly } = parseOptions(DownloadOptions, options)
      if (framesOnly && videoOnly) throw usageFailure('--frames-only and --video-only exclude each other')
      const id = jobNamed(job)
      const { client, screen, answer } = await openFarm(command, shell)
      const folder = to ?? `./${id}`
      let done = 0
      const downloaded = await downloadJob(client, id, folder, {
        only: framesOnly ? 'frames' : videoOnly ? 'video' : undefined,
        onFile: ({ path }) => {
          const line = `${++done} files, last ${path}`
          screen.paint([line], line)
        },
      })
      screen.clear()
      answer({ job: id, folder, ...downloaded }, [downloadLine(downloaded, folder)])
    })
}

/** What a download came to. */
export function downloadLine({ fetched, skipped, bytes }: Downloaded, folder: string): string {
  if (fetched + skipped === 0) return 'there is nothing to download yet'
  return (
    `${fetched + skipped} files, ${formatBytes(bytes)}, in ` +
    `${folder}${skipped > 0 ? ` (${skipped} were there already)` : ''}`
  )
}
