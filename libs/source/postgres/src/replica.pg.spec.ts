import { Client } from 'pg';
import { decodeRows, type TableMapping } from '@elstream/core';
import { type SourceDatabase } from '@elstream/source';
import { eventually, startOwnServer, startOwnStandby, type OwnServer, type TestDatabase } from '@elstream/testing';
import { createPostgresSource } from './postgres-source';
import { collect, describeOne, EVERYTHING, mappingOf, readCells, running } from './source-fixture.fixture';

type Standby = Awaited<ReturnType<typeof startOwnStandby>>;

/** One pair of servers for the file: each test has its own database on both. */
let primary: OwnServer;
let standby: Standby;

beforeAll(async () => {
  // Settles what is committed on disk, as a primary with standbys does: only flushed log is sent.
  primary = await startOwnServer({ synchronous_commit: 'local' });
  standby = await startOwnStandby(primary);
}, 120_000);

afterAll(async () => {
  await standby.stop();
  await primary.stop();
}, 60_000);

interface Context extends AsyncDisposable {
  readonly db: TestDatabase;
  readonly source: SourceDatabase;
  readonly mapping: TableMapping;
  onStandby(sql: string): Promise<unknown>;
}

const HISTORY = { from: 1, to: 2 };

async function openReplicated(): Promise<Context> {
  const db = await primary.createDatabase('replica');
  await db.query(`CREATE TABLE t (id int PRIMARY KEY, a timestamptz, b timestamptz); CREATE TABLE t_archive (LIKE t); INSERT INTO t SELECT i FROM generate_series(1, 100) i;
    INSERT INTO t_archive VALUES (1, '2024-01-01', '2024-01-02')`);
  await eventually(async () => {
    const client = new Client({ connectionString: standby.urlOf(db.name) });
    try {
      await client.connect();
      return (await client.query(`SELECT 1 FROM pg_class WHERE relname = 't_archive'`)).rows.length === 1;
    } catch (error) {
      // 3D000: the standby has not applied CREATE DATABASE yet
      if ((error as { code?: string }).code !== '3D000') throw error;
      return false;
    } finally {
      await client.end();
    }
  }, { timeoutMs: 30_000, describe: 'the database on the standby' });
  const source = await createPostgresSource({ url: db.url, readUrl: standby.urlOf(db.name), counterPrefix: 'elstream:test', maxConnections: 3 });
  const client = new Client({ connectionString: standby.url });
  await client.connect();
  const table = mappingOf(await describeOne(source, 'public.t'), 10);
  const mapping: TableMapping = { ...table, history: { kind: 'copied', target: table.target, source: { schema: 'public', name: 't_archive' }, period: HISTORY } };
  return {
    db,
    source,
    mapping,
    onStandby: async (sql) => (await client.query(sql)).rows,
    async [Symbol.asyncDispose]() {
      await client.query('SELECT pg_wal_replay_resume()');
      await client.end();
      await source.close();
      await db.drop();
    },
  };
}

const applied = async (source: SourceDatabase, waitMs = 30_000): Promise<boolean> => source.replicaHasApplied(await source.endOfLog(), { waitMs, signal: running() });

describe('a source with a read replica', () => {
  it('is fit, and reads tables from the replica as soon as it has applied what is asked for', async () => {
    await using context = await openReplicated();
    const { db, source, mapping, onStandby } = context;
    expect(await applied(source)).toBe(true);
    expect(await source.check()).toEqual([]);
    await onStandby('SELECT pg_wal_replay_pause()');
    await db.query('INSERT INTO t VALUES (101); INSERT INTO t_archive VALUES (2)');
    expect(await applied(source, 100)).toBe(false);
    const history = async (): Promise<number> => (await collect(decodeRows((await source.readHistory(mapping, { range: EVERYTHING }, running())).rows))).length;
    const rowsSeen = async (): Promise<unknown> => [
      (await readCells(source, mapping)).length,
      (await source.readByKeys(mapping, [['101']])).length,
      (await source.checksums(mapping, EVERYTHING, 1, running())).map((sum) => sum.rows),
      (await source.digests(mapping, EVERYTHING, { of: 1, which: [0] }, running())).length,
      (await collect(source.planChunks(mapping, running()))).length,
      await history(),
      (await collect(source.planHistory({ ...mapping, chunkRows: 1 }, running()))).length,
    ];
    expect(await rowsSeen()).toEqual([100, 0, [100], 100, 10, 1, 1]);
    const waiting = applied(source);
    await onStandby('SELECT pg_wal_replay_resume()');
    expect(await waiting).toBe(true);
    expect(await rowsSeen()).toEqual([101, 1, [101], 101, 11, 2, 2]);
  });

  it('is waited for also where the end of the log was never flushed, and not beyond an abort', async () => {
    await using context = await openReplicated();
    const { db, source, onStandby } = context;
    const open = await db.client();
    await open.query('BEGIN; INSERT INTO t VALUES (200)');
    expect(await applied(source)).toBe(true);
    await open.query('ROLLBACK');
    await onStandby('SELECT pg_wal_replay_pause()');
    await db.query('INSERT INTO t VALUES (201)');
    const abort = new AbortController();
    const waiting = source.replicaHasApplied(await source.endOfLog(), { waitMs: 60_000, signal: abort.signal });
    abort.abort(new Error('told to stop'));
    await expect(waiting).rejects.toThrow('told to stop');
  });

  it('asks the primary about the log and its transactions', async () => {
    await using context = await openReplicated();
    const { db, source } = context;
    const writer = await db.client();
    await writer.query('BEGIN; INSERT INTO t VALUES (300)');
    expect(await source.transactionsInProgress()).toHaveLength(1);
    await writer.query('ROLLBACK');
    expect((await source.identity()).fork).toBe('1');
  });

  it('says what keeps a server from being its replica', async () => {
    await using db = await primary.createDatabase('replica');
    const itself = await createPostgresSource({ url: db.url, readUrl: db.url, counterPrefix: 'x' });
    expect(await itself.check()).toEqual([expect.stringContaining('is no standby')]);
    await itself.close();
    await using other = await startOwnServer();
    await using foreign = await other.createDatabase('other');
    const mixed = await createPostgresSource({ url: foreign.url, readUrl: standby.urlOf('postgres'), counterPrefix: 'x' });
    expect(await mixed.check()).toEqual([expect.stringContaining('of another primary'), expect.stringContaining('name the same')]);
    await mixed.close();
  });

  it('is not needed: without one every read is of the primary', async () => {
    await using db = await primary.createDatabase('alone');
    const source = await createPostgresSource({ url: db.url, counterPrefix: 'x' });
    expect(await applied(source, 0)).toBe(true);
    await source.close();
  });
});
