import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { RunRecord } from '../../support/run-record.ts'

const KIND = { what: 'trial', row: z.strictObject({ pixels: z.int() }) }
let folder = ''
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'record-'))))
afterEach(() => rm(folder, { recursive: true }))

describe('the record of a run that was cut off', () => {
  const open = (run: object, resume: boolean) =>
    RunRecord.open(KIND, { path: join(folder, 'new', 'r.json'), run, resume })

  test('is gone on with when it is of the same run', async () => {
    await (await open({ commit: 'a' }, true)).add('one', 2, [{ pixels: 3 }])
    const again = await open({ commit: 'a' }, true)
    expect([again.has('one'), again.has('two'), again.rows]).toEqual([true, false, [{ pixels: 3 }]])
  })

  test('is refused when it is of another run, and begun anew when that is wanted', async () => {
    await (await open({ commit: 'a' }, false)).add('one', 2, [{ pixels: 3 }])
    await expect(open({ commit: 'b' }, true)).rejects.toThrow(/"a".*"b".*without --resume/)
    expect((await open({ commit: 'b' }, false)).rows).toEqual([])
  })
})
