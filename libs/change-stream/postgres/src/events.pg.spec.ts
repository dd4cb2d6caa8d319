import { type StreamOffset, type TableMapping } from '@elstream/core';
import { brief, collect, mappingOf, streamContext, untilMarker, type StreamContext } from './stream.fixture';

/** Prepares the tables, runs the statements, reads everything back in short form. */
async function eventsOf(context: StreamContext, tables: readonly TableMapping[], statements: readonly string[]): Promise<unknown[]> {
  const stream = await context.stream();
  const start = await stream.prepare(tables);
  for (const statement of statements) await context.db.query(statement);
  const until = await untilMarker(context.db);
  const from = start.offsets.get('0') as StreamOffset;
  const { events } = await collect(stream, { from, tables, until });
  await stream.close();
  return brief(events);
}

describe('events of a table', () => {
  it('arrive in commit order with canonical text, rolled-back work absent, prepared work present once committed', async () => {
    await using context = await streamContext();
    await context.db.query('CREATE TABLE t (id int8 PRIMARY KEY, at timestamptz, f float8, b bytea, n numeric)');
    const found = await eventsOf(context, [mappingOf('t', ['id'], ['id', 'at', 'f', 'b', 'n'])], [
      "INSERT INTO t VALUES (9223372036854775807, '2020-02-03 04:05:06.789012+02', 0.1, '\\x00ff', 'NaN'), (1, 'infinity', '-0', '', NULL)",
      'BEGIN; INSERT INTO t VALUES (2); ROLLBACK',
      "BEGIN; INSERT INTO t VALUES (3); PREPARE TRANSACTION 'two'",
      'INSERT INTO t VALUES (4)',
      "COMMIT PREPARED 'two'",
      'UPDATE t SET n = 5 WHERE id = 4',
      'UPDATE t SET id = 40 WHERE id = 4',
      'DELETE FROM t WHERE id = 40',
      'BEGIN; SAVEPOINT a; INSERT INTO t VALUES (5); ROLLBACK TO a; INSERT INTO t VALUES (6); COMMIT',
      'TRUNCATE t',
    ]);
    expect(found).toEqual([
      ['+', '9223372036854775807', '2020-02-03 02:05:06.789012+00', '0.1', '\\x00ff', 'NaN'],
      ['+', '1', 'infinity', '-0', '\\x', null],
      ['+', '4', null, null, null, null],
      ['+', '3', null, null, null, null],
      ['~', '4', null, null, null, '5'],
      ['~', '40', null, null, null, '5', { was: ['4'] }],
      ['-', '40'],
      ['+', '6', null, null, null, null],
      ['x', 'public.t'],
    ]);
  });

  it.each<[string, string, unknown[]]>([
    ['DEFAULT', 'ALTER TABLE t REPLICA IDENTITY DEFAULT', [['~', '1', undefined, 'b'], ['~', '1.0', undefined, 'b', { was: ['1'] }], ['-', '1.0']]],
    ['FULL', 'ALTER TABLE t REPLICA IDENTITY FULL', [['~', '1', 'BIG', 'b'], ['~', '1.0', 'BIG', 'b', { was: ['1'] }], ['-', '1.0']]],
    ['USING INDEX', 'ALTER TABLE t DROP CONSTRAINT t_pkey; CREATE UNIQUE INDEX u ON t (id); ALTER TABLE t REPLICA IDENTITY USING INDEX u', [['~', '1', undefined, 'b'], ['~', '1.0', undefined, 'b', { was: ['1'] }], ['-', '1.0']]],
  ])('under REPLICA IDENTITY %s carry unchanged TOAST values as far as known, and key changes between equal keys', async (_name, alter, expected) => {
    await using context = await streamContext();
    await context.db.query('CREATE TABLE t (id numeric NOT NULL PRIMARY KEY, big text, small text)');
    await context.db.query('ALTER TABLE t ALTER big SET STORAGE EXTERNAL');
    await context.db.query(alter);
    const big = 'x'.repeat(20_000);
    await context.db.query(`INSERT INTO t VALUES (1, '${big}', 'a')`);
    const found = await eventsOf(context, [mappingOf('t', ['id'], ['id', 'big', 'small'])], ["UPDATE t SET small = 'b'", 'UPDATE t SET id = 1.0', 'DELETE FROM t']);
    expect(JSON.parse(JSON.stringify(found, (_k, v: unknown) => (v === undefined ? '?' : v === big ? 'BIG' : v)))).toEqual(JSON.parse(JSON.stringify(expected, (_k, v: unknown) => (v === undefined ? '?' : v))));
  });

  it('carry a toasted key that an update left alone', async () => {
    await using context = await streamContext();
    await context.db.query('CREATE TABLE t (id text PRIMARY KEY, v text); ALTER TABLE t ALTER id SET STORAGE EXTERNAL');
    // Below the limit of an index row, above what stays in line beside it.
    const id = 'k'.repeat(2_100);
    const found = await eventsOf(context, [mappingOf('t', ['id'], ['id', 'v'])], [`INSERT INTO t VALUES ('${id}', 'a')`, "UPDATE t SET v = 'b'", 'DELETE FROM t']);
    expect(found).toEqual([['+', id, 'a'], ['~', id, 'b'], ['-', id]]);
  });

  it('hold mapped columns only, by name, masked, whatever their order at the source, and generated ones where published', async () => {
    await using context = await streamContext();
    const [version] = await context.db.query<{ v: number }>("SELECT current_setting('server_version_num')::int AS v");
    await context.db.query('CREATE TABLE "Odd. ""Näme" (gone int, secret text, "Ünï ""q""" text, a int, g int GENERATED ALWAYS AS (a * 2) STORED, "select" int, PRIMARY KEY ("select", a))');
    await context.db.query('ALTER TABLE "Odd. ""Näme" DROP gone');
    const columns = ['a', { name: 'secret', mask: { kind: 'null' } as const }, 'Ünï "q"', 'select', ...((version?.v ?? 0) >= 180_000 ? ['g'] : [])];
    const found = await eventsOf(context, [mappingOf('Odd. "Näme', ['a', 'select'], columns)], [
      `INSERT INTO "Odd. ""Näme" (secret, "Ünï ""q""", a, "select") VALUES ('clear', '😀', 1, 2)`,
      `UPDATE "Odd. ""Näme" SET "select" = 3`,
      `DELETE FROM "Odd. ""Näme"`,
    ]);
    const g = (version?.v ?? 0) >= 180_000 ? ['2'] : [];
    expect(found).toEqual([['+', '1', null, '😀', '2', ...g], ['~', '1', null, '😀', '3', ...g, { was: ['1', '2'] }], ['-', '1', '3']]);
  });

  it('of partitions belong to the partitioned table, and a TRUNCATE of all of them empties it once', async () => {
    await using context = await streamContext();
    await context.db.query(`CREATE TABLE p (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
      CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
      CREATE TABLE p2 (v text, id int NOT NULL) ; ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20);
      CREATE TABLE other (id int PRIMARY KEY)`);
    const found = await eventsOf(context, [mappingOf('p', ['id'], ['id', 'v'])], [
      "INSERT INTO p VALUES (1, 'a'), (11, 'b')",
      'UPDATE p SET id = 12 WHERE id = 1',
      'CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (20) TO (30)',
      "INSERT INTO p VALUES (21, 'c')",
      'TRUNCATE p',
    ]);
    expect(found).toEqual([['+', '1', 'a'], ['+', '11', 'b'], ['-', '1'], ['+', '12', 'a'], ['+', '21', 'c'], ['x', 'public.p']]);
  });

  it('stop at a TRUNCATE of one partition, naming table and position', async () => {
    await using context = await streamContext();
    await context.db.query('CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE p2 PARTITION OF p DEFAULT');
    await expect(eventsOf(context, [mappingOf('p', ['id'], ['id'])], ['TRUNCATE p1'])).rejects.toMatchObject({
      code: 'STREAM_PARTITION_TRUNCATED',
      recovery: 'stop',
      place: { table: 'public.p', position: expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/) as string },
    });
  });

  it.each([
    ['a key column of another type', 'ALTER TABLE t ALTER id TYPE bigint', 'id'],
    ['a type that the warehouse would round', 'ALTER TABLE t ALTER n TYPE numeric(12,4)', 'n'],
    ['a type wider than the warehouse column', 'ALTER TABLE t ALTER v TYPE varchar(20)', 'v'],
    ['a renamed table', 'ALTER TABLE t RENAME TO u', 'public.u'],
  ])('stop at %s, naming it', async (_name, alter, named) => {
    await using context = await streamContext();
    await context.db.query('CREATE TABLE t (id int PRIMARY KEY, v varchar(10), n numeric(10,2))');
    const columns = [{ name: 'id', type: { kind: 'integer', bits: 32 } }, { name: 'v', type: { kind: 'text', maxLength: 10, padded: false } }] as const;
    const mapping = mappingOf('t', ['id'], [...columns, { name: 'n', type: { kind: 'decimal', precision: 10, scale: 2 } }]);
    const table = alter.includes('RENAME') ? 'u' : 't';
    const failure = eventsOf(context, [mapping], ['INSERT INTO t (id) VALUES (1)', alter, `INSERT INTO ${table} (id) VALUES (2)`]);
    await expect(failure).rejects.toMatchObject({ code: 'STREAM_SCHEMA_CHANGED', recovery: 'stop', message: expect.stringContaining(named) as string });
  });

  it('come before a change that stops, in a batch of their own', async () => {
    await using context = await streamContext();
    await context.db.query('CREATE TABLE t (id int PRIMARY KEY, v varchar(10))');
    const mapping = mappingOf('t', ['id'], ['id', { name: 'v', type: { kind: 'text', maxLength: 10, padded: false } }]);
    const stream = await context.stream({ lingerMs: 1_000 });
    const from = (await stream.prepare([mapping])).offsets.get('0') as StreamOffset;
    await context.db.query("INSERT INTO t VALUES (1, 'a'); BEGIN; INSERT INTO t VALUES (2, 'b'); ALTER TABLE t ALTER v TYPE text; INSERT INTO t VALUES (3, 'c'); COMMIT");
    const seen: unknown[] = [];
    let next = from;
    const read = collect(stream, { from, tables: [mapping], until: (batch) => (seen.push(...brief(batch.events)), (next = batch.next), false) });
    await expect(read).rejects.toMatchObject({ code: 'STREAM_SCHEMA_CHANGED', place: { table: 'public.t' } });
    expect(seen).toEqual([['+', '1', 'a'], ['+', '2', 'b']]);
    const until = await untilMarker(context.db);
    const rest = await collect(stream, { from: next, tables: [mappingOf('t', ['id'], ['id', 'v'])], until });
    expect(brief(rest.events)).toEqual([['+', '3', 'c']]);
  });

  it('go on when a column is added, dropped or renamed away; a mapped one that is gone is unknown', async () => {
    await using context = await streamContext();
    await context.db.query('CREATE TABLE t (id int PRIMARY KEY, v text, w text)');
    const found = await eventsOf(context, [mappingOf('t', ['id'], ['id', 'v'])], [
      "INSERT INTO t VALUES (1, 'a', 'b')",
      'ALTER TABLE t ADD x int DEFAULT 7; ALTER TABLE t DROP w',
      "INSERT INTO t VALUES (2, 'c', 8)",
      'ALTER TABLE t RENAME v TO y',
      "UPDATE t SET y = 'd'",
    ]);
    expect(found).toEqual([['+', '1', 'a'], ['+', '2', 'c'], ['~', '1', undefined], ['~', '2', undefined]]);
  });

  it('count, but pass over, tables that are not mapped and messages that are not ours', async () => {
    await using context = await streamContext();
    await context.db.query('CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)');
    const stream = await context.stream();
    const [a, b] = [mappingOf('a', ['id'], ['id']), mappingOf('b', ['id'], ['id'])];
    const start = await stream.prepare([a, b]);
    await context.db.query(`BEGIN; INSERT INTO a VALUES (1); SELECT pg_logical_emit_message(true, 'other', 'x'); SELECT pg_logical_emit_message(false, 'elstream:test', '1');
      TRUNCATE a, b; INSERT INTO b VALUES (1); COMMIT`);
    const until = await untilMarker(context.db);
    const from = start.offsets.get('0') as StreamOffset;
    const tiny = await context.stream({ maxBatchEvents: 1 });
    const { batches } = await collect(tiny, { from, tables: [b], until });
    expect(brief(batches.flatMap((batch) => batch.events))).toEqual([['x', 'public.b'], ['+', '1']]);
    // insert a, message, truncate a, truncate b, insert b
    expect(batches.slice(0, 2).map((batch) => batch.next.splitDirect().index)).toEqual([4, 5]);
  });
});
