// node tools/prepare.mjs: finds or fetches what the tests need beside npm's packages, and says what cannot be had and what
// to do. Exit code 0: all is there, but for a SQL Server. `npm test` does the same by itself; then specs whose server is
// missing are skipped, except under CI=true, where a missing one is a failure, again but for a SQL Server.
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './lint/boundaries.mjs';

const require = createRequire(import.meta.url);

/**
 * What is needed: its name, the suffix of the specs that need it (`redis` for *.redis.spec.ts; without one, the specs
 * fail), and how to find or fetch it: resolves to where it is, or rejects with the remedy in the message. One that is
 * `optional` may be missing.
 */
const needs = [
  { name: 'Redis', suffix: 'redis', find: ({ findRedisServer }) => process.env.ELSTREAM_TEST_REDIS_URL ? 'ELSTREAM_TEST_REDIS_URL' : findRedisServer() },
  { name: 'Kafka', suffix: 'kafka', find: async ({ findKafka }) => (await findKafka()).plugins },
  { name: 'SQL Server', suffix: 'mssql', optional: true, find: findMssql },
  { name: 'docker-compose', find: ({ findDockerCompose }) => findDockerCompose() },
  { name: 'kustomize', find: ({ findKustomize }) => findKustomize() },
];

/** Named by the variable or not had: none is started. Where it is goes without what would be secret. */
async function findMssql() {
  const url = process.env.MSSQL_URL;
  if (!url) throw new Error('set MSSQL_URL=mssql://user:password@host:port/master?encrypt=true&trustServerCertificate=true, of a login that may create databases');
  return `MSSQL_URL (${new URL(url).host})`;
}

/** libs/servers from its sources: nothing need be built before. */
function finders() {
  require('./swc-register.cjs');
  return require(path.join(root, 'libs/servers/src/index.ts'));
}

/** One at a time: two that use apt's lists would read them twice. `{ found: [{ name, at }], missing: [{ name, suffix, optional, why }] }` */
export async function prepare() {
  const found = [];
  const missing = [];
  for (const { name, suffix, optional = false, find } of needs) {
    try {
      found.push({ name, at: [await find(finders())].flat().join(' ') });
    } catch (error) {
      missing.push({ name, suffix, optional, why: error instanceof Error ? error.message : String(error) });
    }
  }
  return { found, missing };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { found, missing } = await prepare();
  for (const { name, at } of found) console.error(`${name}: ${at}`);
  for (const { name, why } of missing) console.error(`${name} is missing: ${why}`);
  process.exitCode = missing.every(({ optional }) => optional) ? 0 : 1;
}
