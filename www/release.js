// Which release these scripts are of: module and worker say it to each other. The build puts it here.
// Tests: tests/page/two-releases.test.mjs
export const RELEASE = 'sources'
