import { openExr } from './exr-reader.ts'
import type { ExrRefusal } from './exr-format.ts'

/**
 * What files must have in common to be parts of one frame, whatever their sizes: channels, packing, and where pixels
 * lie in the picture.
 */
export async function exrLayout(path: string): Promise<{ readonly ok: true; readonly layout: string } | ExrRefusal> {
  const opened = await openExr(path)
  if (!opened.ok) return opened
  const { channels, compression, lineOrder, dataWindow: data, displayWindow: display } = opened.reader.header
  await opened.reader.close()
  const margins = [
    data.xMin - display.xMin,
    data.yMin - display.yMin,
    display.xMax - data.xMax,
    display.yMax - data.yMax,
  ]
  const names = channels.map(({ name, type }) => `${name} ${type}`)
  return {
    ok: true,
    layout: [...names, `packed by ${compression}, rows ${lineOrder}, margins ${margins.join(' ')}`].join(', '),
  }
}
