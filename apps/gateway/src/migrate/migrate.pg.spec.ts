import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createTestDatabase } from '@elstream/testing';

const root = path.join(__dirname, '..', '..', '..', '..');

/** The program as a deployment starts it: with its own environment and nothing else. */
function migrate(env: Readonly<Record<string, string>>): { readonly status: number | null; readonly log: string } {
  const { status, stderr } = spawnSync(process.execPath, ['-r', path.join(root, 'tools', 'swc-register.cjs'), path.join(__dirname, 'main.ts')], { env: { PATH: process.env['PATH'] ?? '', ...env }, encoding: 'utf8' });
  return { status, log: stderr };
}

describe('the migration of control tables', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-migrate-'));
  const file = (schema: string): string => `name: shop\nsource: { url: 'postgres://u:secret@127.0.0.1:1/away' }\nwarehouse: { url: '\${WAREHOUSE_URL}', schema: ${schema} }\ntables: { include: [public.item] }\n`;
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('brings a warehouse up to date without source and Redis, and a second time finds nothing to do', async () => {
    await using warehouse = await createTestDatabase('migrate');
    writeFileSync(path.join(folder, 'shop.yaml'), file('dwh'));
    for (const time of ['first', 'second']) {
      const { status, log } = migrate({ PIPELINES_DIR: folder, WAREHOUSE_URL: warehouse.url });
      expect({ time, status, log }).toEqual({ time, status: 0, log: expect.stringContaining('up to date') });
    }
    expect(await warehouse.query('SELECT count(*)::int AS n FROM elstream.pipeline')).toEqual([{ n: 0 }]);
  }, 60_000);

  it('ends with 1 and says why when it cannot', () => {
    writeFileSync(path.join(folder, 'shop.yaml'), file('dwh'));
    const { status, log } = migrate({ PIPELINES_DIR: folder });
    expect(status).toBe(1);
    expect(log).toMatch(/shop\.yaml:3: warehouse\.url refers to the environment variable WAREHOUSE_URL/);
    expect(log).not.toContain('secret');
  }, 60_000);
});
