// What is not tried, each with the reason why keying it says nothing.

export interface Exception {
  readonly pattern: RegExp
  readonly reason: string
}

export const EXCEPTIONS: readonly Exception[] = [
  {
    pattern: /\.use_stamp(_time|_date|_render_time|_memory|_hostname)?$/,
    reason: 'burns times of this machine into the image',
  },
  { pattern: /cycles\.time_limit$/, reason: 'lets the speed of the machine decide; such scenes are not promised' },
  { pattern: /cycles\.debug_use_cpu_/, reason: 'changes how all later renders of the process compute' },
  { pattern: /\.use_guiding$|\.use_deterministic_guiding$/, reason: 'path guiding is not the same twice' },
  { pattern: /^scene\/view_layer\.depsgraph\./, reason: 'the same settings by another way' },
  {
    pattern: /^node-CompositorNodeLensdist\/.*jitter/i,
    reason: 'a jitter that is not the same twice in bare Blender either',
  },
  { pattern: /^strip-GLOW\/strip\.(blur_radius|quality)$/, reason: 'bare Blender crashes in it now and then' },
  {
    pattern: /^node-CompositorNode(Bilateralblur\/node\.iterations|HueCorrect\/node\.mapping\.clip_)/,
    reason: 'bare Blender gives another frame by -a than by -f, which a farm follows',
  },
]
