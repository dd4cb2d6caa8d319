import type { RunStage } from '@elstream/control';
import { createRepairRun, type Difference, type RunOverview } from '@elstream/replication';
import { createTestDatabase, createTestMssql, describeWith, eventually, itWith, type TestDatabase, type TestMssql } from '@elstream/testing';
import { createItems, startPipeline, startWriter, type RunningPipeline } from './pipeline.fixture';

jest.setTimeout(1_800_000);

/** What every write to a SQL Server warehouse rests on. */
const NEEDED = ['applock', 'bin2-collation', 'openjson'] as const;
/** Transactions beside the preload: a number, for a slow server never catches up with a writer that knows no end. */
const WRITTEN = 3_000;
const SETTINGS = `
  settings:
    - match: public.line
      history: derived
      target: { schema: shop }
    - match: public.item
      target: { schema: shop }
    - match: public.kinds
      target: { schema: shop }
defaults: { chunkRows: 500 }
validate: { maxRereads: 3, compareRows: 100 }
`;

interface Sides extends AsyncDisposable {
  readonly source: TestDatabase;
  readonly warehouse: TestMssql;
}

async function twoProducts(): Promise<Sides> {
  const source = await createTestDatabase('src');
  const warehouse = await createTestMssql('wh');
  return {
    source,
    warehouse,
    [Symbol.asyncDispose]: async () => {
      await source.drop();
      await warehouse.drop();
    },
  };
}

/** `public.item` for the writer, `public.line` with a key of two columns, `public.kinds` with a column of each kind. */
async function createTables(source: TestDatabase): Promise<void> {
  await createItems(source, 2_000);
  // An unbounded numeric is kept as text there, which no digest of numbers equals.
  await source.query('ALTER TABLE item ALTER amount TYPE numeric(38, 20)');
  await source.query('CREATE TABLE line (order_id int, line_no int, sku text NOT NULL, quantity int, PRIMARY KEY (order_id, line_no))');
  await source.query(`INSERT INTO line SELECT o, l, 'sku ' || o * l, l FROM generate_series(1, 400) o, generate_series(1, 3) l`);
  await source.query(
    `CREATE TABLE kinds (id uuid PRIMARY KEY, flag boolean, small smallint, big bigint, price numeric(38, 10), r real, f double precision, name varchar(40), body text, bytes bytea, day date, at time(6), ts timestamp, tstz timestamptz, doc jsonb)`,
  );
  await source.query(
    `INSERT INTO kinds SELECT md5(i::text)::uuid, i % 2 = 0, -i, i * 4611686018427387::bigint, i / 7.0, i / 3.0, -i * 1e-300, CASE i % 5 WHEN 0 THEN '' WHEN 1 THEN ' ' WHEN 2 THEN NULL ELSE 'Zoë 𝄞 ' || i END,
            repeat('ü', i), decode(md5(i::text), 'hex'), date '2016-01-01' + i, time '00:00:00.000001' + i * interval '1 second', timestamp '1753-01-01 00:00:00.000001' + i * interval '40 days', timestamptz '1969-12-31 23:59:59.999999+00' + i * interval '1 day', jsonb_build_object('i', i)
       FROM generate_series(1, 300) i`,
  );
}

async function ended({ runtime, runEnds }: RunningPipeline, stages: readonly RunStage[]): Promise<{ readonly id: string; readonly run: RunOverview; readonly differences: readonly Difference[] }> {
  const [pipeline = ''] = runtime.registry.names();
  const tables = [...(await runtime.registry.get(pipeline).mappings()).keys()];
  const { id } = await runtime.store.createRun({ pipeline, reason: 'manual', tables, stages });
  await runEnds(id);
  return { id, run: await runtime.overview.run(id), differences: [...(await runtime.overview.differences(id, 1_000))].sort((a, b) => (a.table + a.key < b.table + b.key ? -1 : 1)) };
}

describeWith([...NEEDED], 'a pipeline from PostgreSQL to SQL Server', () => {
  it('copies what is there while a writer changes it, streams the rest, proves both sides equal, and finds and repairs what is damaged', async () => {
    await using sides = await twoProducts();
    const { source, warehouse } = sides;
    await createTables(source);
    await using pipeline = await startPipeline({ ...sides, runMs: 400_000 }, ['public.item', 'public.line', 'public.kinds'], SETTINGS);
    const writer = startWriter(source, WRITTEN);
    await pipeline.runEnds((await pipeline.startRun()).id);
    for (let n = 0; n < 5; n += 1) {
      await source.query('UPDATE line SET quantity = quantity + 1 WHERE order_id % 7 = $1', [n]);
      await source.query('UPDATE line SET line_no = line_no + 10 WHERE order_id % 11 = $1 AND line_no = 3', [n]);
      await source.query('DELETE FROM line WHERE order_id % 13 = $1 AND line_no = 2', [n]);
      await source.query(`UPDATE kinds SET name = name || '!', price = price - 1, f = f * 2, ts = ts + interval '1 microsecond' WHERE small % 5 = $1`, [-n]);
    }
    expect(await writer.stop()).toBeGreaterThan(5);
    const COUNTS = 'SELECT (SELECT COUNT(*) FROM item) AS item, (SELECT COUNT(*) FROM line) AS line, (SELECT COUNT(*) FROM kinds) AS kinds';
    const [there] = await source.query<Record<string, string>>(COUNTS);
    const counted = Object.fromEntries(Object.entries(there ?? {}).map(([table, n]) => [table, Number(n)]));
    // What is still on its way is no difference, but would be counted as unverified.
    await eventually(async () => expect(await warehouse.query(COUNTS.replace(/FROM (\w+)\)/g, 'FROM shop.$1)'))).toEqual([counted]), { timeoutMs: 400_000, intervalMs: 2_000, describe: 'the stream catches up' });
    const { run, differences } = await ended(pipeline, ['validate']);
    expect(differences).toEqual([]);
    expect(run).toMatchObject({ differences: 0, unverified: 0 });
    // Each superseded version of a line once: updates, deletes, and moved keys, whose old row ends.
    const [kept] = await warehouse.query<{ updated: number; deleted: number }>('SELECT SUM(CASE WHEN deleted = 0 THEN 1 ELSE 0 END) AS updated, SUM(CASE WHEN deleted = 1 THEN 1 ELSE 0 END) AS deleted FROM shop.line_archive');
    expect(kept?.updated).toBeGreaterThan(500);
    expect(kept?.deleted).toBeGreaterThan(100);

    await warehouse.query('UPDATE shop.line SET quantity = -1 WHERE order_id = 5 AND line_no = 1; DELETE FROM shop.kinds WHERE small = -9; UPDATE shop.item SET name = name + N\' \' WHERE id = (SELECT MIN(id) FROM shop.item)');
    const damaged = await ended(pipeline, ['validate']);
    expect(damaged.differences.map(({ table, kind, columns }) => [table, kind, columns])).toEqual([
      ['public.item', 'unequal', ['name']],
      ['public.kinds', 'missing', []],
      ['public.line', 'unequal', ['quantity']],
    ]);
    const { run: repair } = await createRepairRun(pipeline.runtime.deps, { pipeline: pipeline.runtime.registry.names()[0] ?? '', reason: 'manual', from: { runId: damaged.id } });
    await pipeline.runEnds(repair.id);
    expect((await ended(pipeline, ['validate'])).differences).toEqual([]);
  });

  itWith('index-names', 'loads once more over rows and versions that stand: a new epoch, and its validation', async () => {
    await using sides = await twoProducts();
    await createTables(sides.source);
    await using pipeline = await startPipeline({ ...sides, runMs: 400_000 }, ['public.item', 'public.line', 'public.kinds'], SETTINGS);
    await pipeline.runEnds((await pipeline.startRun()).id);
    await sides.source.query('UPDATE line SET quantity = quantity + 1 WHERE order_id <= 10');
    await eventually(async () => expect(await sides.warehouse.query('SELECT COUNT(*) AS n FROM shop.line_archive')).toEqual([{ n: 30 }]), { timeoutMs: 400_000, intervalMs: 500, describe: 'the history of what changed' });
    const again = await pipeline.startRun();
    await pipeline.runEnds(again.id);
    expect(await pipeline.runtime.overview.run(again.id)).toMatchObject({ differences: 0, unverified: 0 });
  });
});
