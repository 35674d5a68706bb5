import type { Command } from 'commander'
import { z } from 'zod'
import { downloadJob } from '../api/download.ts'
import { openSceneFile } from '../api/scene-file.ts'
import type { SceneFile } from '../api/scene-file.ts'
import { uploadScene } from '../api/upload.ts'
import { UploadNotes, uploadNotesFolder } from '../api/upload-notes.ts'
import { EXIT_CODES, parseOptions } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import { bar, endingLines } from '../progress/job-text.ts'
import type { Screen } from '../progress/screen.ts'
import { formatBytes } from '../quantities.ts'
import { farmCommand, openFarm } from '../shell.ts'
import type { FarmSession, Shell } from '../shell.ts'
import { jobWishes, parseJobOptions } from './job-request.ts'
import { downloadLine } from './download.ts'
import { watchUntilEnd } from './watch.ts'

const SubmitOptions = z.object({ main: z.string().optional(), watch: z.boolean().default(false), download: z.string().optional() })

const BAR_AFTER_MS = 1_000

const EXAMPLES = `
Examples:
  tilework submit scene.blend
  tilework submit scene.blend --frames "1-10, 15, 20-40:2" --tiles 2x2 --watch
  tilework submit project.zip --main shots/010.blend --format exr --download ./frames
`

export function addSubmitCommand(program: Command, shell: Shell, end: (code: ExitCode) => void): void {
  farmCommand(program, 'submit <scene>', 'hand in a .blend, or a .zip of a project folder, and render it; prints the id of the job')
    .option('--frames <ranges>', 'frames to render, such as 1-24 or "1-10, 15, 20-40:2"')
    .option('--tiles <CxR>', 'cut each frame into columns x rows, such as 2x2')
    .option('--chunk <n>', 'frames in one task')
    .option('--samples <n>', 'samples for each pixel')
    .option('--resolution <size>', 'size of the image, such as 1920x1080 or 50%')
    .option('--format <format>', 'png, jpeg, exr, exr-multilayer, tiff or webp')
    .option('--color-depth <bits>', 'bits for each channel: 8, 16 or 32')
    .option('--quality <percent>', 'quality of JPEG and WebP')
    .option('--video <container>', 'mp4, webm or none')
    .option('--scene <name>', 'scene of the file, if not the one that was open when it was saved')
    .option('--main <path>', 'the .blend to render inside a .zip')
    .option('--name <name>', 'what to call the job')
    .option('--priority <0-100>', 'higher goes first')
    .option('--audit <share>', 'share of tasks that another worker renders again to check them, such as 0.1 or 10%')
    .option('--require-device <kinds>', 'CPU, CUDA, OPTIX, HIP, METAL or ONEAPI; several with commas')
    .option('--min-gpu-memory <size>', 'memory of the GPU, such as 8GiB')
    .option('--min-memory <size>', 'main memory of the worker, such as 32GiB')
    .option('--blender-min <version>', 'oldest Blender to take')
    .option('--blender-max <version>', 'newest Blender to take')
    .option('--tag <tag>', 'only workers with this tag; may be given several times', collect)
    .option('--allow-missing', 'render even if linked files are missing')
    .option('--watch', 'show how it goes until it has ended')
    .option('--download <folder>', 'watch, then fetch what was delivered')
    .addHelpText('after', EXAMPLES)
    .action(async (path: string, options: unknown, command: Command) => {
      const session = await openFarm(command, shell)
      const { main, watch, download } = parseOptions(SubmitOptions, options)
      // Before anything is sent: a typing error should not cost an upload.
      const wishes = jobWishes(parseJobOptions(options))
      const scene = await handIn(session, path, main, shell)
      let job = await session.client.submit({ ...wishes, scene: scene.sha256 })
      const { plan } = job
      session.screen.say(`${job.id}: ${plan.frameCount} ${plan.frameCount === 1 ? 'frame' : 'frames'} (${plan.frames}), ${plan.width} x ${plan.height}, ${plan.format}, ${plan.renderTaskCount} render tasks${plan.video === 'none' ? '' : `, ${plan.video} video`}`)
      for (const note of plan.notes) session.screen.say(`note: ${note}`)
      if (watch || download !== undefined) job = await watchUntilEnd(session, job.id, shell)
      if (job.state === 'failed' || job.state === 'canceled') {
        for (const line of endingLines(job)) session.screen.say(line)
        end(EXIT_CODES.failed)
      } else if (download !== undefined) {
        session.screen.say(downloadLine(await downloadJob(session.client, job.id, download), download))
      }
      session.answer(job, [job.id])
    })
}

async function handIn({ client, screen }: FarmSession, path: string, main: string | undefined, shell: Shell): Promise<SceneFile> {
  const scene = await openSceneFile(path, byteBar(screen, 'reading'))
  const uploaded = await uploadScene(client, scene, {
    main,
    notes: new UploadNotes(uploadNotesFolder(shell.env)),
    onProgress: byteBar(screen, 'sending'),
    onCut: (why, atBytes) => screen.say(`the upload was cut at ${formatBytes(atBytes)}, trying again: ${why}`),
  })
  screen.say(uploaded.known ? `${scene.name}: the farm has it already` : `${scene.name}: sent ${formatBytes(scene.bytes - uploaded.resumedAt)}${uploaded.resumedAt > 0 ? `, after ${formatBytes(uploaded.resumedAt)} that were there` : ''}`)
  return scene
}

// What is over in a second needs no bar.
function byteBar(screen: Screen, what: string): (done: number, of: number) => void {
  const startedAtMs = performance.now()
  return (done, of) => {
    const line = `${what} ${bar(done, of)} ${formatBytes(done)} of ${formatBytes(of)}`
    if (performance.now() - startedAtMs > BAR_AFTER_MS) screen.paint([line], line)
  }
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}
