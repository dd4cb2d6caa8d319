import { type TableMapping } from '@elstream/core';
import { type SourceDatabase } from '@elstream/source';
import { eventually, readsContract } from '@elstream/testing';
import { collect, describeOne, EVERYTHING, HARNESS, mappingOf, openSource, readCells, running } from './source-fixture.fixture';

readsContract(HARNESS);

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

  it('finds keys by the equality of their own type, and gives them as the row has them', async () => {
    await using context = await openSource(`CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE TABLE t (k ext.citext PRIMARY KEY, h numeric); INSERT INTO t VALUES ('Ab', 1.10), ('c', 2)`);
    const mapping = mappingOf(await describeOne(context.source, 'public.t'));
    expect(await context.source.readByKeys(mapping, [['aB'], ['d']])).toEqual([['Ab', '1.10']]);
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
