import type { Checker } from '../checker.ts'
import { acceptedOnce } from './accepted-once.ts'
import { attemptsBounded } from './attempts-bounded.ts'
import { auditedByOthers } from './audited-by-others.ts'
import { barredGetNoLease } from './barred-get-no-lease.ts'
import { capKept } from './cap-kept.ts'
import { countersRecount } from './counters-recount.ts'
import { creditsRecount } from './credits-recount.ts'
import { effectsFollowCommits } from './effects-follow-commits.ts'
import { everythingEnds } from './everything-ends.ts'
import { honestNeverBlamed } from './honest-never-blamed.ts'
import { leasesEnd } from './leases-end.ts'
import { noRefutedInFinal } from './no-refuted-in-final.ts'
import { noStarvation } from './no-starvation.ts'
import { nothingLeftAfterDeletion } from './nothing-left-after-deletion.ts'
import { oneLiveLease } from './one-live-lease.ts'
import { pausedGivesNothing } from './paused-gives-nothing.ts'
import { recoveryKeeps } from './recovery-keeps.ts'
import { truePixels } from './true-pixels.ts'

/** Fresh checkers for one run; some remember what they saw. */
export function allCheckers(): Checker[] {
  return [
    oneLiveLease(),
    leasesEnd(),
    acceptedOnce(),
    truePixels(),
    noRefutedInFinal(),
    attemptsBounded(),
    countersRecount(),
    creditsRecount(),
    auditedByOthers(),
    honestNeverBlamed(),
    effectsFollowCommits(),
    barredGetNoLease(),
    pausedGivesNothing(),
    capKept(),
    recoveryKeeps(),
    noStarvation(),
    everythingEnds(),
    nothingLeftAfterDeletion(),
  ]
}
