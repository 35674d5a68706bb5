import assert from 'node:assert'
import { TaskId } from '../../protocol/ids.ts'

/** How a lease is spelled: `r0000012@3`. */
export function leaseMember(taskId: TaskId, epoch: number): string {
  assert(Number.isSafeInteger(epoch), `an epoch is a whole number, not ${epoch}`)
  return `${taskId}@${epoch}`
}

/** The lease that `leaseMember` spelled so; throws for anything else. */
export function leaseOfMember(member: string): { taskId: TaskId; epoch: number } {
  const [taskId, epoch] = member.split('@')
  return { taskId: TaskId.parse(taskId), epoch: Number(epoch) }
}
