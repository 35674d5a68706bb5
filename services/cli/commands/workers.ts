import type { Command } from 'commander'
import type { WorkerRecord } from '../../../shared/protocol/worker.ts'
import { formatBytes } from '../quantities.ts'
import { farmCommand, openFarm } from '../shell.ts'
import type { Shell } from '../shell.ts'
import { tableLines } from '../table.ts'

export function addWorkersCommand(program: Command, shell: Shell): void {
  farmCommand(program, 'workers', 'list the machines that render').action(
    async (_options: unknown, command: Command) => {
      const { client, answer } = await openFarm(command, shell)
      const workers = await client.workers()
      const head = ['WORKER', 'NAME', 'STATE', 'BLENDER', 'DEVICES', 'LEASES', 'DONE', 'FAILED', 'REFUTED']
      answer(
        { items: workers },
        workers.length === 0
          ? ['no worker has connected yet; start one with "tilework worker"']
          : tableLines([head, ...workers.map(row)]),
      )
    },
  )
}

function row(worker: WorkerRecord): string[] {
  const { blender, devices } = worker.capabilities
  const shown = devices.map(({ kind, memoryBytes }) =>
    memoryBytes === undefined ? kind : `${kind} ${formatBytes(memoryBytes)}`,
  )
  return [
    worker.id,
    worker.name,
    [
      worker.state,
      ...(worker.quarantined ? ['quarantined'] : []),
      ...(worker.coolsDownUntil === undefined ? [] : ['cools down after failures']),
      ...(worker.coolsDownFrom === undefined ? [] : [`cools down from ${worker.coolsDownFrom.length} scene(s)`]),
    ].join(', '),
    blender.version,
    [...new Set(shown)].join(', '),
    String(worker.leases),
    String(worker.tasksCompleted),
    String(worker.tasksFailed),
    String(worker.tasksRefuted),
  ]
}
