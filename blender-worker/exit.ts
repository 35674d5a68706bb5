/** Why a worker has left. */
export type WorkerExit =
  | { readonly why: 'drained' | 'stopped' }
  | { readonly why: 'unauthorized' | 'replaced' | 'version'; readonly message: string }

/**
 * Exit codes for those who start workers: what ends with one of the last three ends so again without a person's help,
 * so a service manager should not restart it. The numbers are those of sysexits.h.
 */
export const EXIT_CODES = {
  drained: 0,
  stopped: 0,
  unauthorized: 77,
  replaced: 69,
  version: 76,
} as const satisfies Record<WorkerExit['why'], number>
