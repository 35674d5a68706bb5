import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  blenderNow,
  fartherThanNearest,
  fromOwnVersion,
  nearestVersion,
  renderedBy,
} from '../../../../shared/domain/scheduling/blender-choice.ts'
import { capabilities, aJob, aTask, worker } from '../records.ts'

const blender = (version: string) => capabilities({ blender: { version, buildHash: '', path: '', engines: [] } })
const FARM = ['5.3.0', '3.4.1', '4.5.3', '4.5.15', '4.2.9']

describe('of several Blenders a scene goes to', () => {
  test.each([
    ['3.4', '3.4.1', 'its own release'],
    ['4.5', '4.5.15', 'the newest patch of its own release'],
    ['4.3', '4.5.15', 'the nearest newer one'],
    ['4.2', '4.2.9', 'its own release, though newer ones are there'],
    ['2.79', '3.4.1', 'the nearest newer one, where it is very old'],
    ['5.4', '5.3.0', 'the newest where all are older'],
  ])('saved by %s: %s, %s', (own, chosen) => {
    expect(nearestVersion(own, FARM)).toBe(chosen)
  })

  test('none where none is there', () => {
    expect(nearestVersion('4.5', [])).toBeUndefined()
  })

  test('the same one in whichever order they came', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(FARM, { minLength: 1 }),
        fc.constantFrom('3.4', '4.3', '5.3', '5.9'),
        (here, own) => {
          expect(nearestVersion(own, here)).toBe(nearestVersion(own, [...here].sort()))
        },
      ),
    )
  })
})

describe('the oldest Blender of a job', () => {
  test('is the one that saved the scene', () => {
    expect(fromOwnVersion({ tags: ['fast'] }, '4.5')).toEqual({
      ok: true,
      requirement: { tags: ['fast'], blenderVersionMin: '4.5' },
    })
  })

  test('is another one where the job says so', () => {
    expect(fromOwnVersion({ blenderVersionMin: '3.4' }, '4.5')).toMatchObject({
      requirement: { blenderVersionMin: '3.4' },
    })
  })

  test.each([
    ['4.5', '4.5'],
    ['4.5', '4.5.15'],
    ['3.4', '4.5'],
  ])('of a scene of %s goes with %s at most', (own, max) => {
    expect(fromOwnVersion({ blenderVersionMax: max }, own)).toMatchObject({ ok: true })
  })

  test('is refused with both versions where the job allows older ones only, without saying from which on', () => {
    expect(fromOwnVersion({ blenderVersionMax: '3.4' }, '4.5')).toEqual({
      ok: false,
      code: 'blender_too_old',
      detail: expect.stringMatching(/saved by Blender 4\.5, and the job allows Blender 3\.4 at most/) as string,
    })
  })

  test('is refused where it is newer than the newest', () => {
    expect(fromOwnVersion({ blenderVersionMin: '5.0', blenderVersionMax: '4.5' }, '3.4')).toMatchObject({
      code: 'blender_too_old',
      detail: 'requirement: Blender 5.0 at least and 4.5 at most leaves no version',
    })
  })
})

describe('the Blender of a plan', () => {
  const here = { able: FARM, all: FARM }

  test('is told with the one that saved the scene', () => {
    expect(blenderNow('4.5', { blenderVersionMin: '4.5' }, here)).toEqual({
      savedBy: '4.5',
      version: '4.5.15',
      why: 'Blender 4.5.15: the scene was saved by Blender 4.5',
    })
    expect(blenderNow('5.0', { blenderVersionMin: '5.0' }, here).why).toBe(
      'Blender 5.3.0: the scene was saved by Blender 5.0, and of the Blenders that were connected ' +
        'this is the nearest newer one',
    )
  })

  test('is what is waited for, with what is there, where none may render it', () => {
    expect(blenderNow('5.4', { blenderVersionMin: '5.4' }, here)).toEqual({
      savedBy: '5.4',
      why:
        'waits for a worker with Blender 5.4 or newer (it saved the scene); ' +
        'connected workers have 3.4.1, 4.2.9, 4.5.3, 4.5.15, 5.3.0',
    })
    expect(blenderNow('4.5', { blenderVersionMin: '4.5' }, { able: [], all: [] }).why).toMatch(
      /no worker is connected$/,
    )
  })

  test('comes with a note where it is of another release than the scene', () => {
    const plan = { ...aJob().plan, blender: blenderNow('4.5', {}, here), notes: [] }
    expect(renderedBy(plan, {}, '4.5.15').notes).toEqual([])
    expect(renderedBy(plan, {}, '5.3.0').notes).toEqual([
      'rendered with Blender 5.3.0: the scene was saved by Blender 4.5, and of the Blenders that were connected ' +
        'this is the nearest newer one',
    ])
    expect(renderedBy(plan, { blenderVersionMin: '3.4' }, '3.4.1').notes).toEqual([
      'rendered with Blender 3.4.1: the scene was saved by Blender 4.5, and the job allows older ones (from 3.4 on); ' +
        'what Blender 3.4.1 does not know is lost from the picture',
    ])
  })
})

describe('a scene is not looked at by', () => {
  const [old, own, fresh] = [worker('old'), worker('own'), worker('fresh')]
  const able = new Map([
    [old, blender('3.4.1')],
    [own, blender('4.5.15')],
    [fresh, blender('5.3.0')],
  ])
  const job = { plan: { blender: { savedBy: '4.5', why: '' } } }
  const inspection = aTask({ kind: 'inspect', avoid: [] })

  test('workers whose Blender is farther from it than that of another', () => {
    expect(fartherThanNearest(job, inspection, able)).toEqual([old, fresh])
  })

  test('those still, once all who have the nearest failed; then the next nearest looks', () => {
    expect(fartherThanNearest(job, { ...inspection, avoid: [own] }, able)).toEqual([old, own])
    expect(fartherThanNearest(job, { ...inspection, avoid: [own, fresh, old] }, able)).toEqual([old, fresh])
  })

  test('nobody else than before where its version is not known, or it is rendered already', () => {
    expect(fartherThanNearest({ plan: {} }, inspection, able)).toEqual([])
    expect(fartherThanNearest(job, aTask({ kind: 'render' }), able)).toEqual([])
  })
})
