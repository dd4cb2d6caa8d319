import { eventually } from '@elstream/testing';
import { becomesEqual, createItems, ITEM, startPipeline, startWriter, twoDatabases, until, type RunningPipeline } from './pipeline.fixture';

const CHUNKS = '\ndefaults: { chunkRows: 500 }\n';

describe('a pipeline in one process', () => {
  it('copies what is there while a writer changes it, streams the rest and proves both sides equal', async () => {
    await using databases = await twoDatabases();
    await createItems(databases.source, 5_000);
    await using pipeline = await startPipeline(databases, ['public.item'], CHUNKS);
    const writer = startWriter(databases.source);
    const { id } = await pipeline.startRun();
    await pipeline.runEnds(id);
    const transactions = await writer.stop();
    expect(transactions).toBeGreaterThan(20);
    await becomesEqual(databases, 'public.item', ITEM);

    const { overview, registry } = pipeline.runtime;
    const run = await overview.run(id);
    expect(run).toMatchObject({ differences: 0, unverified: 0, tables: [{ table: 'public.item', phase: 'live', differences: 0 }] });
    expect(run.rowsCompared).toBeGreaterThan(4_000);
    expect(run.tables[0]?.preload.done).toBeGreaterThan(5);
    const [name = ''] = registry.names();
    const now = await overview.pipeline(name);
    expect(now).toMatchObject({ streamError: null, gapReason: null, activeRunId: null, tables: [{ table: 'public.item', target: 'public.item', phase: 'live' }] });
    expect(now.eventsApplied).toBeGreaterThan(transactions);
    expect(now.lagMs).toBeLessThan(30_000);
  });

  it('finds a damaged, a lost and an extra row, and names their keys and columns only', async () => {
    await using databases = await twoDatabases();
    await createItems(databases.source, 300);
    await using pipeline = await startPipeline(databases, ['public.item'], '\ndefaults: { chunkRows: 100 }\nvalidate: { maxRereads: 2 }\n');
    await pipeline.runEnds((await pipeline.startRun()).id);
    // A second run would copy the rows anew: the damage has to come between its preload and its validation.
    const { id } = await pipeline.startRun();
    await eventually(async () => {
      const tasks = await pipeline.runtime.store.summarize(id);
      return tasks.some((t) => t.kind === 'finish-table' && t.state === 'done');
    }, { intervalMs: 1 });
    await databases.warehouse.query(`UPDATE item SET name = 'damaged' WHERE id = 5`);
    await databases.warehouse.query('DELETE FROM item WHERE id = 250');
    await databases.warehouse.query(`INSERT INTO item SELECT (jsonb_populate_record(i, '{"id": 7000}')).* FROM item i WHERE id = 9`);
    await pipeline.runEnds(id);
    const { overview } = pipeline.runtime;
    expect(await overview.run(id)).toMatchObject({ differences: 3, unverified: 0 });
    const found = await overview.differences(id, 10);
    expect([...found].sort((a, b) => a.kind.localeCompare(b.kind))).toEqual([
      { table: 'public.item', key: 'id=7000', cells: ['7000'], of: 'row', kind: 'extra', columns: [] },
      { table: 'public.item', key: 'id=250', cells: ['250'], of: 'row', kind: 'missing', columns: [] },
      { table: 'public.item', key: 'id=5', cells: ['5'], of: 'row', kind: 'unequal', columns: ['name'] },
    ]);
    expect(pipeline.logger.text()).not.toContain('damaged');
  });

  it('stands still while paused and goes on where it stood', async () => {
    await using databases = await twoDatabases();
    await createItems(databases.source, 200);
    await using pipeline = await startPipeline(databases, ['public.item']);
    await pipeline.runEnds((await pipeline.startRun()).id);
    const { store, bus, registry } = pipeline.runtime;
    const [name = ''] = registry.names();
    await store.setPaused(name, true);
    await bus.publish({ type: 'pipeline-changed', pipeline: name });
    await eventually(() => pipeline.logger.lines.some((l) => l.fields['because'] === 'paused'));
    await databases.source.query(`UPDATE item SET name = 'while paused'`);
    expect(await databases.warehouse.query(`SELECT 1 FROM item WHERE name = 'while paused'`)).toEqual([]);
    await store.setPaused(name, false);
    await bus.publish({ type: 'pipeline-changed', pipeline: name });
    await becomesEqual(databases, 'public.item', ITEM);
  });

  it('a dropped slot is a log gap: the tables are preloaded again by a run of their own', async () => {
    await using databases = await twoDatabases();
    await createItems(databases.source, 500);
    await using pipeline = await startPipeline(databases, ['public.item']);
    await pipeline.runEnds((await pipeline.startRun()).id);
    const [slot] = await databases.source.query<{ slot_name: string }>('SELECT slot_name FROM pg_replication_slots WHERE database = current_database()');
    await eventually(async () => {
      await databases.source.query('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active_pid IS NOT NULL', [slot?.slot_name]);
      await databases.source.query('SELECT pg_drop_replication_slot($1)', [slot?.slot_name]);
    }, { intervalMs: 1 });
    await databases.source.query('DELETE FROM item WHERE id % 3 = 0');
    await databases.source.query(`UPDATE item SET name = 'lost from the log' WHERE id % 5 = 0`);
    const run = await until(async () => (await pipeline.runtime.store.readRuns({ limit: 1 })).find((r) => r.reason === 'log-gap'));
    await pipeline.runEnds(run.id);
    await becomesEqual(databases, 'public.item', ITEM);
    expect((await pipeline.runtime.overview.run(run.id)).differences).toBe(0);
  });

  it('a second start resumes and copies nothing again', async () => {
    await using databases = await twoDatabases();
    await createItems(databases.source, 500);
    const first = await startPipeline(databases, ['public.item']);
    await first.runEnds((await first.startRun()).id);
    await first.stop();
    await databases.source.query(`INSERT INTO item VALUES (9000, 'while away', 1, NULL)`);
    await using second = await startPipeline(databases, ['public.item']);
    await becomesEqual(databases, 'public.item', ITEM);
    expect(await second.runtime.store.readRuns({ limit: 10 })).toHaveLength(1);
    expect((await second.runtime.store.readRuns({ limit: 1 }))[0]?.state).toBe('succeeded');
  });

  it('a run left in the middle by a stopped process is finished by the next', async () => {
    await using databases = await twoDatabases();
    await createItems(databases.source, 20_000);
    const first = await startPipeline(databases, ['public.item'], '\ndefaults: { chunkRows: 1000 }\n');
    const { id } = await first.startRun();
    await eventually(async () => (await first.runtime.store.summarize(id)).some((t) => t.kind === 'preload-chunk' && t.state === 'done' && t.tasks >= 3), { intervalMs: 1 });
    await first.stop();
    expect((await databases.warehouse.query(`SELECT 1 FROM elstream.task WHERE state = 'running'`)).length).toBe(0);
    await using second = await startPipeline(databases, ['public.item'], '\ndefaults: { chunkRows: 1000 }\n');
    await second.runEnds(id);
    await becomesEqual(databases, 'public.item', ITEM);
    expect((await second.runtime.overview.run(id)).differences).toBe(0);
  });

  it('a row the warehouse cannot hold stops the stream where the policy says so, naming table, key and position, until the cause is gone', async () => {
    await using databases = await twoDatabases();
    await createItems(databases.source, 100);
    await using pipeline = await startPipeline(databases, ['public.item'], `  settings: [{ match: public.item, columns: { type: { name: varchar(30) } } }]\ndeadLetters: { policy: stop }`);
    await pipeline.runEnds((await pipeline.startRun()).id);
    await databases.source.query(`UPDATE item SET name = repeat('x', 40) WHERE id = 42`);
    const error = await until(() => streamError(pipeline));
    expect(error).toMatch(/table public\.item/);
    expect(error).toMatch(/key id=42/);
    expect(error).toMatch(/position [0-9a-f]{16}/);
    expect(error).not.toContain('xxxx');
    await databases.warehouse.query('ALTER TABLE item ALTER name TYPE text');
    await resume(pipeline);
    await becomesEqual(databases, 'public.item', ITEM);
  });

  it('an error of the warehouse table itself names table and position, and a resume goes on once it is mended', async () => {
    await using databases = await twoDatabases();
    await createItems(databases.source, 100);
    await using pipeline = await startPipeline(databases, ['public.item'], 'deadLetters: { policy: stop }');
    await pipeline.runEnds((await pipeline.startRun()).id);
    await databases.warehouse.query(`ALTER TABLE item ADD CONSTRAINT short CHECK (length(name) < 30)`);
    await databases.source.query(`UPDATE item SET name = repeat('x', 40) WHERE id = 42`);
    const error = await until(() => streamError(pipeline));
    expect(error).toMatch(/table public\.item/);
    expect(error).toMatch(/position [0-9a-f]{16}/);
    await databases.warehouse.query('ALTER TABLE item DROP CONSTRAINT short');
    await resume(pipeline);
    await becomesEqual(databases, 'public.item', ITEM);
    expect(await streamError(pipeline)).toBeNull();
  });

  it('refuses a pipeline with every problem at once, and changes nothing', async () => {
    await using databases = await twoDatabases();
    await databases.source.query('CREATE TABLE keyless (a int); CREATE TABLE other (id int PRIMARY KEY)');
    await databases.warehouse.query('CREATE TABLE other (id text PRIMARY KEY)');
    await using pipeline = await startPipeline(databases, ['public.keyless', 'public.other']);
    const run = await pipeline.runEnds((await pipeline.startRun()).id, 'failed');
    expect(run.error).toMatch(/public\.keyless/);
    expect(await databases.source.query('SELECT 1 FROM pg_replication_slots WHERE database = current_database()')).toEqual([]);
    expect(await databases.source.query('SELECT 1 FROM pg_publication')).toEqual([]);
  });

  it('a removed pipeline leaves no slot and no publication behind', async () => {
    await using databases = await twoDatabases();
    await createItems(databases.source, 100);
    await using pipeline = await startPipeline(databases, ['public.item']);
    await pipeline.runEnds((await pipeline.startRun()).id);
    const { registry, store } = pipeline.runtime;
    const [name = ''] = registry.names();
    await registry.remove(name);
    expect(await databases.source.query('SELECT 1 FROM pg_replication_slots WHERE database = current_database()')).toEqual([]);
    expect(await databases.source.query('SELECT 1 FROM pg_publication')).toEqual([]);
    expect(await store.readPipeline(name)).toBeNull();
  });
});

async function streamError({ runtime }: RunningPipeline): Promise<string | null> {
  return (await runtime.store.readPipeline(runtime.registry.names()[0] ?? ''))?.streamError ?? null;
}

/** As the gateway does it. */
async function resume({ runtime }: RunningPipeline): Promise<void> {
  const [pipeline = ''] = runtime.registry.names();
  await runtime.store.setStreamError(pipeline, null);
  await runtime.store.setPaused(pipeline, false);
  await runtime.bus.publish({ type: 'pipeline-changed', pipeline });
}
