// The linter's rules for www/ and tests/page/. From the workspace's root:
// tests/page/node_modules/.bin/eslint --config tests/page/eslint.config.mjs www tests/page
import js from '@eslint/js'
import globals from 'globals'

const rules = {
  ...js.configs.recommended.rules,
  eqeqeq: ['error', 'always', { null: 'ignore' }],
  'no-shadow-restricted-names': 'error',
  'no-unused-expressions': ['error', { allowShortCircuit: true, allowTernary: true }],
  'no-unused-vars': ['error', { ignoreRestSiblings: true, varsIgnorePattern: '^_', caughtErrors: 'none' }],
  'no-useless-rename': 'error',
  'no-var': 'error',
  'object-shorthand': 'error',
  'prefer-const': 'error',
}
// What tests/page/globals.d.ts declares.
const inTests = ['DigitDiffusion', 'axe', 'model', 'draw', 'same', 'failure', 'events', 'seen', 'steps', 'equal', 'ended', 'held', 'made', 'loads', 'away', 'engine', 'files', 'load', 'openWith', 'drawing', 'greys', 'lessons', 'learnt', 'teach', 'taught']

const modules = { parserOptions: { ecmaFeatures: { jsx: true } }, globals: globals.browser }

export default [
  { ignores: ['**/node_modules/', 'www/engine/', 'tests/page/bundlers/*/dist/', 'tests/page/bundlers/*/public/', 'tests/page/frameworks/*/public/', '**/.next/', 'tests/page/frameworks/*/dist*/', 'tests/page/frameworks/*/.*/'] },
  { files: ['www/**/*.js'], languageOptions: { globals: globals.browser }, rules },
  { files: ['tests/page/bundlers/**/*.js'], languageOptions: modules, rules: { 'no-undef': 'error' } },
  { files: ['www/sw.js'], languageOptions: { globals: globals.serviceworker } },
  { files: ['www/guard.js'], languageOptions: { sourceType: 'script' }, rules: { 'no-var': 'off' } },
  {
    files: ['tests/page/**/*.mjs', 'xtask/bench/**/*.mjs', 'xtask/bundle/**/*.mjs'],
    languageOptions: { globals: { ...globals.node, ...globals.browser, ...Object.fromEntries(inTests.map(name => [name, 'readonly'])) } },
    rules,
  },
]
