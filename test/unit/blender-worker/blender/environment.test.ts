import { expect, it } from 'vitest'
import { scrubbedEnvironment } from '../../../../blender-worker/blender/environment.ts'

it('keeps what Blender needs, drops what it must not see, and gives it a home of its own', () => {
  const scrubbed = scrubbedEnvironment(
    {
      PATH: '/bin',
      LC_ALL: 'C',
      CUDA_VISIBLE_DEVICES: '1',
      TILEWORK_TOKEN: 't',
      AWS_SECRET_ACCESS_KEY: 's',
      HTTPS_PROXY: 'p',
      HOME: '/home/owner',
      OCIO: '/own.ocio',
      PYTHONPATH: '/evil',
      LD_PRELOAD: 'x',
    },
    '/scratch',
  )
  expect(scrubbed).toMatchObject({
    PATH: '/bin',
    LC_ALL: 'C',
    CUDA_VISIBLE_DEVICES: '1',
    HOME: '/scratch/home',
    TMPDIR: '/scratch/tmp',
  })
  for (const name of ['TILEWORK_TOKEN', 'AWS_SECRET_ACCESS_KEY', 'HTTPS_PROXY', 'OCIO', 'PYTHONPATH', 'LD_PRELOAD'])
    expect(scrubbed).not.toHaveProperty(name)
})
