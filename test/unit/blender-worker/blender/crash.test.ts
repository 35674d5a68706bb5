import { expect, it } from 'vitest'
import { crashFailure, spokenFailure } from '../../../../blender-worker/blender/crash.ts'

it.each([
  [{ exitCode: null, signal: 'SIGSEGV' }, 'Writing: /tmp/blender.crash.txt', 'blender_crashed'],
  [{ exitCode: 1, signal: null }, '', 'blender_crashed'],
  [
    { exitCode: null, signal: 'SIGABRT' },
    "terminate called after throwing an instance of 'std::bad_alloc'",
    'out_of_memory',
  ],
  [{ exitCode: null, signal: 'SIGKILL' }, 'Fra:1', 'out_of_memory'],
  [{ exitCode: 137, signal: null }, '', 'out_of_memory'],
  [
    { exitCode: null, signal: 'SIGABRT' },
    'blender: ../src/dispatch_common.c:872: epoxy_get_proc_address: Assertion `0 ' +
      '&& "Couldn\'t find current GLX or EGL context.\\n"\' failed.',
    'engine_missing',
  ],
  [{ exitCode: 1, signal: null }, 'CUDA error: Illegal address in cuCtxSynchronize()', 'gpu_error'],
] as const)('an ending %j after "%s" is %s', (ending, lastWords, code) => {
  expect(crashFailure(ending, lastWords, 'in the middle of a command')).toMatchObject({
    ok: false,
    code,
    blame: 'worker',
    lastWords,
  })
})

it('does not believe an answer that follows a GPU or memory error', () => {
  expect(spokenFailure('Error: Out of memory in CUDA queue copy')).toMatchObject({ code: 'out_of_memory' })
  expect(spokenFailure('Error: OptiX error OPTIX_ERROR_LAUNCH_FAILURE')).toMatchObject({ code: 'gpu_error' })
})

it('takes a scene that merely names such words for no error', () => {
  expect(
    spokenFailure("Saved: '/scratch/CUDA.png'\nWARNING HIPEW initialization failed: Error opening HIP dynamic library"),
  ).toBeUndefined()
})
