import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createTestDatabase, eventually } from '@elstream/testing';
import { Program, varFolder } from './process.fixture';

const UP = /"address":"(http:[^"]+)"/;

interface Pipeline {
  readonly activeRunId: string | null;
  readonly tables: readonly { readonly table: string; readonly phase: string; readonly epoch: number; readonly rowsPreloaded: number }[];
}

async function get<T>(url: string): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${String(response.status)}`);
  return (await response.json()) as T;
}

async function copied(address: string): Promise<Pipeline> {
  return eventually(
    async () => {
      const pipeline = await get<Pipeline>(`${address}/api/v1/pipelines/inventory`);
      expect(pipeline.tables.map((t) => t.phase)).toEqual(['live', 'live', 'live', 'live']);
      expect(pipeline.activeRunId).toBeNull();
      return pipeline;
    },
    { timeoutMs: 60_000, describe: 'all tables live and the run ended', intervalMs: 100 },
  );
}

describe('the standalone process', () => {
  it('makes its databases and the sample, is killed, resumes copying nothing again, and ends with 0 within 10 s of SIGTERM', async () => {
    using dir = varFolder();
    const env = { VAR_DIR: dir.folder };
    const first = new Program('main.ts', ['--run'], env);
    const before = await copied((await first.says(UP))[1] ?? '');
    expect(before.tables.map((t) => t.table)).toEqual(expect.arrayContaining(['inventory.products', 'inventory.products_on_hand', 'inventory.customers', 'inventory.orders']));
    expect(before.tables.every((t) => t.rowsPreloaded > 500)).toBe(true);
    await first.end('SIGKILL');

    const second = new Program('main.ts', ['--run'], env);
    const address = (await second.says(UP))[1] ?? '';
    const after = await copied(address);
    expect(after.tables.map((t) => [t.table, t.epoch, t.rowsPreloaded])).toEqual(before.tables.map((t) => [t.table, t.epoch, t.rowsPreloaded]));
    expect(await get(`${address}/api/v1/runs`)).toMatchObject([{ state: 'succeeded', reason: 'initial' }]);
    const { code, ms } = await second.end('SIGTERM');
    expect(code).toBe(0);
    // R12 is a promise in seconds.
    expect(ms).toBeLessThan(10_000);
  }, 120_000);

  it('works over given databases by a pipeline file, and a run killed in the middle is finished by the next start', async () => {
    using dir = varFolder();
    await using source = await createTestDatabase('standalone_source');
    await using warehouse = await createTestDatabase('standalone_warehouse');
    await source.query(`CREATE TABLE item (id int PRIMARY KEY, name text); INSERT INTO item SELECT i, 'item ' || i FROM generate_series(1, 20000) i`);
    const file = path.join(dir.folder, 'shop.yaml');
    writeFileSync(file, 'name: shop\nsource: { url: "${SOURCE_URL}" }\nwarehouse: { url: "${WAREHOUSE_URL}" }\ntables: { include: [public.item] }\ndefaults: { chunkRows: 500 }\n');
    const env = { VAR_DIR: dir.folder, SOURCE_URL: source.url, WAREHOUSE_URL: warehouse.url };
    const done = () => warehouse.query<{ n: number }>(`SELECT count(*)::int AS n FROM elstream.task WHERE kind = 'preload-chunk' AND state = 'done'`);
    const first = new Program('main.ts', ['--pipeline', file, '--run'], env);
    await first.says(UP);
    await eventually(async () => expect((await done())[0]?.n).toBeGreaterThan(2), { intervalMs: 5 });
    await first.end('SIGKILL');
    await source.query(`UPDATE item SET name = 'changed meanwhile' WHERE id % 100 = 0`);

    const second = new Program('main.ts', ['--pipeline', file, '--run'], env);
    const address = (await second.says(UP))[1] ?? '';
    await eventually(async () => expect(await get(`${address}/api/v1/runs`)).toMatchObject([{ state: 'succeeded' }]), { timeoutMs: 60_000 });
    await eventually(async () => expect(await warehouse.query('SELECT id, name FROM item ORDER BY id')).toEqual(await source.query('SELECT id, name FROM item ORDER BY id')));
    expect((await second.end('SIGTERM')).code).toBe(0);
    await source.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database() AND NOT active');
  }, 120_000);

  it('refuses a pipeline file that is not there by name, and starts no database for it', async () => {
    using dir = varFolder();
    const program = new Program('main.ts', ['--pipeline', '/nowhere/x.yaml'], { VAR_DIR: dir.folder });
    expect((await program.exited).code).toBe(1);
    expect(program.stderr).toMatch(/\/nowhere\/x\.yaml.*cannot be read/);
    expect(readdirSync(dir.folder)).toEqual([]);
  });
});
