'use strict';
/* global expect */
// A spec's suffix names the server it needs. One that cannot be had on this machine (tools/prepare.mjs found out) is in
// ELSTREAM_TESTS_WITHOUT, a comma-separated list: the specs that need it are skipped as a whole, and counted as such.
// A SQL Server is never started by us: without MSSQL_URL there is none, however the tests are run.
const without = [...(process.env.ELSTREAM_TESTS_WITHOUT ?? '').split(','), process.env.MSSQL_URL ? '' : 'mssql'].filter(Boolean);
const needed = /\.([a-z]+)\.spec\.ts$/.exec(expect.getState().testPath ?? '')?.[1];

if (without.includes(needed)) {
  globalThis.describe = globalThis.describe.skip;
  globalThis.it = globalThis.test = globalThis.it.skip;
}
