// What the page tests share; see support/.
export * from './support/adapters.mjs'
export * from './support/bases.mjs'
export * from './support/browser.mjs'
export * from './support/module.mjs'
export * from './support/page.mjs'
export * from './support/pictures.mjs'
export * from './support/server.mjs'
export * from './support/setup.mjs'
