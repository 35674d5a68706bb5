import { expect, test } from 'vitest'
import { ConcurrencyLimit } from '../../../../services/coordinator/concurrency-limit.ts'

test('so many run at a time, the others in order, and one that fails lets the next in', async () => {
  const limit = new ConcurrencyLimit(2)
  const begun: number[] = []
  const end: ((how: 'well' | 'badly') => void)[] = []
  const all = Array.from({ length: 5 }, (_, at) =>
    limit.run(
      () =>
        new Promise<void>((resolve, reject) => {
          begun.push(at)
          end[at] = (how) => (how === 'well' ? resolve() : reject(new Error('it failed')))
        }),
    ),
  )
  const settled = Promise.allSettled(all)
  const quiet = () => new Promise((done) => setImmediate(done))
  expect(begun).toEqual([0, 1])
  end[1]?.('badly')
  await quiet()
  expect(begun).toEqual([0, 1, 2])
  end[0]?.('well')
  end[2]?.('well')
  await quiet()
  expect(begun).toEqual([0, 1, 2, 3, 4])
  end[3]?.('well')
  end[4]?.('well')
  expect((await settled).map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
    'fulfilled',
  ])
})
