import type { SchemaChangeRecord } from '@elstream/control';
import { acceptSchemaChange, declineSchemaChange, resetPipeline } from '@elstream/replication';
import { eventually } from '@elstream/testing';
import { becomesEqual, createItems, ITEM, startPipeline, startWriter, twoDatabases, until, type Databases, type RunningPipeline } from './pipeline.fixture';
import type { BoundRegistry } from './registry';

jest.setTimeout(120_000);

const WATCH = 'schemaIntervalMs: 300';

const nameOf = ({ runtime }: RunningPipeline): string => runtime.registry.names()[0] ?? '';
const warehouseOf = (pipeline: RunningPipeline) => pipeline.runtime.registry.get(nameOf(pipeline)).warehouse;
const stateOf = async (pipeline: RunningPipeline, table: string) => (await warehouseOf(pipeline).readTableStates(nameOf(pipeline))).find((s) => s.table === table);

async function preloaded(databases: Databases, include: readonly string[], more = ''): Promise<RunningPipeline> {
  const pipeline = await startPipeline(databases, include, more, WATCH);
  await pipeline.runEnds((await pipeline.startRun()).id);
  return pipeline;
}

/** The newest change of the table, once it is in this state. */
async function change(pipeline: RunningPipeline, table: string, state: SchemaChangeRecord['state']): Promise<SchemaChangeRecord> {
  return until(async () => {
    const [found] = await pipeline.runtime.store.readSchemaChanges({ pipeline: nameOf(pipeline), table, limit: 1 });
    return found?.state === state ? found : null;
  }, { timeoutMs: 40_000, describe: `a change of ${table} that is ${state}\n${pipeline.logger.text().slice(-3_000)}` });
}

async function streamIsWell(pipeline: RunningPipeline): Promise<void> {
  expect((await pipeline.runtime.store.readPipeline(nameOf(pipeline)))?.streamError).toBeNull();
}

/** `item` beside `other`, which has to go on whatever happens to `item`. */
async function twoTables(rows = 1_000): Promise<Databases> {
  const databases = await twoDatabases();
  await createItems(databases.source, rows);
  await databases.source.query('CREATE TABLE other (id int PRIMARY KEY, v text); INSERT INTO other SELECT i, i FROM generate_series(1, 10) i');
  return databases;
}

const otherGoesOn = async (databases: Databases, text: string): Promise<void> => {
  await databases.source.query('UPDATE other SET v = $1', [text]);
  await becomesEqual(databases, 'public.other', ['id', 'v']);
};

describe('a changed schema', () => {
  it('a column with a DEFAULT arrives under load, with the values of rows that never changed', async () => {
    await using databases = await twoTables(3_000);
    await using pipeline = await preloaded(databases, ['public.item', 'public.other'], 'defaults: { chunkRows: 500 }\n');
    const before = await stateOf(pipeline, 'public.other');
    const writer = startWriter(databases.source);
    await databases.source.query(`ALTER TABLE item ADD COLUMN rank int DEFAULT 7`);
    await databases.source.query(`UPDATE item SET rank = 8 WHERE id % 10 = 0`);
    const followed = await change(pipeline, 'public.item', 'followed');
    expect(followed.change).toEqual({ added: ['rank'], dropped: [], widened: [], obstacles: [] });
    await eventually(async () => expect(await stateOf(pipeline, 'public.item')).toMatchObject({ phase: 'live', stale: null, epoch: 2 }), { timeoutMs: 60_000, describe: pipeline.logger.text().slice(-3_000) });
    await writer.stop();
    await becomesEqual(databases, 'public.item', [...ITEM, 'rank']);
    await streamIsWell(pipeline);
    expect(await stateOf(pipeline, 'public.other')).toMatchObject({ epoch: before?.epoch, phase: 'live' });
    const runs = await pipeline.runtime.store.readRuns({ pipeline: nameOf(pipeline), limit: 10 });
    expect(runs.filter((r) => r.reason === 'schema-change')).toMatchObject([{ tables: ['public.item'] }]);
  });

  it('wider types, a nullable column and a dropped column are followed without a preload', async () => {
    await using databases = await twoDatabases();
    await databases.source.query('CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL, s varchar(5), d numeric(6,2), gone text)');
    await databases.source.query(`INSERT INTO t SELECT i, i, 's' || i, i, 'g' FROM generate_series(1, 50) i`);
    await using pipeline = await preloaded(databases, ['public.t']);
    await databases.warehouse.query('CREATE VIEW sums AS SELECT n, s FROM t');
    await databases.source.query('ALTER TABLE t ALTER n TYPE bigint, ALTER n DROP NOT NULL, ALTER s TYPE text, ALTER d TYPE numeric(12,4)');
    await databases.source.query(`UPDATE t SET n = 9000000000, s = 'longer than five', d = 12345678.1234 WHERE id = 1; UPDATE t SET n = NULL WHERE id = 2`);
    expect((await change(pipeline, 'public.t', 'followed')).change).toMatchObject({ widened: ['n', 's', 'd'], obstacles: [] });
    await becomesEqual(databases, 'public.t', ['id', 'n', 's', 'd']);
    await databases.source.query('ALTER TABLE t DROP COLUMN gone');
    await databases.source.query(`INSERT INTO t VALUES (60, 60, 's60', 60)`);
    await eventually(async () => expect((await change(pipeline, 'public.t', 'followed')).change.dropped).toEqual(['gone']));
    await becomesEqual(databases, 'public.t', ['id', 'n', 's', 'd']);
    expect(await databases.warehouse.query('SELECT id, gone FROM t WHERE id IN (5, 60) ORDER BY id')).toEqual([{ id: 5, gone: 'g' }, { id: 60, gone: null }]);
    expect(await databases.warehouse.query('SELECT count(*)::int AS n FROM sums')).toEqual([{ n: 51 }]);
    expect(await stateOf(pipeline, 'public.t')).toMatchObject({ epoch: 1, phase: 'live', stale: null });
    await streamIsWell(pipeline);
  });

  it('another key stops the table alone, with a proposal; accepted, it is loaded again', async () => {
    await using databases = await twoTables();
    await using pipeline = await preloaded(databases, ['public.item', 'public.other']);
    await databases.source.query('ALTER TABLE item DROP CONSTRAINT item_pkey, ADD COLUMN code int NOT NULL DEFAULT 1');
    await databases.source.query('ALTER TABLE item ADD PRIMARY KEY (code, id)');
    await databases.source.query(`UPDATE item SET name = 'after'`);
    const proposed = await until(async () => {
      const found = await change(pipeline, 'public.item', 'proposed');
      return /key of public\.item was \(id\) and is \(code, id\)/.test(found.change.obstacles.join()) ? found : null;
    }, { timeoutMs: 40_000 });
    await otherGoesOn(databases, 'item is stopped');
    await streamIsWell(pipeline);
    expect(await stateOf(pipeline, 'public.item')).toMatchObject({ phase: 'stopped' });
    const run = await acceptSchemaChange(pipeline.runtime.deps, proposed.id);
    expect(run).toMatchObject({ reason: 'schema-change', tables: ['public.item'] });
    await expect(declineSchemaChange(pipeline.runtime.deps, proposed.id)).rejects.toMatchObject({ code: 'SCHEMA_CHANGE_DECIDED', recovery: 'refuse' });
    await pipeline.runEnds(run.id);
    await databases.source.query(`UPDATE item SET name = name || id`);
    await becomesEqual(databases, 'public.item', [...ITEM, 'code']);
    expect(await stateOf(pipeline, 'public.other')).toMatchObject({ epoch: 1, phase: 'live' });
  });

  it('a narrower type, declined: the table stays stopped through later runs of the others, until it is reset', async () => {
    await using databases = await twoTables(100);
    await using pipeline = await preloaded(databases, ['public.item', 'public.other']);
    await databases.source.query(`UPDATE item SET amount = 1; ALTER TABLE item ALTER amount TYPE int`);
    await databases.source.query(`UPDATE item SET amount = 2`);
    const proposed = await change(pipeline, 'public.item', 'proposed');
    await declineSchemaChange(pipeline.runtime.deps, proposed.id);
    await otherGoesOn(databases, 'item is declined');
    await pipeline.runEnds((await pipeline.startRun()).id);
    expect(await stateOf(pipeline, 'public.item')).toMatchObject({ phase: 'stopped', epoch: 1 });
    expect(await stateOf(pipeline, 'public.other')).toMatchObject({ phase: 'live', epoch: 2 });
    expect((await change(pipeline, 'public.item', 'declined')).id).toBe(proposed.id);
    const reset = await resetPipeline(pipeline.runtime.deps, { pipeline: nameOf(pipeline), tables: ['public.item'], dropData: true });
    await pipeline.runEnds(reset.id);
    await databases.source.query('UPDATE item SET amount = 3');
    await becomesEqual(databases, 'public.item', ITEM);
  });

  it('a table dropped at the source is proposed, and the others go on', async () => {
    await using databases = await twoTables(100);
    await using pipeline = await preloaded(databases, ['public.item', 'public.other']);
    await databases.source.query('DROP TABLE item');
    const proposed = await change(pipeline, 'public.item', 'proposed');
    expect(proposed.change.obstacles.join()).toMatch(/gone at the source/);
    await otherGoesOn(databases, 'item is gone');
    await streamIsWell(pipeline);
    await expect(acceptSchemaChange(pipeline.runtime.deps, proposed.id)).rejects.toMatchObject({ code: 'TABLE_NOT_REPLICABLE', recovery: 'refuse' });
    expect(await databases.warehouse.query('SELECT count(*)::int AS n FROM item')).toEqual([{ n: 100 }]);
    await pipeline.runEnds((await pipeline.startRun()).id);
    await otherGoesOn(databases, 'loaded again');
    // Made again under the same name it is another table: it is loaded once somebody says so.
    await createItems(databases.source, 20);
    await pipeline.runEnds((await acceptSchemaChange(pipeline.runtime.deps, proposed.id)).id);
    await databases.source.query(`UPDATE item SET name = 'again'`);
    await becomesEqual(databases, 'public.item', ITEM);
  });

  it('a table dropped and made anew between two looks is proposed too: its changes are not captured', async () => {
    await using databases = await twoTables(50);
    await using pipeline = await preloaded(databases, ['public.item', 'public.other']);
    const client = await databases.source.client();
    await client.query('BEGIN');
    await client.query('DROP TABLE other');
    await client.query('CREATE TABLE other (id int PRIMARY KEY, v text)');
    await client.query('COMMIT');
    const proposed = await change(pipeline, 'public.other', 'proposed');
    expect(proposed.change.obstacles.join()).toMatch(/not captured any more/);
    await pipeline.runEnds((await acceptSchemaChange(pipeline.runtime.deps, proposed.id)).id);
    await databases.source.query(`INSERT INTO other VALUES (1, 'anew')`);
    await becomesEqual(databases, 'public.other', ['id', 'v']);
    expect(await stateOf(pipeline, 'public.item')).toMatchObject({ epoch: 1, phase: 'live' });
  });

  it('a table that comes to match the pipeline is loaded by a run of its own, the others undisturbed', async () => {
    await using databases = await twoTables(100);
    await using pipeline = await preloaded(databases, ['public.*']);
    await databases.source.query('CREATE TABLE fresh (id int PRIMARY KEY, v text); INSERT INTO fresh VALUES (1, \'a\')');
    await eventually(async () => expect(await stateOf(pipeline, 'public.fresh')).toMatchObject({ phase: 'live' }), { timeoutMs: 40_000, describe: pipeline.logger.text().slice(-3_000) });
    await databases.source.query(`INSERT INTO fresh VALUES (2, 'b')`);
    await becomesEqual(databases, 'public.fresh', ['id', 'v']);
    const [run] = await pipeline.runtime.store.readRuns({ pipeline: nameOf(pipeline), limit: 1 });
    expect(run).toMatchObject({ reason: 'tables-added', tables: ['public.fresh'] });
    expect(await stateOf(pipeline, 'public.item')).toMatchObject({ epoch: 1, phase: 'live' });
    expect(await stateOf(pipeline, 'public.other')).toMatchObject({ epoch: 1, phase: 'live' });
  });

  it('a table taken out of the pipeline file and one put in leave the others undisturbed', async () => {
    await using databases = await twoTables(100);
    await databases.source.query(`CREATE TABLE late (id int PRIMARY KEY, v text); INSERT INTO late VALUES (1, 'a')`);
    await using pipeline = await preloaded(databases, ['public.item', 'public.other']);
    const { runtime } = pipeline;
    const [config] = runtime.configs;
    if (config === undefined) throw new RangeError('no pipeline');
    const include = async (...tables: readonly string[]): Promise<void> => (runtime.registry as BoundRegistry).apply([{ ...config, tables: { ...config.tables, include: [...tables] } }]);
    await include('public.other');
    await eventually(async () => expect(await stateOf(pipeline, 'public.item')).toBeUndefined(), { timeoutMs: 40_000, describe: pipeline.logger.text().slice(-3_000) });
    expect([...(await runtime.registry.get(nameOf(pipeline)).mappings()).keys()]).toEqual(['public.other']);
    expect(await databases.source.query('SELECT tablename FROM pg_publication_tables')).toEqual([{ tablename: 'other' }]);
    expect(await databases.warehouse.query('SELECT count(*)::int AS n FROM item')).toEqual([{ n: 100 }]);
    await databases.source.query(`UPDATE item SET name = 'while it was out'`);
    await otherGoesOn(databases, 'one less');
    await include('public.item', 'public.other', 'public.late');
    await eventually(async () => {
      expect(await stateOf(pipeline, 'public.late')).toMatchObject({ phase: 'live' });
      expect(await stateOf(pipeline, 'public.item')).toMatchObject({ phase: 'live' });
    }, { timeoutMs: 40_000, describe: pipeline.logger.text().slice(-3_000) });
    await databases.source.query(`UPDATE late SET v = 'b'; UPDATE item SET name = name || id`);
    await becomesEqual(databases, 'public.late', ['id', 'v']);
    await becomesEqual(databases, 'public.item', ITEM);
    await otherGoesOn(databases, 'two more');
    expect(await stateOf(pipeline, 'public.other')).toMatchObject({ epoch: 1, phase: 'live' });
    await streamIsWell(pipeline);
  });

  it('a reset loads everything again in place', async () => {
    await using databases = await twoTables(200);
    await using pipeline = await preloaded(databases, ['public.item', 'public.other']);
    await databases.warehouse.query(`CREATE INDEX by_name ON item (name); UPDATE item SET name = 'damaged'`);
    await expect(resetPipeline(pipeline.runtime.deps, { pipeline: nameOf(pipeline), tables: ['public.nowhere'], dropData: false })).rejects.toMatchObject({ code: 'TABLE_UNKNOWN', recovery: 'refuse' });
    const run = await resetPipeline(pipeline.runtime.deps, { pipeline: nameOf(pipeline), tables: [], dropData: false });
    expect(run).toMatchObject({ reason: 'reset', tables: ['public.item', 'public.other'] });
    await pipeline.runEnds(run.id);
    await becomesEqual(databases, 'public.item', ITEM);
    expect(await databases.warehouse.query(`SELECT 1 AS there FROM pg_indexes WHERE indexname = 'by_name'`)).toEqual([{ there: 1 }]);
  });
});
