/** A URL without what makes it a secret (its query and user info), for logs and messages. */
export function placeOf(url: URL): string {
  return `${url.host}${url.pathname}`
}

/** The URL that a coordinator sent, which may be relative to its own address; undefined when it is no HTTP URL. */
export function httpUrl(text: string, coordinator: URL): URL | undefined {
  const base = new URL(coordinator.href)
  base.protocol = base.protocol === 'wss:' ? 'https:' : 'http:'
  if (!URL.canParse(text, base.href)) return undefined
  const url = new URL(text, base)
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined
}
