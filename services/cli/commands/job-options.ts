import type { Command } from 'commander'

/** The options that describe a job, read by job-request.ts. */
export function addJobOptions(command: Command): Command {
  return command
    .option('--frames <ranges>', 'frames to render, such as 1-24 or "1-10, 15, 20-40:2"')
    .option('--tiles <CxR>', 'cut each frame into columns x rows, such as 2x2')
    .option(
      '--sample-ranges <n>',
      'split the samples of each frame, or tile, into n tasks: for one large still; not bit-identical',
    )
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
    .option('--cap <n>', 'tasks of the job with workers at a time, at most')
    .option('--audit <share>', 'share of tasks that another worker renders again to check them, such as 0.1 or 10%')
    .option('--require-device <kinds>', 'CPU, CUDA, OPTIX, HIP, METAL or ONEAPI; several with commas')
    .option('--min-gpu-memory <size>', 'memory of the GPU, such as 8GiB')
    .option('--min-memory <size>', 'main memory of the worker, such as 32GiB')
    .option('--blender-min <version>', 'oldest Blender to take')
    .option('--blender-max <version>', 'newest Blender to take')
    .option('--tag <tag>', 'only workers with this tag; may be given several times', collect)
    .option('--min-seconds <n>', 'a task that is handed in sooner than this counts as failed')
    .option('--allow-missing', 'render even if linked files are missing')
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}
