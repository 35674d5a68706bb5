import type { z } from 'zod'
import { type Hello, PROTOCOL_VERSION } from '../../shared/protocol/messages.ts'
import { capabilities, worker } from '../unit/domain/records.ts'

/** The first message of a worker of this version of the protocol; a test changes what it is about. */
export function aHello(name: string, change: Partial<z.infer<typeof Hello>> = {}): z.infer<typeof Hello> {
  return {
    type: 'hello',
    protocolVersion: PROTOCOL_VERSION,
    agentVersion: '0.1.0',
    workerId: worker(name),
    name,
    capabilities: capabilities(),
    leases: [],
    ...change,
  }
}
