import type { Blame } from '../../shared/protocol/failure.ts'

/** A command that failed, with what Blender printed last. */
export interface CommandFailure {
  readonly ok: false
  readonly code: string
  readonly blame: Blame
  readonly message: string
  readonly lastWords: string
}

export interface Ending {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
}

const OUT_OF_MEMORY = /out of (gpu |host |system )?memory|bad_alloc|cannot allocate memory|malloc returns null/i
const GPU_ERROR = /\b(CUDA|OptiX|HIP|Metal|oneAPI)\b.{0,40}(error|failed|illegal)/i
/** What Blender's graphics layer says when there is neither a display nor EGL to draw without one; it aborts then. */
const NO_GRAPHICS = new RegExp(
  [
    "Couldn't find current GLX or EGL context",
    'No OpenGL vendor detected',
    'Unable to open a display',
    'Failed to create (an )?OpenGL context',
  ].join('|'),
  'i',
)
/** Exit code of a wrapper whose child was killed by SIGKILL: 128 + 9. */
const KILLED_EXIT_CODE = 137

/**
 * What it means that Blender went away by itself, judged by how it ended and what it printed last. `when`: for the
 * message.
 */
export function crashFailure(ending: Ending, lastWords: string, when: string): CommandFailure {
  const how = ending.signal === null ? `exit code ${ending.exitCode ?? 'unknown'}` : `signal ${ending.signal}`
  if (OUT_OF_MEMORY.test(lastWords))
    return {
      ok: false,
      code: 'out_of_memory',
      blame: 'worker',
      message: `Blender ran out of memory and ended (${how})`,
      lastWords,
    }
  if (GPU_ERROR.test(lastWords))
    return {
      ok: false,
      code: 'gpu_error',
      blame: 'worker',
      message: `Blender ended after a GPU error (${how})`,
      lastWords,
    }
  if (NO_GRAPHICS.test(lastWords)) {
    const message =
      'this machine cannot draw with OpenGL, which EEVEE and Workbench need: Blender found no display, ' +
      'and no EGL to do without one. Install the graphics driver, or Mesa (on Debian ' +
      'libegl1 and libgl1-mesa-dri), or start the worker under xvfb-run'
    return { ok: false, code: 'engine_missing', blame: 'worker', message, lastWords }
  }
  if (ending.signal === 'SIGKILL' || ending.exitCode === KILLED_EXIT_CODE) {
    return {
      ok: false,
      code: 'out_of_memory',
      blame: 'worker',
      message: 'Blender was killed, probably by the system because memory ran out',
      lastWords,
    }
  }
  return {
    ok: false,
    code: 'blender_crashed',
    blame: 'worker',
    message: `Blender ended by itself ${when} (${how})`,
    lastWords,
  }
}

/** A GPU or memory error that Cycles printed while it answered as if all were well; undefined when it printed none. */
export function spokenFailure(lastWords: string): CommandFailure | undefined {
  if (OUT_OF_MEMORY.test(lastWords))
    return {
      ok: false,
      code: 'out_of_memory',
      blame: 'worker',
      message: 'Blender reported that memory ran out during the render',
      lastWords,
    }
  if (GPU_ERROR.test(lastWords))
    return {
      ok: false,
      code: 'gpu_error',
      blame: 'worker',
      message: 'Blender reported a GPU error during the render',
      lastWords,
    }
  return undefined
}
