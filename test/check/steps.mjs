// What `npm run check` looks at. Each step is a command that ends with 0 when all is well, and else says what is wrong.

/** How many steps run at a time: most of them use more than one core by themselves. */
export const AT_ONCE = 2

const bin = (...path) => ['node_modules', ...path].join('/')

/** @typedef {{ name: string, args: readonly string[], advice: string }} Step `args` are those of Node */

/** @type {readonly Step[]} The slowest first, since a slow one that starts last is waited for. */
export const STEPS = [
  {
    name: 'types',
    args: [bin('typescript', 'bin', 'tsc'), '-p', 'tsconfig.json', '--noEmit'],
    advice: 'correct the types',
  },
  {
    name: 'dead files, exports and dependencies',
    args: [bin('knip', 'bin', 'knip.js'), '--no-progress', '--treat-config-hints-as-errors'],
    advice: 'delete what nobody imports, or take its `export` away; knip.json names what is used without an import',
  },
  {
    name: 'lint',
    args: [bin('oxlint', 'bin', 'oxlint')],
    advice: 'correct what it points at; .oxlintrc.json holds the rules',
  },
  {
    name: 'Python',
    args: ['test/check/python.mjs'],
    advice: '`npm run format` writes the layout; correct the rest by hand',
  },
  {
    name: 'format',
    args: [bin('oxfmt', 'bin', 'oxfmt'), '--list-different'],
    advice: 'run `npm run format`',
  },
  {
    name: 'width of lines',
    args: ['test/check/width.mjs'],
    advice: 'break these lines; the formatter does not break strings, titles of tests and comments',
  },
  {
    name: 'imports and circles',
    args: [bin('vitest', 'vitest.mjs'), 'run', '--project', 'light', '--reporter=dot', 'test/architecture.test.ts'],
    advice: 'see what test/architecture.test.ts expects of the folders',
  },
]
