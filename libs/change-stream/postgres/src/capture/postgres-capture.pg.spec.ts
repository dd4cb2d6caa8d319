import { eventually, startOwnServer } from '@elstream/testing';
import { mappingOf } from '../stream.fixture';
import { captureContext, quoted } from './capture.fixture';

const plain = (name: string, schema = 'public'): ReturnType<typeof mappingOf> => mappingOf(name, ['id'], ['id'], schema);
const matching = (pattern: RegExp): string => expect.stringMatching(pattern) as string;

describe('prepare', () => {
  it('makes counter table, publication and slot once, and publishes exactly the tables given and the counter', async () => {
    await using context = await captureContext();
    const { db } = context;
    await db.query('CREATE TABLE a (id int PRIMARY KEY); CREATE SCHEMA "s.x"; CREATE TABLE "s.x"."b""" (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY); CREATE TABLE child () INHERITS (a)');
    const capture = await context.capture();
    expect(await capture.status()).toMatchObject({ state: 'missing', reason: matching(/slot s_.* is gone/) });
    expect(await capture.captured()).toBeNull();
    const first = await capture.prepare([plain('a'), plain('b"', 's.x')]);
    expect(first).toMatchObject({ created: true, identity: { system: matching(/^[0-9]{10,}$/), fork: '1' } });
    expect(await context.members()).toEqual(['elstream.counter', 'public.a', 's.x.b"']);
    const again = await capture.prepare([plain('b"', 's.x'), plain('c')]);
    expect(again).toMatchObject({ created: false, identity: first.identity });
    expect(again.position.compare(first.position)).toBeGreaterThan(0);
    expect(await context.members()).toEqual(['elstream.counter', 'public.c', 's.x.b"']);
    expect([...((await capture.captured()) ?? [])].sort()).toEqual(['"s.x"."b\\""', 'public.c']);
    expect(await capture.status()).toMatchObject({ state: 'ready', reason: null, retainedBytes: expect.any(Number) as number, confirmed: first.position });
    const { raised } = await capture.status();
    await capture.raiseCounter();
    expect((await capture.status()).raised).toBe((raised ?? 0n) + 1n);
    expect(capture.names).toEqual({ 'slot.name': context.slotName, 'publication.name': context.publicationName });
  });

  it('sends partitions as their root, and a truncate of the root', async () => {
    await using context = await captureContext();
    const { db } = context;
    await db.query('CREATE TABLE p (id int PRIMARY KEY) PARTITION BY LIST (id); CREATE TABLE leaf PARTITION OF p FOR VALUES IN (1)');
    await (await context.capture()).prepare([plain('p')]);
    await db.query('CREATE TABLE later PARTITION OF p FOR VALUES IN (2); INSERT INTO p VALUES (1), (2); DELETE FROM leaf; TRUNCATE p');
    const sent = await db.query<{ kind: string; relation: string; text: string }>(
      `SELECT chr(get_byte(data, 0)) AS kind, encode(substr(data, CASE get_byte(data, 0) WHEN ascii('T') THEN 7 ELSE 2 END, 4), 'hex') AS relation, encode(data, 'escape') AS text
         FROM pg_logical_slot_peek_binary_changes($1, NULL, NULL, 'proto_version', '1', 'publication_names', $2)`,
      [context.slotName, quoted(context.publicationName)],
    );
    // Leaves are described too; no row is sent as theirs.
    const names = new Map(sent.filter(({ kind }) => kind === 'R').map(({ relation, text }) => [relation, /public\\000(\w+)\\000/.exec(text)?.[1]]));
    expect(sent.filter(({ kind }) => /[IDT]/.test(kind)).map(({ kind, relation }) => `${kind} ${String(names.get(relation))}`)).toEqual(['I p', 'I p', 'D p', 'T p']);
  });

  it.each<[string, string, RegExp]>([
    ['without a primary key', 'CREATE TABLE t (id int NOT NULL)', /public\.t has no primary key.*REPLICA IDENTITY/],
    ['with identity NOTHING', 'CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t REPLICA IDENTITY NOTHING', /NOTHING/],
    ['with a partition that has none', 'CREATE TABLE t (id int NOT NULL) PARTITION BY LIST (id); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1)', /public\.t1 has no primary key/],
  ])('refuses a table %s, and publishes nothing', async (_name, ddl, message) => {
    await using context = await captureContext();
    await context.db.query(`CREATE TABLE ok (id int PRIMARY KEY); ${ddl}`);
    const capture = await context.capture();
    await expect(capture.prepare([plain('ok'), plain('t')])).rejects.toMatchObject({ code: 'REPLICA_IDENTITY', recovery: 'refuse', message: matching(message) });
    expect(await context.db.query('SELECT 1 FROM pg_publication')).toEqual([]);
    expect((await capture.status()).state).toBe('missing');
  });

  it('refuses a slot of another database, a publication for all tables, and the counter table among the tables, and changes nothing', async () => {
    await using context = await captureContext();
    await using elsewhere = await captureContext();
    await (await elsewhere.capture()).prepare([]);
    await context.db.query('CREATE PUBLICATION everything FOR ALL TABLES');
    const foreign = await context.capture({ slotName: elsewhere.slotName });
    await expect(foreign.prepare([])).rejects.toMatchObject({ code: 'SLOT_FOREIGN', recovery: 'refuse' });
    expect(await foreign.status()).toMatchObject({ state: 'missing', reason: matching(/another database/) });
    await foreign.drop();
    expect((await (await elsewhere.capture()).status()).state).toBe('ready');
    await expect((await context.capture({ publicationName: 'everything' })).prepare([])).rejects.toMatchObject({ code: 'PUBLICATION_FOREIGN', recovery: 'refuse' });
    await expect((await context.capture()).prepare([mappingOf('counter', ['pipeline'], ['pipeline'], 'elstream')])).rejects.toMatchObject({ code: 'COUNTER_TABLE_REPLICATED', recovery: 'refuse' });
    expect(await context.db.query(`SELECT 1 FROM pg_namespace WHERE nspname = 'elstream'`)).toEqual([]);
  });

  it.each<[string, (context: { readonly publication: string; readonly slot: string }) => string, RegExp]>([
    ['the slot was dropped', ({ slot }) => `SELECT pg_drop_replication_slot('${slot}')`, /slot .* is gone/],
    ['the publication was dropped', ({ publication }) => `DROP PUBLICATION ${publication}`, /publication .* is gone/],
    ['the counter table was taken out of the publication', ({ publication }) => `ALTER PUBLICATION ${publication} DROP TABLE elstream.counter`, /no longer lists the counter table/],
    ['the counter table was dropped', () => 'DROP TABLE elstream.counter', /no longer lists the counter table/],
    ['the counter table is published in part', ({ publication }) => `ALTER PUBLICATION ${publication} SET TABLE t, elstream.counter WHERE (pipeline = 'x')`, /no longer lists the counter table/],
    ['the publication leaves deletes out', ({ publication }) => `ALTER PUBLICATION ${publication} SET (publish = 'insert, update')`, /altered publication/],
    ['the publication sends partitions by themselves', ({ publication }) => `ALTER PUBLICATION ${publication} SET (publish_via_partition_root = false)`, /altered publication/],
  ])('says so and makes the slot anew where %s', async (_name, sql, reason) => {
    await using context = await captureContext();
    await context.db.query('CREATE TABLE t (id int PRIMARY KEY)');
    const capture = await context.capture();
    const first = await capture.prepare([plain('t')]);
    await context.db.query(sql({ publication: quoted(context.publicationName), slot: context.slotName }));
    expect(await capture.status()).toMatchObject({ state: 'missing', reason: matching(reason) });
    const second = await capture.prepare([plain('t')]);
    expect(second.created).toBe(true);
    expect(second.position.compare(first.position)).toBeGreaterThan(0);
    expect(await capture.status()).toMatchObject({ state: 'ready', confirmed: second.position });
    expect(await context.members()).toEqual(['elstream.counter', 'public.t']);
  });

  it('tells of a table that somebody took out, keeps the slot, and puts it back', async () => {
    await using context = await captureContext();
    await context.db.query('CREATE TABLE t (id int PRIMARY KEY)');
    const capture = await context.capture();
    await capture.prepare([plain('t')]);
    await context.db.query(`ALTER PUBLICATION ${quoted(context.publicationName)} DROP TABLE t`);
    expect([(await capture.status()).state, await capture.captured()]).toEqual(['ready', new Set()]);
    expect((await capture.prepare([plain('t')])).created).toBe(false);
    expect(await capture.captured()).toEqual(new Set(['public.t']));
  });

  it('takes no slot for its own that a connector has made in the same moment', async () => {
    await using context = await captureContext();
    const { db } = context;
    const capture = await context.capture();
    const holder = await db.client();
    await holder.query(`SELECT pg_advisory_lock(hashtextextended('elstream counter table', 0))`);
    const preparing = capture.prepare([]);
    const refused = expect(preparing).rejects.toMatchObject({ code: 'SLOT_RACE', recovery: 'retry' });
    await eventually(async () => (await db.query(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)).length === 1);
    await db.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [context.slotName]);
    await holder.query('SELECT pg_advisory_unlock_all()');
    await refused;
    expect((await capture.status()).state).toBe('missing');
    expect((await capture.prepare([])).created).toBe(true);
  });

  it('makes a slot anew that a connector still reads, and one whose log the server removed', async () => {
    await using server = await startOwnServer({ max_slot_wal_keep_size: '1MB', max_wal_size: '32MB', min_wal_size: '32MB', wal_keep_size: '0' });
    await using context = await captureContext(await server.createDatabase());
    const capture = await context.capture();
    await capture.prepare([]);
    const connector = await context.connector();
    await context.db.query('DROP TABLE elstream.counter');
    expect((await capture.prepare([])).created).toBe(true);
    await connector.ended;
    await eventually(async () => {
      await context.db.query("SELECT pg_logical_emit_message(true, 'x', 'x')");
      await context.db.query('SELECT pg_switch_wal()');
      await context.db.query('CHECKPOINT');
      return (await capture.status()).state === 'lost';
    });
    expect(await capture.status()).toMatchObject({ state: 'lost', reason: matching(/removed log/) });
    expect((await capture.prepare([])).created).toBe(true);
    expect((await capture.status()).state).toBe('ready');
  });
});

describe('drop', () => {
  it('removes slot, publication and counter, ends a connector that still reads, and may be repeated', async () => {
    await using context = await captureContext();
    const capture = await context.capture();
    await capture.prepare([]);
    const connector = await context.connector();
    await capture.drop();
    await connector.ended;
    await capture.drop();
    expect((await capture.status()).state).toBe('missing');
    expect(await context.db.query(`SELECT 1 FROM pg_publication UNION ALL SELECT 1 FROM pg_tables WHERE schemaname = 'elstream'`)).toEqual([]);
  });
});
