// node tools/test-mssql.mjs <project folder> [jest's options]: only its *.mssql.spec.ts, on the server of MSSQL_URL.
// `npx nx run-many -t test:mssql` does that for every project that has some.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { root } from './lint/boundaries.mjs';

const [project, ...options] = process.argv.slice(2);

if (!project) {
  console.error('which project? node tools/test-mssql.mjs libs/testing');
  process.exitCode = 2;
} else if (!process.env.MSSQL_URL) {
  console.error('MSSQL_URL is not set, so there is no SQL Server to test on: MSSQL_URL=mssql://user:password@host:port/master?encrypt=true&trustServerCertificate=true, of a login that may create databases');
  process.exitCode = 1;
} else {
  const jest = path.join(path.dirname(createRequire(import.meta.url).resolve('jest/package.json')), 'bin', 'jest.js');
  const without = (process.env.ELSTREAM_TESTS_WITHOUT ?? '').split(',').filter((suffix) => suffix && suffix !== 'mssql');
  // one file at a time: the suites share one server with whoever else uses it
  const args = [jest, '-c', 'jest.config.cjs', '--runInBand', '--testPathPatterns', '\\.mssql\\.spec\\.ts$', ...options];
  const { status, error } = spawnSync(process.execPath, args, { cwd: path.join(root, project), stdio: 'inherit', env: { ...process.env, ELSTREAM_TESTS_WITHOUT: without.join() } });
  if (error) throw error;
  process.exitCode = status ?? 1;
}
