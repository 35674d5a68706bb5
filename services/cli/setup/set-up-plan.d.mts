export interface Program {
  readonly command: string
  readonly package: string
  readonly words: string
  readonly instead?: string
}
export const FARM_PROGRAMS: readonly Program[]
export const TEST_PROGRAMS: readonly Program[]
export function missingPrograms(
  programs: readonly Program[],
  isThere: (command: string) => boolean,
  environment: Readonly<Record<string, string | undefined>>,
): Program[]
export function rootPrefix(machine: {
  apt: boolean
  root: boolean
  sudo: boolean
  terminal: boolean
}): readonly string[] | null
export function packagesOf(missing: readonly Program[]): string[]
export function byHandText(missing: readonly Program[]): string
export function isInstalled(lock: unknown, installed: unknown): boolean
