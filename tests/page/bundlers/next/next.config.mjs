// `next build` writes a static site to dist/.
export default { output: 'export', distDir: 'dist' }
