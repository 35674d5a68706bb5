/** The content type that the ending of a key stands for; bytes of no known kind where it has none. */
export function contentTypeOfKey(key: string): string {
  const ending = /\.([A-Za-z0-9]+)$/.exec(key)?.[1]?.toLowerCase()
  return (ending === undefined ? undefined : CONTENT_TYPES.get(ending)) ?? 'application/octet-stream'
}

// Nothing in here is run by a browser (no HTML, no SVG): a job's files come from strangers.
const CONTENT_TYPES: ReadonlyMap<string, string> = new Map([
  ['avi', 'video/x-msvideo'],
  ['avif', 'image/avif'],
  ['bmp', 'image/bmp'],
  ['cin', 'image/x-cineon'],
  ['dpx', 'image/x-dpx'],
  ['exr', 'image/x-exr'],
  ['hdr', 'image/vnd.radiance'],
  ['j2c', 'image/x-jp2-codestream'],
  ['jp2', 'image/jp2'],
  ['jpeg', 'image/jpeg'],
  ['jpg', 'image/jpeg'],
  ['json', 'application/json'],
  ['jsonl', 'application/x-ndjson'],
  ['mkv', 'video/x-matroska'],
  ['mov', 'video/quicktime'],
  ['mp4', 'video/mp4'],
  ['mpg', 'video/mpeg'],
  ['ogv', 'video/ogg'],
  ['png', 'image/png'],
  ['rgb', 'image/x-rgb'],
  ['tga', 'image/x-tga'],
  ['tif', 'image/tiff'],
  ['tiff', 'image/tiff'],
  ['txt', 'text/plain; charset=utf-8'],
  ['webm', 'video/webm'],
  ['webp', 'image/webp'],
  ['zip', 'application/zip'],
])
