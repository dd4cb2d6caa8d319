import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createTestRedis, eventually, startOwnRedis, startOwnServer } from '@elstream/testing';

const root = path.join(__dirname, '..', '..', '..');
const folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-life-'));
/** A warehouse that nobody answers for. */
const AWAY = 'postgres://u:p@127.0.0.1:1/warehouse';
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A worker service as it is started for real, from sources; the source of its pipeline is away. */
function start(env: Readonly<Record<string, string>>) {
  writeFileSync(path.join(folder, 'p.yaml'), `name: life\nsource: { url: 'postgres://u:p@127.0.0.1:1/away' }\nwarehouse: { url: '\${WAREHOUSE_URL}' }\ntables: { include: ['public.item'] }\n`);
  const child = spawn(process.execPath, ['-r', path.join(root, 'tools', 'swc-register.cjs'), path.join(__dirname, 'main.ts')], {
    env: { ...process.env, HTTP_PORT: '0', PIPELINES_DIR: folder, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  children.push(child);
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString('utf8')));
  const exit = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  const health = async (route: string): Promise<{ readonly status: number; readonly failing: readonly string[] }> => {
    const response = await fetch(`${/"address":"(http:[^"]+)"/.exec(log)?.[1] ?? ''}/health/${route}`);
    const { checks = [] } = (await response.json()) as { checks?: { name: string; ok: boolean }[] };
    return { status: response.status, failing: checks.filter((check) => !check.ok).map((check) => check.name) };
  };
  return { child, exit, health, log: () => log };
}

const soon = { timeoutMs: 40_000 };

describe('the life of a service process', () => {
  it('waits for a warehouse that is away, live but unready, and ends with 0 when told to', async () => {
    await using redis = await createTestRedis('life');
    const service = start({ WAREHOUSE_URL: AWAY, REDIS_URL: redis.url, REDIS_PREFIX: redis.prefix });
    await eventually(async () => expect(await service.health('live')).toMatchObject({ status: 200 }), soon);
    expect(await service.health('ready')).toEqual({ status: 503, failing: ['started'] });
    service.child.kill('SIGTERM');
    expect(await service.exit).toBe(0);
  }, 60_000);

  it('starts while source and Redis are away; Redis and warehouse make it unready, never dead, a source does not', async () => {
    const redis = await startOwnRedis();
    const server = await startOwnServer();
    try {
      const warehouse = await server.createDatabase('life');
      await redis.kill();
      const service = start({ WAREHOUSE_URL: warehouse.url, REDIS_URL: redis.url });
      const becomes = async (status: number, failing: readonly string[]): Promise<void> => {
        await eventually(async () => expect(await service.health('ready')).toEqual({ status, failing }), { ...soon, describe: service.log().slice(-2_000) });
        expect((await service.health('live')).status).toBe(200);
      };
      await becomes(503, ['redis']);
      await redis.restart();
      await becomes(200, []);
      await redis.kill();
      await becomes(503, ['redis']);
      await redis.restart();
      await becomes(200, []);
      await server.stop();
      await becomes(503, ['warehouse']);
      service.child.kill('SIGTERM');
      expect(await service.exit).toBe(0);
    } finally {
      await redis.stop();
      await server.stop();
    }
  }, 120_000);

  it('ends with 1, and says so, when an error is caught by nobody', async () => {
    const service = start({ WAREHOUSE_URL: AWAY, REDIS_URL: 'redis://127.0.0.1:1', NODE_OPTIONS: `-r ${path.join(__dirname, 'uncaught.fixture.cjs')}` });
    expect(await service.exit).toBe(1);
    expect(service.log()).toMatch(/"error":"nobody caught this".*an error that nobody caught/);
  }, 60_000);
});
