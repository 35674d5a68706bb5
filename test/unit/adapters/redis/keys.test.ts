import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { idInMember, recordKeys, redisKeys, timedMember } from '../../../../shared/adapters/redis/keys.ts'
import { aHash, aJobId } from '../../../conformance/farm-store-records.ts'

describe('keys', () => {
  it('of one job share its hash tag, and nothing else has it', () => {
    const keys = redisKeys('farm')
    for (const key of [...recordKeys(keys, aJobId(1)), keys.queuePrefix(aJobId(1))])
      expect(key.startsWith(`farm:{${aJobId(1)}}:`)).toBe(true)
    for (const key of [keys.jobs, keys.openJobs, keys.scenes, keys.workers, keys.sessions])
      expect(key).not.toContain('{')
  })

  it('are all different', () => {
    const keys = redisKeys()
    const all = [
      ...recordKeys(keys, aJobId(1)),
      keys.queuePrefix(aJobId(1)),
      keys.stepsPrefix,
      keys.jobs,
      keys.jobsOfOwner('x'),
      keys.openJobs,
      keys.jobsOfScene('x'),
    ]
    const farm = [
      keys.scenes,
      keys.sceneOrder,
      keys.workers,
      keys.workerCounts,
      keys.sessions,
      keys.sessionHolders,
      keys.tokens,
      keys.request('x'),
      keys.check,
      keys.bulletin,
    ]
    expect(new Set([...all, ...farm]).size).toBe(all.length + farm.length)
  })

  it('stand in the table, each of them', () => {
    const table = readFileSync(join(import.meta.dirname, '../../../../shared/adapters/redis/keys.ts'), 'utf8')
    for (const key of recordKeys(redisKeys('tw'), aJobId(1)))
      expect(table).toContain(`| ${key.replace(`{${aJobId(1)}}`, '{job}')} `)
  })

  it('that carry a time sort by it and give the id back', () => {
    const members = [timedMember(9, aHash(2)), timedMember(1_800_000_000_000, aHash(1)), timedMember(10, aHash(1))]
    expect([...members].sort().map(idInMember)).toEqual([aHash(2), aHash(1), aHash(1)])
    expect([...members].sort()[2]).toBe(members[1])
  })
})
