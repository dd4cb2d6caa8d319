import { LogPosition } from '@elstream/core';
import { describeWith, itWith, running } from '@elstream/testing';
import { createMssqlSource } from './mssql-source';
import { openSource } from './source-fixture.fixture';

describe('the server of a SQL Server source', () => {
  it('is found fit for its administrator', async () => {
    await using context = await openSource();
    const problems = await context.source.check();
    expect(problems.filter((problem) => !/SQL Server \d|compatibility level/.test(problem))).toEqual([]);
  });

  it('refuses a wrong password with its remedy', async () => {
    await using context = await openSource();
    const url = new URL(context.db.url);
    url.password = 'wrong';
    await expect(createMssqlSource({ url: url.toString() })).rejects.toMatchObject({ code: 'DB_PASSWORD', recovery: 'stop' });
  });

  it('needs no replica: without one every read is of the primary', async () => {
    await using context = await openSource();
    expect(await context.source.replicaHasApplied(LogPosition.fromBigInt(1n, 10), { waitMs: 0, signal: running() })).toBe(true);
  });

  itWith('recovery-fork', 'has one identity', async () => {
    await using context = await openSource();
    const guid = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/) as string;
    const identity = await context.source.identity();
    expect(identity).toEqual({ system: guid, fork: guid });
    expect(await context.source.identity()).toEqual(identity);
  });
});

describeWith(['log-stats', 'cdc'], 'the log of a SQL Server source', () => {
  it('ends behind every commit, also of what is not captured yet', async () => {
    await using context = await openSource('CREATE TABLE t (id int PRIMARY KEY)');
    const { db, source } = context;
    const before = await source.endOfLog();
    await db.query('INSERT INTO t VALUES (1)');
    const after = await source.endOfLog();
    expect(before.isBelow(after)).toBe(true);
    expect(after.toBytes()).toHaveLength(10);
  });
});

describeWith('active-transactions', 'the transactions of a SQL Server source', () => {
  it('are listed with their holders as long as they are open, if they have written', async () => {
    await using context = await openSource('CREATE TABLE t (id int PRIMARY KEY)');
    await using elsewhere = await openSource('CREATE TABLE t (id int)');
    const { db, source } = context;
    const [writer, reader, foreign] = [await db.client(), await db.client(), await elsewhere.db.client()];
    await reader.query('BEGIN TRANSACTION; SELECT * FROM t');
    await writer.query('BEGIN TRANSACTION; INSERT INTO t VALUES (1)');
    await foreign.query('BEGIN TRANSACTION; INSERT INTO t VALUES (1)');
    await db.query('INSERT INTO t VALUES (3)');
    const listed = await source.transactionsInProgress();
    expect(listed.map((t) => t.holder)).toEqual([expect.stringMatching(/^session \d+ of .* \(elstream tests\)/)]);
    expect(await source.stillInProgress(listed)).toHaveLength(1);
    await writer.query('COMMIT');
    expect(await source.stillInProgress(listed)).toEqual([]);
    expect(await source.stillInProgress([])).toEqual([]);
  });
});
