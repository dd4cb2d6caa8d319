import { type CaptureSource } from '@elstream/change-stream';
import { type LogPosition, type TableMapping } from '@elstream/core';
import { CANONICAL_SETTINGS, connectPostgres, onDatabase, parseLsn } from '@elstream/database';
import { capturingLogger } from '@elstream/testing';
import { catalogConnection } from '../catalog-connection';
import { decodeTuples, parsePgoutput, type Relation } from '../pgoutput';
import { mappingOf } from '../stream.fixture';
import { captureContext, quoted, type CaptureContext } from './capture.fixture';
import { look, pageStatement, rowStatement } from './companions';

type Key = readonly string[];

interface Logged {
  readonly key: Key;
  /** Of its record of the log. */
  readonly lsn: LogPosition;
  readonly txId: bigint;
}

/** About 35 rows to a page. */
const WIDE = "CREATE TABLE t (id int PRIMARY KEY, v text NOT NULL DEFAULT repeat('x', 200))";
const T = mappingOf('t', ['id'], ['id']);
const copy = (from: number, to: number): string => `COPY t (id) FROM PROGRAM 'seq ${String(from)} ${String(to)}'`;

async function captured(context: CaptureContext, ddl: string, mapping: TableMapping): Promise<CaptureSource> {
  await context.db.query(ddl);
  const capture = await context.capture();
  await capture.prepare([mapping]);
  return capture;
}

/** Inserts of the table as the log has them, the keys as its decoder prints them under the settings of our sessions. */
async function logged({ db, slotName, publicationName }: CaptureContext, mapping: TableMapping): Promise<Logged[]> {
  const client = await db.client();
  for (const [name, value] of Object.entries(CANONICAL_SETTINGS)) await client.query('SELECT set_config($1, $2, false)', [name, value]);
  // Flushes what transactions before it have written: only that is decoded.
  await client.query("SET synchronous_commit = on; SELECT pg_logical_emit_message(true, 'x', 'x')");
  const sent = await client.query<{ lsn: string; xid: string; data: Buffer }>(
    `SELECT lsn::text, xid::text, data FROM pg_logical_slot_peek_binary_changes($1, NULL, NULL, 'proto_version', '1', 'publication_names', $2)`,
    [slotName, quoted(publicationName)],
  );
  const relations = new Map<number, Relation>();
  const inserts: Logged[] = [];
  for (const { lsn, xid, data } of sent.rows) {
    const message = parsePgoutput(data);
    if (message.kind === 'relation') relations.set(message.relation.oid, message.relation);
    if (message.kind !== 'row' || message.op !== 'insert') continue;
    const relation = relations.get(message.relation)!;
    if (relation.name !== mapping.source.name) continue;
    const targets = relation.columns.map(({ name }) => mapping.columns.findIndex((column) => column.source === name));
    const row = decodeTuples(message.tuples, targets, mapping.columns.length).row!;
    inserts.push({ key: mapping.key.map((index) => row[index]!), lsn: parseLsn(lsn), txId: BigInt(xid) });
  }
  return inserts;
}

/** What the table itself says: keys by page, in the order they lie there. */
async function pages({ db }: CaptureContext, where = 'true'): Promise<Key[][]> {
  const found = await db.query<{ keys: string[] }>(`SELECT array_agg(id::text ORDER BY ctid) AS keys FROM t WHERE ${where} GROUP BY tableoid, (ctid::text::point)[0] ORDER BY tableoid, (ctid::text::point)[0]`);
  return found.map(({ keys }) => keys.map((key) => [key]));
}

const sorted = (keys: readonly Key[] | null): readonly Key[] | null => (keys === null ? null : [...keys].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)));
const without = (keys: readonly Key[], key: Key): readonly Key[] | null => sorted(keys.filter((other) => other.join() !== key.join()));

describe('companions', () => {
  it('of a copied row are the other rows of its page, which are those of its record, wherever in the page it lies', async () => {
    await using context = await captureContext();
    const capture = await captured(context, WIDE, T);
    await context.db.query(copy(1, 200));
    const inserts = await logged(context, T);
    const all = await pages(context);
    expect(all.length).toBeGreaterThan(4);
    const records = new Map<bigint, Key[]>();
    for (const { lsn, key } of inserts) records.set(lsn.toBigInt(), [...(records.get(lsn.toBigInt()) ?? []), key]);
    expect([...records.values()]).toEqual(all);
    for (const page of all) {
      for (const key of [page[0]!, page[10]!, page[page.length - 1]!]) {
        expect(sorted((await capture.companions!(T, { key, txId: inserts[0]!.txId }))!)).toEqual(without(page, key));
      }
    }
  });

  it('leaves out what another transaction wrote to the page, and has all of its own, whichever statement', async () => {
    await using context = await captureContext();
    const capture = await captured(context, WIDE, T);
    await context.db.query(copy(1, 3));
    await context.db.query('BEGIN');
    await context.db.query(copy(4, 6));
    await context.db.query(copy(7, 8));
    await context.db.query('INSERT INTO t (id) VALUES (9)');
    await context.db.query('COMMIT');
    await context.db.query(copy(10, 12));
    const of = new Map((await logged(context, T)).map(({ key, txId }) => [key[0], txId]));
    const companions = async (id: string): Promise<readonly Key[] | null> => sorted(await capture.companions!(T, { key: [id], txId: of.get(id)! }));
    expect(await pages(context)).toHaveLength(1);
    expect(await companions('2')).toEqual([['1'], ['3']]);
    expect(await companions('5')).toEqual([['4'], ['6'], ['7'], ['8'], ['9']]);
    expect(await companions('12')).toEqual([['10'], ['11']]);
    await context.db.query('INSERT INTO t (id) VALUES (13)');
    expect(await capture.companions!(T, { key: ['13'], txId: (await logged(context, T)).at(-1)!.txId })).toEqual([]);
  });

  it('takes a transaction id of more than 32 bits by its lower ones', async () => {
    await using context = await captureContext();
    const capture = await captured(context, WIDE, T);
    await context.db.query(copy(1, 2));
    const [{ txId }] = (await logged(context, T)) as [Logged];
    expect(await capture.companions!(T, { key: ['1'], txId: txId + (5n << 32n) })).toEqual([['2']]);
  });

  it.each<[string, readonly string[]]>([
    ['was frozen since', [copy(1, 5), 'VACUUM (FREEZE, ANALYZE) t']],
    ['its own transaction has locked', ['BEGIN', copy(1, 5), 'SELECT FROM t WHERE id = 1 FOR UPDATE', 'COMMIT']],
    ['had neighbours changed and deleted, whose own events follow', [copy(1, 5), 'UPDATE t SET v = repeat(v, 30) WHERE id = 3', 'DELETE FROM t WHERE id = 4', 'VACUUM t']],
    ['got an index', [copy(1, 5), 'CREATE INDEX ON t (v)']],
  ])('are told of a row that %s', async (_name, statements) => {
    await using context = await captureContext();
    const capture = await captured(context, WIDE, T);
    for (const sql of statements) await context.db.query(sql);
    const [{ txId }] = (await logged(context, T)) as [Logged];
    const left = await context.db.query<{ id: string }>('SELECT id::text FROM t WHERE id > 1 AND xmin::text = $1', [txId.toString()]);
    expect(sorted(await capture.companions!(T, { key: ['1'], txId }))).toEqual(sorted(left.map(({ id }) => [id])));
    expect(left.length).toBeGreaterThan(1);
  });

  it.each<[string, readonly string[], first?: number]>([
    ['was changed', [copy(1, 50), 'UPDATE t SET v = v WHERE id = 1']],
    ['was deleted', [copy(1, 50), 'DELETE FROM t WHERE id = 1']],
    ['got another key', [copy(1, 49), 'UPDATE t SET id = 50 WHERE id = 1']],
    ['was deleted and inserted again', [copy(1, 50), 'DELETE FROM t WHERE id = 1', 'INSERT INTO t (id) VALUES (1)']],
    // Ids and command stay, the page does not.
    ['was moved by CLUSTER', ['CREATE UNIQUE INDEX backwards ON t ((-id))', copy(1, 50), 'CLUSTER t USING backwards']],
    ['was moved by VACUUM FULL', ['INSERT INTO t SELECT -i FROM generate_series(1, 20) i', copy(1, 50), 'DELETE FROM t WHERE id < 0', 'VACUUM FULL t']],
    // The same xmin, another page.
    ['was changed by its own transaction', ['BEGIN', copy(1, 50), 'UPDATE t SET v = v WHERE id = 1', 'COMMIT']],
    ['was inserted by a later statement, so perhaps changed by its own transaction', ['BEGIN', 'INSERT INTO t (id) VALUES (0)', copy(1, 50), 'COMMIT'], 0],
    ['somebody tried to change, which left the number of another statement on it', [copy(1, 50), 'BEGIN', 'UPDATE t SET v = v WHERE id = 1', 'ROLLBACK']],
    ['was inserted in a subtransaction', ['BEGIN', 'SAVEPOINT s', copy(1, 50), 'COMMIT']],
    ['was inserted in a subtransaction of one that wrote by itself too, and changed since', ['BEGIN', 'INSERT INTO t (id) VALUES (0)', 'SAVEPOINT s', copy(1, 50), 'RELEASE s', 'COMMIT', 'UPDATE t SET v = v WHERE id = 1'], 0],
    ['was inserted in a subtransaction of one that wrote by itself too, and deleted since', ['BEGIN', 'INSERT INTO t (id) VALUES (0)', 'SAVEPOINT s', copy(1, 50), 'RELEASE s', 'COMMIT', 'DELETE FROM t WHERE id = 1'], 0],
    ['was inserted in a subtransaction and changed by its transaction itself', ['BEGIN', 'INSERT INTO t (id) VALUES (0)', 'SAVEPOINT s', copy(1, 50), 'RELEASE s', 'UPDATE t SET v = v WHERE id = 1', 'COMMIT'], 0],
    ['was changed, as all of its transaction were', [copy(1, 50), 'UPDATE t SET v = v']],
    ['was changed by a subtransaction of its own', ['BEGIN', copy(1, 50), 'SAVEPOINT s', 'UPDATE t SET v = v WHERE id IN (1, 50)', 'COMMIT']],
  ])('are all rows of its transaction, and those written later, in whatever page, of a row that %s', async (_name, statements, first = 1) => {
    await using context = await captureContext();
    const capture = await captured(context, WIDE, T);
    for (const sql of statements) await context.db.query(sql);
    const txId = (await logged(context, T)).find(({ key }) => key[0] === '1')!.txId;
    const all = Array.from({ length: 51 - first }, (_, i) => [String(first + i)]);
    expect(sorted(await capture.companions!(T, { key: ['1'], txId }))).toEqual(without(all, ['1']));
  });

  it.each<[string, readonly string[]]>([
    ['is gone with its table', [copy(1, 50), 'DROP TABLE t']],
    ['is in a table whose key column has another name', [copy(1, 50), 'ALTER TABLE t RENAME id TO other']],
    ['is in a table whose key column has another type', [copy(1, 50), 'TRUNCATE t; ALTER TABLE t ALTER id TYPE bool USING true']],
    ['was changed, of a transaction that wrote more than can be read again', [copy(1, 10_002), 'UPDATE t SET v = v WHERE id = 1']],
    ['was changed, of a table whose key column got another type since', [copy(1, 50), 'ALTER TABLE t ALTER id TYPE bigint']],
    ['is gone, as all of its table', [copy(1, 50), 'DELETE FROM t']],
    ['is in a table of which a policy hides others', ['ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (id = 1)', copy(1, 50)]],
  ])('cannot be told of a row that %s', async (_name, statements) => {
    await using context = await captureContext();
    await captured(context, WIDE, T);
    const role = await context.role();
    await context.db.query(`GRANT SELECT ON t TO ${quoted(role.name)}`);
    for (const sql of statements) await context.db.query(sql);
    const txId = (await logged(context, T)).find(({ key }) => key[0] === '1')!.txId;
    const capture = await context.capture({ url: role.url });
    expect(await capture.companions!(T, { key: ['1'], txId })).toBeNull();
  });

  it('cannot be told of a transaction that this server does not know yet, nor of one later than its row', async () => {
    await using context = await captureContext();
    const capture = await captured(context, WIDE, T);
    await context.db.query(copy(1, 2));
    const [{ txId }] = (await logged(context, T)) as [Logged];
    expect(await capture.companions!(T, { key: ['1'], txId: txId + 1_000_000n })).toBeNull();
    await context.db.query('INSERT INTO t (id) VALUES (3)');
    const later = (await logged(context, T)).at(-1)!.txId;
    expect(await capture.companions!(T, { key: ['1'], txId: later })).toBeNull();
  });

  it('are all rows of the transaction where the key is of two rows', async () => {
    await using context = await captureContext();
    const mapping = mappingOf('t', ['a'], ['a', 'b']);
    const capture = await captured(context, 'CREATE TABLE t (a int, b int, PRIMARY KEY (a, b))', mapping);
    await context.db.query('INSERT INTO t VALUES (1, 1), (1, 2), (2, 1)');
    const [{ txId }] = (await logged(context, mapping)) as [Logged];
    expect(await capture.companions!(mapping, { key: ['1'], txId })).toEqual([['2']]);
    expect(await capture.companions!(mapping, { key: ['2'], txId })).toEqual([['1'], ['1']]);
  });

  it.each<[string, string, string, readonly string[]]>([
    ['several columns, not in the table’s order', 't', 'CREATE TABLE t (b text, a int, c int, PRIMARY KEY (c, b))', ["('x', 1, 1)", "('y', 1, 1)", "('x', 1, 2)"]],
    ['texts', 't', 'CREATE TABLE t (k text PRIMARY KEY)', [`('')`, `(E'it''s "q" \\\\ {a,b} \\t\\n')`, `('NULL')`, `('  ')`, `(E'\\\\N')`, `('ü𝄞')`]],
    ['char(n) and name', 't', 'CREATE TABLE t (c char(5), n name, PRIMARY KEY (c, n))', [`('a ', 'n')`, `('', '')`, `('bcdef', 'N ä.m"e')`]],
    ['instants', 't', 'CREATE TABLE t (z timestamptz, d timestamp, e date, PRIMARY KEY (z, d, e))', [`('2024-03-31 02:30:00.000001+02', '1970-01-01', '0044-03-15 BC')`, `('infinity', '-infinity', 'infinity')`, `('0044-03-15 00:00:00+00 BC', '2024-01-01 00:00:00.5', '2024-02-29')`]],
    ['uuid and bytea', 't', 'CREATE TABLE t (u uuid, b bytea, PRIMARY KEY (u, b))', [`('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '')`, `('00000000-0000-0000-0000-000000000000', '\\x005cff27')`]],
    ['numbers and truth', 't', 'CREATE TABLE t (n numeric, f float8, i int8, b bool, PRIMARY KEY (n, f, i, b))', [`(1.00, 0.1, 9007199254740993, true)`, `('NaN', '-Infinity', -1, false)`, `(1.5, 5e-324, 0, true)`]],
    ['interval, array, enum, domain and "char"', 't', `CREATE TYPE mood AS ENUM ('a b', 'c,"d\\e'); CREATE DOMAIN word AS varchar(9); CREATE TABLE t (i interval, a text[], m mood, w word, s "char", PRIMARY KEY (i, a, m, w, s))`, [`('1 year -2 days 03:04:05.000006', ARRAY['a,b', E'\\\\"', NULL], 'a b', 'w ', '\\')`, `('0', '{}', E'c,"d\\\\e', '', 'x')`]],
    ['names in mixed case, with quotes and dots', 'T "x".y', 'CREATE TABLE public."T ""x"".y" ("K.""ü" int, "ctid.x" text, PRIMARY KEY ("K.""ü", "ctid.x"))', [`(1, 'a')`, `(2, 'b')`]],
    ['letters without case, whose operators are an extension’s', 't', 'CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE TABLE t (k ext.citext PRIMARY KEY)', [`('Ab')`, `('b')`, `('É')`]],
  ])('have keys as the log spells them: %s', async (_name, table, ddl, values) => {
    await using context = await captureContext();
    await context.db.query(ddl);
    const relation = `public.${quoted(table)}`;
    const columns = await context.db.query<{ name: string }>(`SELECT attname::text AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0`, [relation]);
    const key = await context.db.query<{ name: string }>(
      `SELECT a.attname::text AS name FROM pg_index i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY k(num, place) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num WHERE i.indrelid = $1::regclass ORDER BY place`,
      [relation],
    );
    const mapping = mappingOf(table, key.map(({ name }) => name), columns.map(({ name }) => name));
    const capture = await captured(context, 'SELECT', mapping);
    await context.db.query(`INSERT INTO ${relation} VALUES ${values.join(', ')}`);
    const inserts = await logged(context, mapping);
    expect(inserts).toHaveLength(values.length);
    for (const insert of inserts) {
      expect(sorted(await capture.companions!(mapping, insert))).toEqual(sorted(inserts.filter((other) => other !== insert).map((other) => other.key)));
    }
  });

  it('of a row of a partitioned table are of its own partition, of which nothing need be granted', async () => {
    await using context = await captureContext();
    const mapping = mappingOf('t', ['id', 'part'], ['part', 'id']);
    await captured(
      context,
      `CREATE TABLE t (part int, id int, PRIMARY KEY (part, id)) PARTITION BY LIST (part);
       CREATE TABLE one PARTITION OF t FOR VALUES IN (1); CREATE TABLE two PARTITION OF t FOR VALUES IN (2) PARTITION BY RANGE (id);
       CREATE TABLE "Two.low" PARTITION OF two FOR VALUES FROM (0) TO (100); CREATE TABLE two_high PARTITION OF two FOR VALUES FROM (100) TO (999)`,
      mapping,
    );
    await context.db.query(`COPY t FROM PROGRAM $$printf '1,1\\n2,1\\n1,2\\n2,2\\n2,3\\n2,200\\n'$$ (FORMAT csv)`);
    const [{ txId }] = (await logged(context, mapping)) as [Logged];
    const role = await context.role();
    await context.db.query(`GRANT SELECT ON t TO ${quoted(role.name)}`);
    const capture = await context.capture({ url: role.url });
    expect(await capture.companions!(mapping, { key: ['1', '1'], txId })).toEqual([['2', '1']]);
    expect(await capture.companions!(mapping, { key: ['2', '2'], txId })).toEqual([['1', '2'], ['3', '2']]);
    expect(await capture.companions!(mapping, { key: ['200', '2'], txId })).toEqual([]);
  });

  it('are not those of an inheriting table', async () => {
    await using context = await captureContext();
    const capture = await captured(context, `${WIDE}; CREATE TABLE child () INHERITS (t)`, T);
    await context.db.query('WITH own AS (INSERT INTO t (id) VALUES (1), (2)) INSERT INTO child (id) VALUES (1), (3)');
    const [{ txId }] = (await logged(context, T)) as [Logged];
    expect(await capture.companions!(T, { key: ['1'], txId })).toEqual([['2']]);
  });

  it('cannot be told without SELECT on the table, which is said with what to grant; the system’s columns by name do as well', async () => {
    await using context = await captureContext();
    await captured(context, WIDE, T);
    await context.db.query(copy(1, 2));
    const [{ txId }] = (await logged(context, T)) as [Logged];
    const role = await context.role();
    const logger = capturingLogger();
    const capture = await context.capture({ url: role.url, logger });
    const companions = (): Promise<readonly Key[] | null> => capture.companions!(T, { key: ['1'], txId });
    expect(await companions()).toBeNull();
    await context.db.query(`GRANT SELECT (id) ON t TO ${quoted(role.name)}`);
    expect(await companions()).toBeNull();
    expect(logger.lines.map(({ level, fields }) => [level, fields['table'], fields['code']])).toEqual(Array(2).fill(['warn', 'public.t', 'DB_PRIVILEGE']));
    await context.db.query(`GRANT SELECT (ctid, tableoid, xmin, xmax, cmin) ON t TO ${quoted(role.name)}`);
    expect(await companions()).toEqual([['2']]);
  });

  it.each([
    ['without statistics', 'SELECT'],
    ['with statistics', 'ANALYZE t'],
  ])('are read from one page of each partition, the row by its index, %s', async (_name, after) => {
    await using context = await captureContext();
    const { db } = context;
    await db.query(`${WIDE} PARTITION BY RANGE (id); CREATE TABLE low PARTITION OF t FOR VALUES FROM (0) TO (2000); CREATE TABLE high PARTITION OF t FOR VALUES FROM (2000) TO (4000)`);
    await db.query(`INSERT INTO t (id) SELECT generate_series(1, 3999)`);
    await db.query(after);
    const dataSource = await connectPostgres(catalogConnection({ url: db.url, applicationName: db.name }, 1));
    const plans = await onDatabase(dataSource, async (sql) => {
      const table = (await look(sql, T))!;
      const explain = async (statement: string, params: readonly unknown[]): Promise<string> => JSON.stringify(await sql.query(`EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF, TIMING OFF, FORMAT JSON) ${statement}`, params));
      return [await explain(rowStatement(table), ['5', '7']), await explain(pageStatement(table), ['1', '(5,1)', '5'])];
    }).finally(() => dataSource.destroy());
    expect(plans[0]).toMatch(/Index (Only )?Scan/);
    expect(plans[1]).toMatch(/Tid Range Scan.*Tid Range Scan/);
    for (const plan of plans) expect(plan).not.toMatch(/Seq Scan|Bitmap|"Rows Removed by Filter":\s*\d{3}/);
  });
});
