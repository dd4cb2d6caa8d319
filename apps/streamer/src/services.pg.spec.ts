import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createTestDatabase, eventually, expectSameRows } from '@elstream/testing';

const root = path.join(__dirname, '..', '..', '..');

/** A service as it is started for real, from sources. */
function startService(name: string, env: Record<string, string>): { process: ChildProcess; log(): string; exit: Promise<number | null> } {
  const child = spawn(process.execPath, ['-r', path.join(root, 'tools', 'swc-register.cjs'), path.join(root, 'apps', name, 'src', 'main.ts')], { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString('utf8')));
  const exit = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  return { process: child, log: () => log, exit };
}

test('preloader, streamer and validator as processes of their own finish a run together and exit 0 on SIGTERM', async () => {
  await using source = await createTestDatabase('src');
  await using warehouse = await createTestDatabase('wh');
  const folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-services-'));
  try {
    writeFileSync(path.join(folder, 'p.yaml'), `name: ${source.name.replaceAll('_', '-').slice(0, 40)}\nsource: { url: '\${SOURCE_URL}' }\nwarehouse: { url: '\${WAREHOUSE_URL}' }\nstream: { counterIntervalMs: 500 }\ntables: { include: ['public.item'] }\n`);
    await source.query(`CREATE TABLE item (id int PRIMARY KEY, name text); INSERT INTO item SELECT i, 'item ' || i FROM generate_series(1, 1000) i`);
    const env = { PIPELINES_DIR: folder, SOURCE_URL: source.url, WAREHOUSE_URL: warehouse.url, LOG_LEVEL: 'info' };
    const services = ['preloader', 'streamer', 'validator'].map((name) => startService(name, env));
    const dead = Promise.race(services.map(async (s) => Promise.reject(new Error(`a service ended with ${String(await s.exit)}: ${s.log()}`))));
    dead.catch(() => undefined);
    const logs = (): string => services.map((s) => s.log().slice(-1_500)).join('\n---\n');
    await eventually(() => services.every((s) => s.log().includes('service started')), { timeoutMs: 60_000, unlessFails: dead, describe: 'three services' });
    // The gateway is not up: the run is written as it would write it.
    await warehouse.query(`INSERT INTO elstream.run (id, pipeline, reason, state, tables) SELECT gen_random_uuid(), name, 'initial', 'pending', '[]' FROM elstream.pipeline`);
    await eventually(async () => (await warehouse.query(`SELECT 1 FROM elstream.run WHERE state = 'succeeded'`)).length === 1, { timeoutMs: 60_000, unlessFails: dead, describe: `the run\n${logs()}` });
    await source.query(`UPDATE item SET name = 'changed' WHERE id % 2 = 0`);
    const columns = ['id', 'name'];
    await eventually(() => expectSameRows({ url: source.url, table: 'item', columns }, { url: warehouse.url, table: 'item', columns }), { unlessFails: dead });
    for (const service of services) service.process.kill('SIGTERM');
    expect(await Promise.all(services.map((s) => s.exit))).toEqual([0, 0, 0]);
    expect(logs()).not.toContain(new URL(source.url).password);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 180_000);
