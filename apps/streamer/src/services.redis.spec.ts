import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createTestDatabase, createTestRedis, eventually, expectSameRows } from '@elstream/testing';

const root = path.join(__dirname, '..', '..', '..');

interface Service {
  readonly process: ChildProcess;
  log(): string;
  /** Address that API, health and metrics listen on; '' until it is known. */
  address(): string;
  readonly exit: Promise<number | null>;
}

/** A service as it is started for real, from sources. */
function startService(name: string, env: Readonly<Record<string, string>>): Service {
  const child = spawn(process.execPath, ['-r', path.join(root, 'tools', 'swc-register.cjs'), path.join(root, 'apps', name, 'src', 'main.ts')], { env: { ...process.env, HTTP_PORT: '0', ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString('utf8')));
  const exit = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  return { process: child, log: () => log, address: () => /"address":"(http:[^"]+)"/.exec(log)?.[1] ?? '', exit };
}

async function ask<T>(service: Service | undefined, route: string, method = 'GET'): Promise<T> {
  const response = await fetch(`${service?.address() ?? ''}${route}`, { method });
  if (!response.ok) throw new Error(`${method} ${route}: ${String(response.status)} ${await response.text()}`);
  return (await response.json()) as T;
}

test('four services as processes of their own, driven through the API alone, finish a run over Redis and exit 0 on SIGTERM', async () => {
  await using source = await createTestDatabase('src');
  await using warehouse = await createTestDatabase('wh');
  await using redis = await createTestRedis('services');
  const folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-services-'));
  const services: Service[] = [];
  try {
    const name = source.name.replaceAll('_', '-').slice(0, 40);
    writeFileSync(path.join(folder, 'p.yaml'), `name: ${name}\nsource: { url: '\${SOURCE_URL}' }\nwarehouse: { url: '\${WAREHOUSE_URL}' }\nstream: { counterIntervalMs: 500 }\ntables: { include: ['public.item'] }\n`);
    await source.query(`CREATE TABLE item (id int PRIMARY KEY, name text); INSERT INTO item SELECT i, 'item ' || i FROM generate_series(1, 1000) i`);
    const env = { PIPELINES_DIR: folder, SOURCE_URL: source.url, WAREHOUSE_URL: warehouse.url, LOG_LEVEL: 'info', REDIS_URL: redis.url, REDIS_PREFIX: redis.prefix };
    services.push(...['gateway', 'preloader', 'streamer', 'validator'].map((service) => startService(service, env)));
    const [gateway] = services;
    const dead = Promise.race(services.map(async (s) => Promise.reject(new Error(`a service ended with ${String(await s.exit)}: ${s.log()}`))));
    dead.catch(() => undefined);
    const logs = (): string => services.map((s) => s.log().slice(-1_500)).join('\n---\n');
    const soon = { timeoutMs: 60_000, unlessFails: dead };
    for (const service of services) await eventually(async () => ask(service, '/health/ready'), { ...soon, describe: 'a service becoming ready' });

    const { id } = await ask<{ id: string }>(gateway, `/api/v1/pipelines/${name}/runs`, 'POST');
    await eventually(async () => expect(await ask(gateway, `/api/v1/runs/${id}`)).toMatchObject({ state: 'succeeded', differences: 0 }), { ...soon, describe: `the run\n${logs()}` });
    await source.query(`UPDATE item SET name = 'changed' WHERE id % 2 = 0`);
    const columns = ['id', 'name'];
    await eventually(() => expectSameRows({ url: source.url, table: 'item', columns }, { url: warehouse.url, table: 'item', columns }), soon);
    for (const service of services) expect(await (await fetch(`${service.address()}/metrics`)).text()).toContain('elstream_pipeline_files_invalid 0');

    for (const service of services) service.process.kill('SIGTERM');
    expect(await Promise.all(services.map((s) => s.exit))).toEqual([0, 0, 0, 0]);
    expect(logs()).not.toContain(new URL(source.url).password);
  } finally {
    for (const service of services) service.process.kill('SIGKILL');
    await Promise.all(services.map((s) => s.exit));
    await source.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database() AND NOT active');
    rmSync(folder, { recursive: true, force: true });
  }
}, 180_000);
