import { bracketTable, type Mssql } from '@elstream/database';
import { serverFeatures } from '@elstream/testing';
import { type DatabaseFacts } from './catalog';
import { captureContext } from './capture.fixture';
import { deleteCounter, dropCounter, ensureCounter, raiseCounter, readCounters, recordCapture, type Counter } from './counter-table';
import { recordOf } from './record';
import { addCapture, createSchema } from './statements';


const escapes = Boolean(process.env['MSSQL_URL']) && serverFeatures().has('bracket-escapes');
const table = { schema: escapes ? "els'tr]eam" : "els'tr.eam", name: 'count er' };
const counter: Counter = { table, pipeline: 'größer' };
const facts: DatabaseFacts = { database: 'd', user: 'dbo', captured: false, logWait: 'NOTHING', sysadmin: true, owner: true };
const values = async (sql: Mssql): Promise<(readonly [string, bigint])[]> => ((await readCounters(sql, counter)) ?? []).map(({ pipeline, value }) => [pipeline, value] as const);

describe('the counter table', () => {
  it('is made once, and is asked for where the login may not make it', async () => {
    await using context = await captureContext();
    const sql = await context.gate();
    expect(await readCounters(sql, counter)).toBeNull();
    expect(await ensureCounter(sql, counter, { ...facts, owner: false })).toHaveLength(3);
    expect(await readCounters(sql, counter)).toBeNull();
    expect([await ensureCounter(sql, counter, facts), await ensureCounter(sql, counter, facts)]).toEqual([[], []]);
    expect(await readCounters(sql, counter)).toEqual([]);
  });

  it('has a row per pipeline, told apart as bytes are, that begins at the time and grows by one', async () => {
    await using context = await captureContext();
    const sql = await context.gate();
    await ensureCounter(sql, counter, facts);
    const before = BigInt(Date.now()) - 3_600_000n * 24n;
    await raiseCounter(sql, counter, 1_000);
    const [[, first] = ['', 0n]] = await values(sql);
    expect(first).toBeGreaterThan(before);
    await raiseCounter(sql, counter, 1_000);
    await raiseCounter(sql, { table, pipeline: 'GRÖSSER' }, 1_000);
    expect((await values(sql)).find(([pipeline]) => pipeline === 'größer')).toEqual(['größer', first + 1n]);
    expect(await values(sql)).toHaveLength(2);
  });

  it('misses no number when many raise a row at once that is not there', async () => {
    await using context = await captureContext();
    const sql = await context.gate();
    await ensureCounter(sql, counter, facts);
    await Promise.all(Array.from({ length: 8 }, () => raiseCounter(sql, counter, 20_000)));
    const [[, last] = ['', 0n]] = await values(sql);
    await raiseCounter(sql, counter, 1_000);
    const rows = await values(sql);
    expect(rows).toEqual([['größer', last + 1n]]);
  });

  it('keeps what captured a pipeline, and leaves a number out where capture began anew', async () => {
    await using context = await captureContext();
    const sql = await context.gate();
    await ensureCounter(sql, counter, facts);
    const record = recordOf({ system: 's', fork: 'f' }, []);
    await recordCapture(sql, counter, record, { anew: true, lockMs: 1_000 });
    const [[, first] = ['', 0n]] = await values(sql);
    await raiseCounter(sql, counter, 1_000);
    expect(await readCounters(sql, counter)).toEqual([{ pipeline: 'größer', value: first + 1n, record }]);
    await recordCapture(sql, counter, record, { anew: true, lockMs: 1_000 });
    expect(await values(sql)).toEqual([['größer', first + 3n]]);
  });

  it('gets the column that notes capture where it was made without', async () => {
    await using context = await captureContext();
    const sql = await context.gate();
    await context.db.query(createSchema(table.schema));
    await context.db.query(`CREATE TABLE ${bracketTable(table)} (pipeline nvarchar(100) NOT NULL PRIMARY KEY, value bigint NOT NULL, raised_at datetime2(3) NOT NULL, more int NULL)`);
    expect(await ensureCounter(sql, counter, { ...facts, owner: false })).toEqual([addCapture(table)]);
    expect(await ensureCounter(sql, counter, facts)).toEqual([]);
    expect(await readCounters(sql, counter)).toEqual([]);
  });

  it.each([
    ['pipeline int NOT NULL PRIMARY KEY, value bigint NOT NULL, raised_at datetime2(3) NOT NULL', 'its column pipeline is int'],
    ['pipeline nvarchar(100) NOT NULL, value bigint NOT NULL PRIMARY KEY, raised_at datetime2(3) NOT NULL', 'its primary key is not (pipeline)'],
    ['pipeline nvarchar(100) NOT NULL PRIMARY KEY, value bigint NOT NULL, raised_at datetime2(3) NOT NULL, more int NOT NULL', 'its column more wants a value'],
    ['pipeline nvarchar(100) NOT NULL PRIMARY KEY, value bigint NOT NULL', 'its column raised_at is missing'],
  ])('is no table of somebody else: (%s)', async (columns, why) => {
    await using context = await captureContext();
    await context.db.query(`CREATE TABLE dbo.counter (${columns})`);
    const given = { table: { schema: 'dbo', name: 'counter' }, pipeline: 'p' };
    await expect(ensureCounter(await context.gate(), given, facts)).rejects.toMatchObject({ code: 'COUNTER_TABLE_FOREIGN', message: expect.stringContaining(why) as unknown });
  });

  it('goes when its last row has gone, and not before; a raise then says what is missing', async () => {
    await using context = await captureContext();
    const sql = await context.gate();
    await ensureCounter(sql, counter, facts);
    await raiseCounter(sql, counter, 1_000);
    await dropCounter(sql, counter);
    expect(await values(sql)).toHaveLength(1);
    await deleteCounter(sql, counter);
    await dropCounter(sql, counter);
    await dropCounter(sql, counter);
    expect(await readCounters(sql, counter)).toBeNull();
    await expect(raiseCounter(sql, counter, 1_000)).rejects.toMatchObject({ code: 'COUNTER_TABLE_MISSING', recovery: 'retry' });
  });
});
