import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Candidate,
  type Pair,
  type PairVerdict,
  allDisagree,
  isSteady,
  isUnreadable,
  isUnrepeatable,
  settle,
} from '../../../../shared/domain/verification/settle-dispute.ts'
import { worker } from '../records.ts'

/** `own` first: each candidate as `worker:image`; two candidates agree if their images are the same. */
function world(...entries: string[]): { candidates: Candidate[]; pairs: Pair[]; images: Map<string, string> } {
  const candidates = entries.map((entry, index): Candidate => ({
    key: `k${index}`,
    workerId: worker(entry.split(':')[0] ?? ''),
    own: index === 0,
  }))
  const images = new Map(entries.map((entry, index) => [`k${index}`, entry.split(':')[1] ?? '']))
  return {
    candidates,
    images,
    pairs: pairsOf(candidates, (a, b) => (images.get(a) === images.get(b) ? 'agreed' : 'refuted')),
  }
}

function pairsOf(candidates: readonly Candidate[], verdict: (a: string, b: string) => PairVerdict): Pair[] {
  return candidates.flatMap((a, index) =>
    candidates.slice(index + 1).map((b) => ({ a: a.key, b: b.key, verdict: verdict(a.key, b.key) })),
  )
}

function settled(...entries: string[]) {
  const { candidates, pairs } = world(...entries)
  return settle(candidates, pairs)
}

describe('renderings that the farm does not read', () => {
  const of = (verdicts: Partial<Record<string, PairVerdict>>, ...entries: string[]) => {
    const { candidates } = world(...entries)
    const pairs = pairsOf(candidates, (a, b) => verdicts[`${a} ${b}`] ?? 'unread')
    return { settlement: settle(candidates, pairs), isUnreadable: isUnreadable(candidates, pairs) }
  }

  test('settle nothing and blame nobody, however many there are', () => {
    expect(of({}, 'anna', 'bert')).toEqual({ settlement: { type: 'open' }, isUnreadable: true })
    expect(of({}, 'anna', 'bert', 'carl', 'dora')).toEqual({ settlement: { type: 'open' }, isUnreadable: true })
  })

  test('of one worker alone, or beside one that is read, leave it to others', () => {
    expect(of({}, 'anna', 'anna').isUnreadable).toBe(false)
    expect(of({ 'k0 k2': 'grey', 'k1 k2': 'grey' }, 'anna', 'bert', 'carl').isUnreadable).toBe(false)
  })

  test('do not keep two others from agreeing, and are not refuted by them', () => {
    const { settlement } = of({ 'k0 k1': 'grey', 'k0 k2': 'grey', 'k1 k2': 'agreed' }, 'anna', 'bert', 'carl')
    expect(settlement).toEqual({ type: 'settled', canonical: 'k1', agreed: ['k1', 'k2'], refuted: [] })
  })
})

describe('several renderings of one task', () => {
  test('one alone settles nothing', () => {
    expect(settled('anna:x')).toEqual({ type: 'open' })
    expect(settle([], [])).toEqual({ type: 'open' })
  })

  test('two that agree: the checked one counts', () => {
    expect(settled('anna:x', 'bert:x')).toEqual({ type: 'settled', canonical: 'k0', agreed: ['k0', 'k1'], refuted: [] })
  })

  test('one against one: nobody is blamed', () => {
    expect(settled('anna:x', 'bert:y')).toEqual({ type: 'open' })
  })

  test('one against two: the one is blamed, whoever it is', () => {
    expect(settled('anna:y', 'bert:x', 'carl:x')).toEqual({
      type: 'settled',
      canonical: 'k1',
      agreed: ['k1', 'k2'],
      refuted: ['k0'],
    })
    expect(settled('anna:x', 'bert:y', 'carl:x')).toEqual({
      type: 'settled',
      canonical: 'k0',
      agreed: ['k0', 'k2'],
      refuted: ['k1'],
    })
    expect(settled('anna:x', 'bert:x', 'carl:y')).toMatchObject({ canonical: 'k0', refuted: ['k2'] })
  })

  test('the same worker twice is no second opinion', () => {
    expect(settled('anna:x', 'anna:x')).toEqual({ type: 'open' })
    expect(settled('anna:x', 'bert:y', 'anna:x')).toEqual({ type: 'open' })
    expect(settled('anna:x', 'bert:y', 'anna:x', 'bert:y')).toEqual({ type: 'open' })
  })

  test('two groups of two stay open: the scene itself may differ each time', () => {
    expect(settled('anna:x', 'bert:x', 'carl:y', 'dora:y')).toEqual({ type: 'open' })
  })

  test(
    'two groups of which one contradicts itself wholly: what two steady ' +
      'workers agree on counts, and nobody is blamed',
    () => {
      const both = ['anna:y', 'bert:x', 'anna:x', 'bert:y']
      expect(settled(...both)).toEqual({ type: 'open' })
      expect(settled(...both, 'carl:x')).toEqual({ type: 'open' })
      expect(settled(...both, 'carl:x', 'dora:x')).toEqual({
        type: 'settled',
        canonical: 'k4',
        agreed: ['k4', 'k5'],
        refuted: [],
      })
      expect(settled(...both, 'carl:x', 'dora:y')).toEqual({ type: 'open' })
      expect(settled(...both, 'carl:y', 'dora:x', 'emil:x', 'fran:y')).toEqual({ type: 'open' })
    },
  )

  test('a group of two against one worker who said the same twice', () => {
    expect(settled('anna:x', 'bert:y', 'anna:x', 'carl:y')).toMatchObject({
      type: 'settled',
      canonical: 'k1',
      refuted: ['k0', 'k2'],
    })
  })

  test('a grey pair neither agrees nor refutes', () => {
    const { candidates } = world('anna:x', 'bert:x', 'carl:x')
    expect(
      settle(
        candidates.slice(0, 2),
        pairsOf(candidates.slice(0, 2), () => 'grey'),
      ),
    ).toEqual({ type: 'open' })
    const greyTowardsCarl = pairsOf(candidates, (_, b) => (b === 'k2' ? 'grey' : 'agreed'))
    expect(settle(candidates, greyTowardsCarl)).toEqual({
      type: 'settled',
      canonical: 'k0',
      agreed: ['k0', 'k1'],
      refuted: [],
    })
  })

  test('refuted by one and grey to the other is not enough for blame', () => {
    const { candidates } = world('anna:y', 'bert:x', 'carl:x')
    const pairs: Pair[] = [
      { a: 'k0', b: 'k1', verdict: 'refuted' },
      { a: 'k0', b: 'k2', verdict: 'grey' },
      { a: 'k1', b: 'k2', verdict: 'agreed' },
    ]
    expect(settle(candidates, pairs)).toEqual({ type: 'settled', canonical: 'k1', agreed: ['k1', 'k2'], refuted: [] })
  })
})

describe('with liars', () => {
  const names = ['anna', 'bert', 'carl', 'dora', 'emil']
  /** Renderings in any order; an honest worker gives `true`, a liar whatever it likes, each time anew. */
  const renderings = (liars: number) =>
    fc
      .array(fc.record({ who: fc.nat(names.length - 1), lie: fc.constantFrom('true', 'one', 'two') }), {
        minLength: 1,
        maxLength: 7,
      })
      .map((list) => list.map(({ who, lie }) => `${names[who]}:${who < liars ? lie : 'true'}`))

  test(
    'one alone never gets an honest worker blamed and never has ' + 'its lie counted, in any order of any renderings',
    () => {
      fc.assert(
        fc.property(renderings(1), (entries) => {
          const { candidates, pairs, images } = world(...entries)
          const settlement = settle(candidates, pairs)
          if (settlement.type === 'open') return
          for (const key of settlement.refuted)
            expect(candidates.find((each) => each.key === key)?.workerId).toBe(worker('anna'))
          expect(images.get(settlement.canonical)).toBe('true')
        }),
        { numRuns: 2_000 },
      )
    },
  )

  test('of any number: an honest worker is blamed only where liars outnumber the honest two to one', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 4 }).chain((liars) => renderings(liars).map((entries) => ({ liars, entries }))),
        ({ liars, entries }) => {
          const { candidates, pairs } = world(...entries)
          const settlement = settle(candidates, pairs)
          if (settlement.type === 'open') return
          const honest = new Set(
            candidates
              .map((each) => each.workerId)
              .filter((id) => names.findIndex((name) => worker(name) === id) >= liars),
          )
          const blamed = candidates.filter((each) => settlement.refuted.includes(each.key) && honest.has(each.workerId))
          if (blamed.length > 0) expect(honest.size).toBe(1)
        },
      ),
      { numRuns: 2_000 },
    )
  })

  test('nobody is ever both blamed and believed for the same rendering, and blame takes two other workers', () => {
    fc.assert(
      fc.property(renderings(3), (entries) => {
        const { candidates, pairs } = world(...entries)
        const settlement = settle(candidates, pairs)
        if (settlement.type === 'open') return
        expect(settlement.agreed).toContain(settlement.canonical)
        expect(settlement.refuted.filter((key) => settlement.agreed.includes(key))).toEqual([])
        const workersOf = (keys: readonly string[]) =>
          new Set(keys.map((key) => candidates.find((each) => each.key === key)?.workerId))
        expect(workersOf(settlement.agreed).size).toBeGreaterThanOrEqual(2)
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('a scene that is not repeatable', () => {
  const seen = (...entries: string[]) => {
    const { candidates, pairs } = world(...entries)
    return {
      isUnrepeatable: isUnrepeatable(candidates, pairs),
      isSteady: isSteady(candidates, pairs),
      allDisagree: allDisagree(candidates, pairs),
      settlement: settle(candidates, pairs),
    }
  }

  test('is one of which every worker gives another image each time; nobody is blamed', () => {
    expect(seen('anna:1', 'bert:2', 'anna:3', 'bert:4')).toMatchObject({
      isUnrepeatable: true,
      isSteady: false,
      settlement: { type: 'open' },
    })
    expect(seen('anna:1', 'bert:2', 'carl:3', 'anna:4', 'bert:5', 'carl:6').isUnrepeatable).toBe(true)
  })

  test('is not one of which some worker gives the same image each time, or was asked once only', () => {
    expect(seen('anna:1', 'bert:2', 'anna:1', 'bert:4')).toMatchObject({ isUnrepeatable: false, isSteady: true })
    expect(seen('anna:1', 'bert:2', 'carl:3', 'anna:4', 'bert:5').isUnrepeatable).toBe(false)
    expect(seen('anna:1', 'anna:2').isUnrepeatable).toBe(false)
  })

  test('is suspected when three workers all disagree', () => {
    expect(seen('anna:1', 'bert:2', 'carl:3').allDisagree).toBe(true)
    expect(seen('anna:1', 'bert:2').allDisagree).toBe(false)
    expect(seen('anna:1', 'bert:2', 'carl:3', 'dora:3').allDisagree).toBe(false)
  })

  test('counts what is nearly alike as another image, but not what could not be compared', () => {
    const { candidates } = world('anna:1', 'bert:2', 'anna:1', 'bert:2')
    const grey = pairsOf(candidates, () => 'grey')
    expect(isUnrepeatable(candidates, grey)).toBe(true)
    expect(
      isUnrepeatable(
        candidates,
        grey.map((pair) => ({ ...pair, why: 'the farm does not read it' })),
      ),
    ).toBe(false)
  })

  test('lets no worker be blamed on its own second word', () => {
    expect(settled('anna:1', 'bert:2', 'anna:1', 'bert:1')).toEqual({
      type: 'settled',
      canonical: 'k0',
      agreed: ['k0', 'k2', 'k3'],
      refuted: [],
    })
    expect(settled('anna:1', 'bert:2', 'carl:1')).toMatchObject({ refuted: ['k1'] })
  })
})
