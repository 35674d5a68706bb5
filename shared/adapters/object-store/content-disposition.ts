/**
 * The header value that makes a browser save under this name: plain for old clients, and exact in
 * UTF-8 (RFC 6266). Folders and control characters are taken out, so any name may be given.
 */
export function contentDisposition(filename: string): string {
  const safe = filename.slice(0, FILENAME_CHARS_MAX).replace(/[\p{Cc}\p{Surrogate}/\\]/gu, '_')
  const plain = safe
    .replace(/[^ -~]/g, '_')
    .replaceAll('"', "'")
    .replaceAll('%', '_')
  const exact = encodeURIComponent(safe).replace(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${plain}"; filename*=UTF-8''${exact}`
}

/** Longest suggested file name in characters: what fits a file name on usual systems. */
const FILENAME_CHARS_MAX = 200
