import { createHmac } from 'node:crypto';
import { type TableMapping } from '@elstream/core';
import { type SourceDatabase } from '@elstream/source';
import { eventually } from '@elstream/testing';
import { collect, describeOne, EVERYTHING, mappingOf, openSource, readCells, running } from './source-fixture.fixture';

describe('reading rows of a PostgreSQL source', () => {
  it('gives each value as the server prints it, the same in chunks and by key', async () => {
    await using context = await openSource(`
      CREATE TYPE mood AS ENUM ('sad', 'happy');
      CREATE TABLE t (id char(4) PRIMARY KEY, b bool, c "char", n char(5), by bytea, tz timestamptz, ts timestamp, d date, j json, jb jsonb, f8 float8, f4 float4,
        m numeric, i8 int8, e mood, a text[], ia int4[], iv interval, x xml, bt bit(3), u uuid, txt text, mon money, r int4range, ip inet);
      INSERT INTO t VALUES
        ('a', true, 'x', 'ab', '\\x00ff0a09', '294276-12-31 23:59:59.999999+00', 'infinity', '4713-01-01 BC', '{ "a" : 12345678901234567890 }', '{"a": 1.10}', 5e-324, 1.1754944e-38,
          'NaN', 9223372036854775807, 'happy', '{a,NULL,"b,\\"c\\\\d"}', '{{1,2},{3,4}}', '1 year -2 days 00:00:00.000001', '<a>b</a>', '101', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
          E'tab\\tnl\\nback\\\\slash\\r\\f\\v\\b \\\\N 😀', '12.34', '[1,5)', '10.0.0.1/8'),
        ('b', false, '', '', '', '-infinity', '0044-03-15 12:00 BC', 'infinity', 'null', '""', '-Infinity', '-0', '-Infinity', -9223372036854775808, 'sad', '{}', '{}', '0', '', '000', NULL, '', '-0.01', 'empty', '::1'),
        ('c', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0.10, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);`);
    const { source } = context;
    const mapping = mappingOf(await describeOne(source, 'public.t'));
    const rows = await readCells(source, mapping);
    expect(rows).toEqual([
      ['a   ', 't', 'x', 'ab   ', '\\x00ff0a09', '294276-12-31 23:59:59.999999+00', 'infinity', '4713-01-01 BC', '{ "a" : 12345678901234567890 }', '{"a": 1.10}', '5e-324', '1.1754944e-38', 'NaN',
        '9223372036854775807', 'happy', '{a,NULL,"b,\\"c\\\\d"}', '{{1,2},{3,4}}', '1 year -2 days +00:00:00.000001', '<a>b</a>', '101', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
        'tab\tnl\nback\\slash\r\f\v\b \\N 😀', '$12.34', '[1,5)', '10.0.0.1/8'],
      ['b   ', 'f', '', '     ', '\\x', '-infinity', '0044-03-15 12:00:00 BC', 'infinity', 'null', '""', '-Infinity', '-0', '-Infinity', '-9223372036854775808', 'sad', '{}', '{}', '00:00:00', '', '000', null, '',
        '-$0.01', 'empty', '::1'],
      ['c   ', null, null, null, null, null, null, null, null, null, null, null, '0.10', null, null, null, null, null, null, null, null, null, null, null, null],
    ]);
    expect(await source.readByKeys(mapping, [['b   '], ['nope'], ['a   ']])).toEqual(expect.arrayContaining(rows.slice(0, 2)));
    expect(await source.readByKeys(mapping, [['nope']])).toEqual([]);
    expect(await source.readByKeys(mapping, [])).toEqual([]);
  });

  it('finds composite keys of awkward names and values by key, in more than one statement', async () => {
    await using context = await openSource(`
      CREATE TABLE "we.ird ""t""" ("Select" text, "a b" numeric, v text, PRIMARY KEY ("Select", "a b"));
      INSERT INTO "we.ird ""t""" SELECT E'q''\\\\' || i, i / 10.0, 'v' || i FROM generate_series(1, 4500) i;`);
    const mapping = mappingOf(await describeOne(context.source, 'public."we.ird \\"t\\""'));
    const rows = await readCells(context.source, mapping);
    expect(rows).toHaveLength(4500);
    const found = await context.source.readByKeys(mapping, rows.map((row) => [row[0]!, row[1]!]));
    expect(new Set(found.map((r) => JSON.stringify(r)))).toEqual(new Set(rows.map((r) => JSON.stringify(r))));
    expect(found).toHaveLength(4500);
  });

  it('finds keys by the equality of their own type, and gives them as the row has them', async () => {
    await using context = await openSource(`CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE TABLE t (k ext.citext PRIMARY KEY, h numeric); INSERT INTO t VALUES ('Ab', 1.10), ('c', 2)`);
    const mapping = mappingOf(await describeOne(context.source, 'public.t'));
    expect(await context.source.readByKeys(mapping, [['aB'], ['d']])).toEqual([['Ab', '1.10']]);
  });

  it('never lets a masked column through in clear, in chunks or by key', async () => {
    await using context = await openSource(`CREATE TABLE t (id int PRIMARY KEY, a text, b text); INSERT INTO t VALUES (1, 'clear', E'cl\\tear'), (2, NULL, NULL)`);
    const { source } = context;
    const table = await describeOne(source, 'public.t');
    const mapping = mappingOf(table, 1000, { a: { kind: 'null' }, b: { kind: 'hash', secret: 's' } });
    const expected = [['1', null, createHmac('sha256', 's').update('cl\tear').digest('hex')], ['2', null, null]];
    expect(await readCells(source, mapping)).toEqual(expected);
    expect(await source.readByKeys(mapping, [['1'], ['2']])).toEqual(expected);
    await expect(source.readChunk(mappingOf(table, 1000, { id: { kind: 'hash', secret: 's' } }), EVERYTHING, running())).rejects.toMatchObject({ code: 'KEY_MASKED' });
  });

  it('gives a connection up when a read is left early or aborted, and goes on with others', async () => {
    await using context = await openSource(`CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 20000) i`);
    const { source } = context;
    const mapping = mappingOf(await describeOne(source, 'public.t'));
    for (let i = 0; i < 5; i += 1) {
      for await (const piece of (await source.readChunk(mapping, EVERYTHING, running())).rows) {
        expect(piece.length).toBeGreaterThan(0);
        break;
      }
      const abort = new AbortController();
      const read = await source.readChunk(mapping, EVERYTHING, abort.signal);
      await expect(
        (async () => {
          for await (const _ of read.rows) abort.abort(new Error('told to stop'));
        })(),
      ).rejects.toThrow('told to stop');
    }
    expect(await readCells(source, mapping)).toHaveLength(20000);
  });

  it.each<[string, (source: SourceDatabase, mapping: TableMapping, signal: AbortSignal) => Promise<unknown>]>([
    ['checksums', (source, mapping, signal) => source.checksums(mapping, EVERYTHING, 8, signal)],
    ['digests', (source, mapping, signal) => source.digests(mapping, EVERYTHING, { of: 8, which: [1] }, signal)],
    ['the planning of chunks', (source, mapping, signal) => collect(source.planChunks(mapping, signal))],
    ['a read', async (source, mapping, signal) => collect((await source.readChunk(mapping, EVERYTHING, signal)).rows)],
  ])('an abort of %s ends the statement at the server', async (_what, read) => {
    await using context = await openSource('CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100)');
    const { source, db } = context;
    const mapping = mappingOf(await describeOne(source, 'public.t'), 10);
    // Held up by a lock, a statement neither sends nor receives: only a cancel ends it.
    const holder = await db.client();
    await holder.query('BEGIN; LOCK TABLE t');
    const atWork = () => db.query(`SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'elstream source' AND state = 'active' AND wait_event_type = 'Lock'`);
    const abort = new AbortController();
    const failing = read(source, mapping, abort.signal).catch((error: unknown) => error);
    await eventually(async () => (await atWork()).length === 1);
    abort.abort(new Error('told to stop'));
    expect(await failing).toMatchObject({ message: 'told to stop' });
    await eventually(async () => (await atWork()).length === 0);
    await holder.query('ROLLBACK');
    expect(await readCells(source, mapping)).toHaveLength(100);
  });

  it('says what is wrong when a column or the table is gone', async () => {
    await using context = await openSource('CREATE TABLE t (id int PRIMARY KEY, a text)');
    const { db, source } = context;
    const mapping = mappingOf(await describeOne(source, 'public.t'));
    await db.query('ALTER TABLE t DROP COLUMN a');
    await expect(readCells(source, mapping)).rejects.toMatchObject({ recovery: 'stop', message: expect.stringContaining('t.a') as string });
    await db.query('DROP TABLE t');
    await expect(readCells(source, mapping)).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
    await expect(collect(source.planChunks(mapping, running()))).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
  });

  it('reads a partitioned table through its root and an inheritance parent without its children', async () => {
    await using context = await openSource(`
      CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id);
      CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
      CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
      INSERT INTO p SELECT generate_series(5, 14);
      CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent);
      INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2);`);
    const { source } = context;
    const root = mappingOf(await describeOne(source, 'public.p'), 3);
    expect(await readCells(source, root)).toHaveLength(10);
    expect(await collect(source.planChunks(root, running()))).toHaveLength(4);
    expect(await source.readByKeys(root, [['5'], ['14'], ['99']])).toHaveLength(2);
    expect(await readCells(source, mappingOf(await describeOne(source, 'public.parent')))).toEqual([['1']]);
  });
});
