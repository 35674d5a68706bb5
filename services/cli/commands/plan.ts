import type { Command } from 'commander'
import { z } from 'zod'
import { Sha256 } from '../../../shared/protocol/ids.ts'
import { EXIT_CODES, parseOptions } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import { planLines } from '../progress/plan-text.ts'
import { farmCommand, openFarm } from '../shell.ts'
import type { Shell } from '../shell.ts'
import { handInScene } from './upload-scene.ts'
import { addJobOptions } from './job-options.ts'
import { jobWishes } from './job-request.ts'

const PlanOptions = z.object({ main: z.string().optional() })

const EXAMPLES = `
Examples:
  tilework plan scene.blend
  tilework plan scene.blend --frames 1-250 --tiles 4x4 --json
`

export function addPlanCommand(program: Command, shell: Shell, end: (code: ExitCode) => void): void {
  addJobOptions(
    farmCommand(
      program,
      'plan <scene>',
      'show how a scene would be rendered: tasks, tiles, what is exact, what is missing, how long; renders nothing',
    ),
  )
    .addHelpText('after', EXAMPLES)
    .action(async (path: string, options: unknown, command: Command) => {
      const session = await openFarm(command, shell)
      const { main } = parseOptions(PlanOptions, options)
      // Before anything is sent: a typing error should not cost an upload.
      const wishes = jobWishes(options)
      const scene = await handInScene(session, path, main, shell)
      const plan = await session.client.plan({ ...wishes, scene: Sha256.parse(scene) })
      if (plan.refusal !== undefined) end(EXIT_CODES.failed)
      session.answer(plan, planLines(plan))
    })
}
