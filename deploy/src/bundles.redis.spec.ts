import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { environmentOfContainer, type KubernetesObject, type RedisServer, renderOverlay, startRedisServer, type Workload, workloadsOf } from '@elstream/servers';
import { createTestDatabase, eventually, type TestDatabase } from '@elstream/testing';
import { appFolder, filesOf, makeBundles, Started } from './bundle.fixture';
import { healthCommand } from './dockerfile';
import { BUNDLED } from './environment';

jest.setTimeout(180_000);

let bundles: Awaited<ReturnType<typeof makeBundles>>;
let objects: KubernetesObject[];
let redis: RedisServer;
let source: TestDatabase;
let warehouse: TestDatabase;
const folders: string[] = [];
const running: Started[] = [];

beforeAll(async () => {
  [bundles, objects, redis, source, warehouse] = await Promise.all([makeBundles(), renderOverlay('dev'), startRedisServer({ password: 'pass word' }), createTestDatabase('deploy_source'), createTestDatabase('deploy_warehouse')]);
}, 600_000);

afterAll(async () => {
  await Promise.all(running.map((program) => program.stop('SIGKILL')));
  await Promise.all([redis?.stop(), source?.drop(), warehouse?.drop()]);
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  bundles?.[Symbol.dispose]();
});

const newFolder = (withPipelines: boolean): string => {
  const folder = appFolder(bundles.folder, withPipelines);
  folders.push(folder);
  return folder;
};

const dockerfile = readFileSync(path.join(__dirname, '..', 'docker', 'Dockerfile'), 'utf8');
const TOKEN = 'token-of-the-test';

/** A pod's only container as the manifests start it; host names, ports and secrets are changed, nothing else. */
function start(component: string, folder: string): { readonly program: Started; readonly workload: Workload } {
  const workload = workloadsOf(objects).find((candidate) => candidate.component === component)!;
  const [container] = workload.pod.containers;
  const { values, secrets } = environmentOfContainer(objects, container!);
  const known: Record<string, string> = { REDIS_URL: redis.url, SOURCE_URL: source.url, WAREHOUSE_URL: warehouse.url, API_TOKEN: TOKEN };
  const secretValues = Object.fromEntries(Object.entries(secrets).map(([name, { key }]) => [name, known[key]!]));
  const local = 'HTTP_PORT' in values ? { HTTP_HOST: '127.0.0.1', HTTP_PORT: '0' } : {};
  const program = new Started(folder, container!.command!, { ...values, ...secretValues, ...local });
  running.push(program);
  return { program, workload };
}

it.each(BUNDLED)('%s starts without anything installed, says what is missing and ends with 1', async (name) => {
  const program = new Started(newFolder(false), ['node', `${name}.cjs`], {});
  running.push(program);
  expect(await program.ended).toBe(1);
  expect(program.output).toMatch(name === 'migrate' ? /PIPELINES_DIR/ : /REDIS_URL/);
  expect(program.output).not.toMatch(/MODULE_NOT_FOUND|Cannot find module/);
});

it('names lines of our sources in stack traces', async () => {
  const folder = newFolder(false);
  const text = `require('./gateway.cjs'); process.on('exit', () => { const { findSourceMap } = require('node:module'); console.log('sources:', findSourceMap(require.resolve('./gateway.cjs')).payload.sources.filter((s) => s.endsWith('apps/gateway/src/main.ts')).length); });`;
  const program = new Started(folder, ['node', '-e', text], {});
  await program.ended;
  expect(program.output).toContain('sources: 1');
});

describe('from the manifests', () => {
  it('migrate makes the control tables and ends with 0, again and again', async () => {
    for (let time = 0; time < 2; time++) {
      const { program } = start('migrate', newFolder(true));
      expect([await program.ended, program.output]).toEqual([0, expect.anything()]);
    }
    expect(await warehouse.query(`SELECT 1 FROM information_schema.tables WHERE table_schema = 'elstream' AND table_name = 'run'`)).toHaveLength(1);
  });

  it.each(['gateway', 'preloader', 'streamer', 'validator'])('%s answers its probes and its scrapes, writes no file, and ends with 0 within its grace period', async (component) => {
    const folder = newFolder(true);
    const before = filesOf(folder);
    const { program, workload } = start(component, folder);
    const address = await program.address();
    const { startupProbe, livenessProbe, readinessProbe } = workload.pod.containers[0]!;
    for (const probe of [startupProbe, livenessProbe, readinessProbe]) await answers(program, `${address}${probe!.httpGet!.path}`);
    const metrics = await fetch(`${address}/metrics`);
    expect([metrics.status, await metrics.text()]).toEqual([200, expect.stringContaining('elstream_')]);
    const healthCheck = (): Promise<number | null> => new Started(folder, healthCommand(dockerfile), { HTTP_PORT: new URL(address).port }).ended;
    expect(await healthCheck()).toBe(0);
    const began = performance.now();
    expect(await program.stop()).toBe(0);
    expect(performance.now() - began).toBeLessThan(workload.pod.terminationGracePeriodSeconds! * 1000);
    expect(await healthCheck()).toBe(1);
    expect(filesOf(folder)).toEqual(before);
  });

  it('gateway serves its documentation and nothing else that lies beside it', async () => {
    const { program } = start('gateway', newFolder(true));
    const address = await program.address();
    await answers(program, `${address}/health/ready`);
    const get = (file: string): Promise<Response> => fetch(`${address}/api/docs${file}`, { headers: { Authorization: `Bearer ${TOKEN}` } });
    const page = await (await get('/')).text();
    const assets = [...page.matchAll(/(?:src|href)=['"]\.\/([^'"]+)['"]/g)].map((match) => match[1]!);
    expect(assets).toEqual(expect.arrayContaining(['swagger-ui.css', 'swagger-ui-bundle.js', 'swagger-ui-standalone-preset.js', 'swagger-ui-init.js']));
    for (const asset of assets) expect([asset, (await get(`/${asset}`)).status]).toEqual([asset, 200]);
    for (const file of ['/gateway.cjs', '/../gateway.cjs', '/pipelines/inventory.yaml', '/%2e%2e/pipelines/inventory.yaml']) expect([file, (await get(file)).status]).toEqual([file, 404]);
    expect((await fetch(`${address}/api/docs/`)).status).toBe(401);
    expect(await program.stop()).toBe(0);
  });
});

async function answers(program: Started, url: string): Promise<void> {
  await eventually(async () => {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${url}: ${String(answer.status)} ${await answer.text()}`);
  }, { timeoutMs: 30_000, describe: url, unlessFails: program.mustRun() });
}

it('has no bundle that the Dockerfile or the manifests do not know, and no file of an odd place', () => {
  expect(filesOf(bundles.folder).filter((file) => file.endsWith('.cjs') && !file.startsWith('node_modules')).sort()).toEqual(BUNDLED.map((name) => `${name}.cjs`).sort());
  expect(new Set(filesOf(bundles.folder).map((file) => file.split(path.sep)[0]))).toEqual(new Set(['THIRD_PARTY.txt', 'node_modules', 'swagger-ui', ...BUNDLED.flatMap((name) => [`${name}.cjs`, `${name}.cjs.map`])]));
});
