import { type CaptureSource } from '@elstream/change-stream';
import { type TestDatabase } from '@elstream/testing';
import { captureContext, quoted } from './capture.fixture';

const matching = (pattern: RegExp): string => expect.stringMatching(pattern) as string;

async function valueOf(db: TestDatabase, pipeline = 'größer', table = 'elstream.counter'): Promise<bigint> {
  const [row] = await db.query<{ value: string }>(`SELECT value::text AS value FROM ${table} WHERE pipeline = $1`, [pipeline]);
  return BigInt(row?.value ?? '-1');
}

describe('the counter', () => {
  it('is raised by one at a time, by several processes too, and never goes back', async () => {
    await using context = await captureContext();
    const [one, two] = [await context.capture(), await context.capture()];
    await one.prepare([]);
    const start = await valueOf(context.db);
    await Promise.all([one, two, one, two, two].map((capture) => capture.raiseCounter()));
    await two.prepare([]);
    expect(await valueOf(context.db)).toBe(start + 5n);
  });

  it.each<[string, (capture: CaptureSource, db: TestDatabase) => Promise<unknown>]>([
    ['its row was deleted', (_capture, db) => db.query('DELETE FROM elstream.counter')],
    ['its table was dropped and prepared again', (capture, db) => db.query('DROP TABLE elstream.counter').then(() => capture.prepare([]))],
  ])('jumps forward where %s, so that a number is missing', async (_name, harm) => {
    await using context = await captureContext();
    const capture = await context.capture();
    await capture.prepare([]);
    await capture.raiseCounter();
    const before = await valueOf(context.db);
    await harm(capture, context.db);
    await capture.raiseCounter();
    expect(await valueOf(context.db)).toBeGreaterThan(before + 1n);
  });

  it('says that it is to be prepared again where its table is gone', async () => {
    await using context = await captureContext();
    const capture = await context.capture();
    await expect(capture.raiseCounter()).rejects.toMatchObject({ code: 'COUNTER_TABLE_MISSING', recovery: 'retry', message: matching(/elstream\.counter.*prepare/) });
    await capture.prepare([]);
    await capture.raiseCounter();
  });

  it('does not wait for a lock for long', async () => {
    await using context = await captureContext();
    const capture = await context.capture({ counterTimeoutMs: 50 });
    await capture.prepare([]);
    const holder = await context.db.client();
    await holder.query('BEGIN; LOCK TABLE elstream.counter');
    await expect(capture.raiseCounter()).rejects.toMatchObject({ code: 'DB_LOCK_TIMEOUT', recovery: 'retry' });
    await holder.query('COMMIT');
    await capture.raiseCounter();
  });

  it('is shared by the pipelines of a source, prepared at once, and goes with the last of them', async () => {
    await using context = await captureContext();
    const names = ['a', "b'", 'c"'];
    const captures = await Promise.all(names.map((pipeline, i) => context.capture({ pipeline, slotName: `${context.slotName}_${String(i)}`, publicationName: `${context.publicationName}_${String(i)}` })));
    await Promise.all(captures.map((capture) => capture.prepare([])));
    const values = async (): Promise<bigint[]> => {
      const rows = await context.db.query<{ value: string }>('SELECT value::text AS value FROM elstream.counter ORDER BY pipeline');
      return rows.map(({ value }) => BigInt(value));
    };
    const [a = 0n, b = 0n, c = 0n] = await values();
    await captures[1]?.raiseCounter();
    expect(await values()).toEqual([a, b + 1n, c]);
    for (const capture of captures.slice(1)) await capture.drop();
    expect(await context.db.query('SELECT pipeline FROM elstream.counter')).toEqual([{ pipeline: 'a' }]);
    expect((await captures[0]?.status())?.state).toBe('ready');
    await captures[0]?.drop();
    expect(await context.db.query(`SELECT 1 FROM pg_tables WHERE tablename = 'counter'`)).toEqual([]);
  });

  it('may have another name', async () => {
    await using context = await captureContext();
    const capture = await context.capture({ counterTable: { schema: 'my "ops', name: 'pulse.x' } });
    expect(capture.counter).toEqual({ schema: 'my "ops', table: 'pulse.x' });
    await capture.prepare([]);
    const start = await valueOf(context.db, 'größer', '"my ""ops"."pulse.x"');
    await capture.raiseCounter();
    expect(await valueOf(context.db, 'größer', '"my ""ops"."pulse.x"')).toBe(start + 1n);
    expect([await context.members(), await capture.captured()]).toEqual([['my "ops.pulse.x'], new Set()]);
    await capture.drop();
  });
});

describe('a counter table that is another one', () => {
  it.each<[string, string, RegExp]>([
    ['with other columns', 'CREATE TABLE elstream.counter (pipeline text PRIMARY KEY, value int NOT NULL, raised_at timestamptz)', /column value is integer, not bigint/],
    ['without one of them', 'CREATE TABLE elstream.counter (pipeline text PRIMARY KEY, value bigint)', /column raised_at is missing/],
    ['with another key', 'CREATE TABLE elstream.counter (pipeline text, value bigint, raised_at timestamptz, PRIMARY KEY (pipeline, value))', /primary key is not \(pipeline\)/],
    ['with a column to be filled', 'CREATE TABLE elstream.counter (pipeline text PRIMARY KEY, value bigint, raised_at timestamptz, note text NOT NULL)', /column note wants a value/],
    ['that is a view', 'CREATE VIEW elstream.counter AS SELECT 1', /no ordinary, logged table/],
    ['that is unlogged', 'CREATE UNLOGGED TABLE elstream.counter (pipeline text PRIMARY KEY, value bigint, raised_at timestamptz)', /no ordinary, logged table/],
  ])('(%s) is refused and left alone', async (_name, ddl, message) => {
    await using context = await captureContext();
    await context.db.query(`CREATE SCHEMA elstream; ${ddl}`);
    const capture = await context.capture();
    await expect(capture.prepare([])).rejects.toMatchObject({ code: 'COUNTER_TABLE_FOREIGN', recovery: 'refuse', message: matching(message), place: { setting: 'stream.counterTable' } });
    expect((await capture.status()).state).toBe('missing');
    await capture.drop();
    expect(await context.db.query(`SELECT 1 FROM pg_class WHERE relname = 'counter'`)).toHaveLength(1);
  });
});

describe('a role without rights', () => {
  it('is told what a DBA can run, step by step, after which it prepares, raises and drops', async () => {
    await using context = await captureContext();
    const { db } = context;
    const role = await context.role();
    const capture = await context.capture({ url: role.url });
    const refusal = async (): Promise<string> => {
      const error: unknown = await capture.prepare([]).then(() => null, (e: unknown) => e);
      expect(error).toMatchObject({ code: 'SOURCE_RIGHTS', recovery: 'refuse', message: expect.stringContaining(quoted(role.name)) as string });
      return (error as Error).message;
    };
    const doings: string[] = [];
    while (doings.length < 3) {
      const message = await refusal();
      doings.push(/may not (.*?) at the source/.exec(message)?.[1] ?? message);
      await db.query(message.slice(message.indexOf('let a DBA run: ') + 'let a DBA run: '.length));
    }
    expect(doings).toEqual(['make the counter table elstream.counter', 'publish the tables', 'make a replication slot']);
    expect((await capture.prepare([])).created).toBe(true);
    await capture.raiseCounter();
    expect((await capture.status()).state).toBe('ready');
    await expect(capture.drop()).rejects.toMatchObject({ code: 'SOURCE_RIGHTS', message: matching(/let a DBA run: DROP PUBLICATION/) });
    await db.query(`DROP PUBLICATION ${quoted(context.publicationName)}`);
    await capture.drop();
    expect(await capture.status()).toMatchObject({ state: 'missing' });
    // Not ours to drop, so it stays, without our row.
    expect(await db.query('SELECT * FROM elstream.counter')).toEqual([]);
  });

  it('is told the grants where the counter table is there but not for it', async () => {
    await using context = await captureContext();
    const role = await context.role();
    await (await context.capture()).prepare([]);
    await expect((await context.capture({ url: role.url })).prepare([])).rejects.toMatchObject({ code: 'SOURCE_RIGHTS', message: matching(/use the counter table.*GRANT SELECT, INSERT, UPDATE, DELETE ON "elstream"\."counter"/) });
  });
});
