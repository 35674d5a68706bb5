import type { FarmActions } from '../../services/coordinator/farm-actions.ts'

/**
 * Actions of which each, whatever its name, fails with this message: for a test that asks for none, or wants one to
 * break.
 */
export function everyActionFails(message: string): FarmActions {
  const fails = async (): Promise<never> => {
    throw new Error(message)
  }
  return new Proxy({} as FarmActions, { get: () => fails })
}
