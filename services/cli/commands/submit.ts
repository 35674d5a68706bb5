import type { Command } from 'commander'
import { z } from 'zod'
import { Sha256 } from '../../../shared/protocol/ids.ts'
import { downloadJob } from '../api/download.ts'
import { EXIT_CODES, parseOptions } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import { endingLines, noteLines } from '../progress/job-text.ts'
import { farmCommand, openFarm } from '../shell.ts'
import type { Shell } from '../shell.ts'
import { handInScene, listWhatIsMissing } from './upload-scene.ts'
import { addJobOptions } from './job-options.ts'
import { jobWishes } from './job-request.ts'
import { downloadLine } from './download.ts'
import { watchUntilEnd } from './watch.ts'

const SubmitOptions = z.object({
  main: z.string().optional(),
  dryRun: z.boolean().default(false),
  watch: z.boolean().default(false),
  download: z.string().optional(),
})

const EXAMPLES = `
Examples:
  tilework submit scene.blend
  tilework submit scene.blend --frames "1-10, 15, 20-40:2" --tiles 2x2 --watch
  tilework submit project/ --main shots/010.blend --format exr --download ./frames
  tilework submit project/ --main shots/010.blend --dry-run
`

export function addSubmitCommand(program: Command, shell: Shell, end: (code: ExitCode) => void): void {
  addJobOptions(
    farmCommand(
      program,
      'submit <scene>',
      'hand in a .blend, a project folder or a .zip of one, and render it; prints the id of the job',
    ),
  )
    .option('--dry-run', 'list what of a project folder or .zip would be sent, and send nothing')
    .option('--watch', 'show how it goes until it has ended')
    .option('--download <folder>', 'watch, then fetch what was delivered')
    .addHelpText('after', EXAMPLES)
    .action(async (path: string, options: unknown, command: Command) => {
      const session = await openFarm(command, shell)
      const { main, watch, download, dryRun } = parseOptions(SubmitOptions, options)
      // Before anything is sent: a typing error should not cost an upload.
      const wishes = jobWishes(options)
      if (dryRun) return listWhatIsMissing(session, path, main)
      const scene = await handInScene(session, path, main, shell)
      let job = await session.client.submit({ ...wishes, scene: Sha256.parse(scene) })
      const { plan } = job
      session.screen.say(
        `${job.id}: ${plan.frameCount} ${plan.frameCount === 1 ? 'frame' : 'frames'} (${plan.frames}), ` +
          `${plan.width} x ${plan.height}, ${plan.format}, ${plan.renderTaskCount} render ` +
          `tasks${plan.video === 'none' ? '' : `, ${plan.video} video`}`,
      )
      if (job.state === 'inspecting')
        session.screen.say(
          'this scene is new to the farm: a worker opens it in Blender first, ' +
            'and may find reasons to split it less, or to refuse it' +
            (watch || download !== undefined ? '' : `; what it finds is shown by: tilework status ${job.id}`),
        )
      for (const line of noteLines(job)) session.screen.say(line)
      if (watch || download !== undefined) job = await watchUntilEnd(session, job.id, shell, plan.notes)
      if (job.state === 'failed' || job.state === 'canceled') {
        for (const line of endingLines(job)) session.screen.say(line)
        end(EXIT_CODES.failed)
      } else if (download !== undefined) {
        session.screen.say(downloadLine(await downloadJob(session.client, job.id, download), download))
      }
      session.answer(job, [job.id])
    })
}
