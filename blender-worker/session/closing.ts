import { CLOSE_CODES, PROTOCOL_VERSION } from '../../shared/protocol/messages.ts'

/** How a connection ended: a close code, or the HTTP status when it was never upgraded. */
export interface Closing {
  readonly code: number
  readonly httpStatus?: number
  readonly reason: string
}

export type AfterClosing =
  | { readonly kind: 'reconnect'; readonly wait: 'usual' | 'longer'; readonly message: string }
  | { readonly kind: 'give-up'; readonly why: 'unauthorized' | 'replaced' | 'version'; readonly message: string }

/** What to do about a connection that ended, as the table of close codes asks. */
export function afterClosing(closing: Closing): AfterClosing {
  const said = closing.reason === '' ? '' : ` (${closing.reason})`
  switch (closing.httpStatus) {
    case undefined:
      break
    case 401:
    case 403:
      return unauthorized(said)
    case 426:
      return outdated(said)
    case 429:
    case 503:
      return { kind: 'reconnect', wait: 'longer', message: `the coordinator is overloaded: HTTP ${closing.httpStatus}` }
    default:
      return {
        kind: 'reconnect',
        wait: 'usual',
        message: `the coordinator answered HTTP ${closing.httpStatus} instead of opening a WebSocket`,
      }
  }
  switch (closing.code) {
    case CLOSE_CODES.unauthorized:
      return unauthorized(said)
    case CLOSE_CODES.replaced:
      return {
        kind: 'give-up',
        why: 'replaced',
        message:
          `another agent has connected with the same worker id${said}; ` + 'give each worker a data folder of its own',
      }
    case CLOSE_CODES.version:
      return outdated(said)
    case CLOSE_CODES.overloaded:
      return { kind: 'reconnect', wait: 'longer', message: `the coordinator is overloaded${said}` }
    case CLOSE_CODES.going_away:
      return { kind: 'reconnect', wait: 'usual', message: `the coordinator stops${said}` }
    case CLOSE_CODES.too_big:
      return { kind: 'reconnect', wait: 'usual', message: `a message was too big${said}` }
    case CLOSE_CODES.bad_message:
      return { kind: 'reconnect', wait: 'usual', message: `the coordinator did not understand a message${said}` }
    case CLOSE_CODES.silent:
      return {
        kind: 'reconnect',
        wait: 'usual',
        message: `the coordinator heard nothing from here for too long${said}`,
      }
    default:
      return { kind: 'reconnect', wait: 'usual', message: `the connection ended with code ${closing.code}${said}` }
  }
}

function unauthorized(said: string): AfterClosing {
  return {
    kind: 'give-up',
    why: 'unauthorized',
    message:
      `the coordinator refused the token of this worker${said}; make a ` +
      'worker token there and start the worker with it',
  }
}

function outdated(said: string): AfterClosing {
  return {
    kind: 'give-up',
    why: 'version',
    message:
      `the coordinator does not speak version ${PROTOCOL_VERSION} of the worker ` +
      `protocol${said}; install the same release of Tilework on both sides`,
  }
}
