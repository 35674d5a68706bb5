export function swiftFolder(): string
export function swiftEnvironment(root?: string): Record<string, string>
export function installSwift(options?: { log?: (line: string) => void }): { root: string; installed: boolean }
