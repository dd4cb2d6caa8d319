import { type StreamOffset } from '@elstream/core';
import { eventually } from '@elstream/testing';
import { brief, collect, mappingOf, streamContext, untilMarker } from './stream.fixture';

const plain = (name: string): ReturnType<typeof mappingOf> => mappingOf(name, ['id'], ['id']);

describe('prepare', () => {
  it('creates publication and slot once, lists exactly the tables given, and reads on where it was', async () => {
    await using context = await streamContext();
    const { db } = context;
    await db.query('CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE "b.""x" (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY); CREATE TABLE child () INHERITS (a)');
    const stream = await context.stream();
    const members = async (): Promise<string[]> =>
      (await db.query<{ name: string }>('SELECT relname::text AS name FROM pg_publication_rel JOIN pg_class c ON c.oid = prrelid ORDER BY 1')).map((row) => row.name);
    const start = await stream.prepare([plain('a'), plain('b."x')]);
    expect(start.created).toBe(true);
    expect(start.identity).toMatchObject({ system: expect.stringMatching(/^[0-9]{10,}$/) as string, fork: '1' });
    expect(await members()).toEqual(['a', 'b."x']);
    const again = await stream.prepare([plain('b."x'), plain('c')]);
    expect(again).toEqual({ ...start, created: false });
    expect(await members()).toEqual(['b."x', 'c']);
    await stream.prepare([]);
    expect(await members()).toEqual([]);
    expect(await stream.status([])).toMatchObject({ state: 'ready', gap: null, retainedBytes: expect.any(Number) as number });
    expect(await stream.confirmed()).toEqual(start.offsets.get('0'));
  });

  it.each<[string, string, RegExp]>([
    ['without a primary key', 'CREATE TABLE t (id int NOT NULL)', /public\.t has no primary key.*REPLICA IDENTITY/],
    ['with identity NOTHING', 'CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t REPLICA IDENTITY NOTHING', /NOTHING/],
    ['whose identity index is gone', 'CREATE TABLE t (id int NOT NULL); CREATE UNIQUE INDEX i ON t (id); ALTER TABLE t REPLICA IDENTITY USING INDEX i; DROP INDEX i', /lost the index/],
    ['whose key is not in the identity', 'CREATE TABLE t (id int NOT NULL, k int PRIMARY KEY)', /lacks key column id/],
    ['with a partition that has none', 'CREATE TABLE t (id int NOT NULL) PARTITION BY LIST (id); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1)', /public\.t1 has no primary key/],
  ])('refuses a table %s, and leaves nothing behind', async (_name, ddl, message) => {
    await using context = await streamContext();
    await context.db.query(`CREATE TABLE ok (id int PRIMARY KEY); ${ddl}`);
    const stream = await context.stream();
    await expect(stream.prepare([plain('ok'), plain('t')])).rejects.toMatchObject({ code: 'REPLICA_IDENTITY', recovery: 'refuse', message: expect.stringMatching(message) as string });
    expect(await context.db.query('SELECT 1 FROM pg_publication')).toEqual([]);
    expect((await stream.status([])).state).toBe('missing');
  });

  it('refuses a publication for all tables and a slot of another database', async () => {
    await using context = await streamContext();
    await using elsewhere = await streamContext();
    const { db } = context;
    await db.query('CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION everything FOR ALL TABLES');
    await expect((await context.stream({ publicationName: 'everything' })).prepare([plain('t')])).rejects.toMatchObject({ code: 'PUBLICATION_FOREIGN', recovery: 'refuse' });
    await (await elsewhere.stream()).prepare([]);
    await expect((await context.stream({ slotName: `s_${elsewhere.db.name}` })).prepare([plain('t')])).rejects.toMatchObject({ code: 'SLOT_FOREIGN', recovery: 'refuse' });
  });

  it('names the session that keeps the slot from being created', async () => {
    await using context = await streamContext();
    const { db } = context;
    await db.query('CREATE TABLE t (id int PRIMARY KEY)');
    const holder = await db.client();
    await holder.query("SET application_name = 'the holder'; BEGIN; INSERT INTO t VALUES (1)");
    const stream = await context.stream({ slotTimeoutMs: 300 });
    await expect(stream.prepare([plain('t')])).rejects.toMatchObject({ code: 'STREAM_SLOT_TIMEOUT', recovery: 'retry', message: expect.stringContaining('the holder') as string });
    await holder.query('COMMIT');
    expect((await (await context.stream()).prepare([plain('t')])).created).toBe(true);
  });

  it('makes the slot anew where its publication was dropped: what was changed meanwhile is not in the stream', async () => {
    await using context = await streamContext();
    const { db } = context;
    await db.query('CREATE TABLE t (id int PRIMARY KEY)');
    const stream = await context.stream();
    await stream.prepare([plain('t')]);
    await db.query(`DROP PUBLICATION "p.${db.name}"`);
    await db.query('INSERT INTO t VALUES (1)');
    const start = await stream.prepare([plain('t')]);
    expect(start.created).toBe(true);
    await db.query('INSERT INTO t VALUES (2)');
    const until = await untilMarker(db);
    expect(brief((await collect(stream, { from: start.offsets.get('0') as StreamOffset, tables: [plain('t')], until })).events)).toEqual([['+', '2']]);
  });
});

describe('drop', () => {
  it('removes slot and publication, ends a reader of ours, and may be repeated', async () => {
    await using context = await streamContext();
    const { db } = context;
    await db.query('CREATE TABLE t (id int PRIMARY KEY)');
    const [reading, dropping] = [await context.stream(), await context.stream()];
    const start = await reading.prepare([plain('t')]);
    const until = await untilMarker(db);
    let live: () => void = () => undefined;
    const isLive = new Promise<void>((resolve) => (live = resolve));
    const ended = collect(reading, {
      from: start.offsets.get('0') as StreamOffset,
      tables: [plain('t')],
      until: (batch) => {
        if (until(batch)) live();
        return false;
      },
    });
    const failure = expect(ended).rejects.toMatchObject({ recovery: 'retry' });
    await isLive;
    await dropping.drop();
    await failure;
    await dropping.drop();
    expect((await dropping.status([])).state).toBe('missing');
    expect(await db.query('SELECT 1 FROM pg_publication')).toEqual([]);
  });

  it('leaves a slot alone that a stranger reads', async () => {
    await using context = await streamContext();
    await context.db.query('CREATE TABLE t (id int PRIMARY KEY)');
    const stranger = await context.stream({ applicationName: 'a stranger' });
    const start = await stranger.prepare([plain('t')]);
    const controller = new AbortController();
    const reading = (async () => {
      for await (const batch of stranger.read({ from: start.offsets.get('0') as StreamOffset, mappings: () => new Map(), signal: controller.signal })) expect(batch.events).toEqual([]);
    })();
    await eventually(async () => (await context.db.query('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND active', [`s_${context.db.name}`])).length === 1, { unlessFails: reading });
    await expect((await context.stream()).drop()).rejects.toMatchObject({ code: 'STREAM_BUSY' });
    controller.abort();
    await reading;
  });
});
