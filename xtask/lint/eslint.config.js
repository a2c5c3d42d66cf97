// What every JavaScript file must keep to, beside what TypeScript sees (tsconfig.*.json). `cargo xtask lint` runs both.
import js from '@eslint/js'
import globals from 'globals'

export default [
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-self-assign': ['error', { props: false }], // an assignment may run a setter
      'no-unused-vars': ['error', { ignoreRestSiblings: true }],
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': ['error', { destructuring: 'all' }],
    },
  },
  { files: ['www/**/*.js'], languageOptions: { globals: globals.browser } },
  { files: ['www/worker.js', 'www/worker/**/*.js'], languageOptions: { globals: globals.worker } },
  { files: ['www/sw.js'], languageOptions: { globals: globals.serviceworker, sourceType: 'script' } },
  // Tests and benchmarks are Node's, with functions that run in a page.
  { files: ['**/*.mjs'], languageOptions: { globals: { ...globals.node, ...globals.browser } } },
  { files: ['xtask/bench/page/*.js'], languageOptions: { globals: globals.browser, sourceType: 'script' } },
]
