import { eventually, startOwnServer, type OwnServer } from '@elstream/testing';
import { becomesEqual, createItems, ITEM, startPipeline, startWriter, twoDatabases, until } from './pipeline.fixture';

let server: OwnServer;

beforeAll(async () => {
  server = await startOwnServer();
});
afterAll(async () => server.stop());

const CHUNKS = '\ndefaults: { chunkRows: 500 }\n';

describe('faults of a database', () => {
  it.each(['source', 'warehouse'] as const)('a restart of the %s during preload and stream loses and doubles nothing', async (side) => {
    await using databases = await twoDatabases({ [side]: server });
    await createItems(databases.source, 10_000);
    await using pipeline = await startPipeline(databases, ['public.item'], CHUNKS);
    const { id } = await pipeline.startRun();
    const { store } = pipeline.runtime;
    await eventually(async () => (await store.summarize(id)).some((t) => t.kind === 'preload-chunk' && t.state === 'done' && t.tasks >= 2), { intervalMs: 5 });
    await restart(server);
    await databases.source.query('UPDATE item SET amount = amount + 1 WHERE id % 4 = 0');
    await pipeline.runEnds(id);
    const writer = startWriter(databases.source);
    await eventually(async () => Number((await databases.warehouse.query<{ n: string }>('SELECT count(*) AS n FROM item WHERE id > 100000'))[0]?.n) > 5);
    await writer.stop();
    await restart(server);
    await databases.source.query(`UPDATE item SET name = 'after' WHERE id % 10 = 0`);
    await becomesEqual(databases, 'public.item', ITEM);
    expect((await store.readRuns({ limit: 5 })).length).toBe(1);
  });
});

describe('the log retained at the source', () => {
  it.each(['drop', 'resume'] as const)('a pause under load ends at the limit under policy %s', async (policy) => {
    await using databases = await twoDatabases({ source: server });
    await createItems(databases.source, 100);
    await using pipeline = await startPipeline(databases, ['public.item'], '', `walLimitBytes: 16MiB, walLimitPolicy: ${policy}`);
    await pipeline.runEnds((await pipeline.startRun()).id);
    const { store, bus, registry } = pipeline.runtime;
    const [name = ''] = registry.names();
    await store.setPaused(name, true);
    await bus.publish({ type: 'pipeline-changed', pipeline: name });
    await databases.source.query(`UPDATE item SET name = 'while paused'`);
    await databases.source.query('CREATE TABLE noise AS SELECT i, repeat(md5(i::text), 20) AS t FROM generate_series(1, 60000) i');
    if (policy === 'drop') {
      await until(async () => (await store.readPipeline(name))?.gapReason);
      await eventually(async () => (await databases.source.query('SELECT 1 FROM pg_replication_slots WHERE database = current_database()')).length === 0);
      await store.setPaused(name, false);
      const run = await until(async () => (await store.readRuns({ limit: 1 })).find((r) => r.reason === 'log-gap'));
      await pipeline.runEnds(run.id);
    } else {
      await eventually(async () => (await store.readPipeline(name))?.paused === false);
    }
    await becomesEqual(databases, 'public.item', ITEM);
  });
});

describe('the log retained at the source while the warehouse is away', () => {
  it('is limited: the slot goes, which is a log gap once the warehouse is back', async () => {
    await using databases = await twoDatabases({ warehouse: server });
    await createItems(databases.source, 100);
    await using pipeline = await startPipeline(databases, ['public.item'], '', 'walLimitBytes: 32MiB, walLimitPolicy: resume');
    await pipeline.runEnds((await pipeline.startRun()).id);
    await server.kill();
    await databases.source.query(`UPDATE item SET name = 'while the warehouse was away'`);
    await databases.source.query('CREATE TABLE noise AS SELECT i, repeat(md5(i::text), 20) AS t FROM generate_series(1, 90000) i');
    await eventually(async () => (await databases.source.query('SELECT 1 FROM pg_replication_slots WHERE database = current_database()')).length === 0);
    await server.restart();
    const run = await until(async () => (await pipeline.runtime.store.readRuns({ limit: 1 })).find((r) => r.reason === 'log-gap'));
    await pipeline.runEnds(run.id);
    await becomesEqual(databases, 'public.item', ITEM);
  });
});

describe('capture that vanishes under a running stream (R3 b)', () => {
  it('a dropped publication, which newer servers only warn of, is a log gap and ends in a new preload', async () => {
    await using databases = await twoDatabases({ source: server });
    await createItems(databases.source, 100);
    await using pipeline = await startPipeline(databases, ['public.item'], '');
    await pipeline.runEnds((await pipeline.startRun()).id);
    const [{ pubname } = { pubname: '' }] = await databases.source.query<{ pubname: string }>('SELECT pubname FROM pg_publication');
    await databases.source.query(`DROP PUBLICATION "${pubname}"`);
    await databases.source.query(`UPDATE item SET name = 'not published'`);
    const run = await until(async () => (await pipeline.runtime.store.readRuns({ limit: 1 })).find((r) => r.reason === 'log-gap'));
    await pipeline.runEnds(run.id);
    await becomesEqual(databases, 'public.item', ITEM);
  });
});

async function restart(which: OwnServer): Promise<void> {
  await which.restart();
}
