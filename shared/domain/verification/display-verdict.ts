/**
 * Shares of visibly different samples of an 8-bit image. Measured on honest runs of other CPU kernels: 0.02 %; on 58
 * samples instead of 64: 15.6 %. Between the two limits nobody is blamed and a third worker is asked.
 */
const VISIBLE_AGREED_PERCENT = 0.5
const VISIBLE_REFUTED_PERCENT = 4

export function displayVerdict(measures: { visiblyDifferingPercent: number }): 'agreed' | 'grey' | 'refuted' {
  if (measures.visiblyDifferingPercent <= VISIBLE_AGREED_PERCENT) return 'agreed'
  return measures.visiblyDifferingPercent > VISIBLE_REFUTED_PERCENT ? 'refuted' : 'grey'
}

/** The worst of several verdicts on parts of one result. */
export function worstVerdict(verdicts: readonly ('agreed' | 'grey' | 'refuted')[]): 'agreed' | 'grey' | 'refuted' {
  if (verdicts.includes('refuted')) return 'refuted'
  return verdicts.includes('grey') ? 'grey' : 'agreed'
}
