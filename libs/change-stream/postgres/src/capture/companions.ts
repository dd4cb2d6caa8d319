import { ElstreamError, type Logger, type TableMapping } from '@elstream/core';
import { inTransaction, quoteName, quoteTable, type Sql } from '@elstream/database';
import { type DataSource } from 'typeorm';

/** An insert as the log tells of it: the key's cells in key order, and its transaction, of whose id only the lower 32 bits count. */
export interface LoggedInsert {
  readonly key: readonly string[];
  readonly txId: bigint;
}

/** So many rows are read again at most; of more the table is preloaded instead. */
const MANY = 10_000;

type Key = readonly string[];

/**
 * Keys of the rows that one record of the log may have held together with the row of `key`. Only COPY writes several rows
 * by one record: rows of one transaction that lie in one page of one heap. So these are the rows of the page with the same
 * xmin, whichever statement wrote them. A row of the record that is not there any more was changed or deleted since, of
 * which later events tell.
 *
 * The page is asked only where the row with `key` is sure to lie where it was inserted:
 * - xmin is the transaction, no other. A subtransaction's id is not told from that of somebody who changed the row since.
 * - cmin is 0. A transaction changes a row of its own only by a later statement, and the version this leaves has the same
 *   xmin in perhaps another page; nothing that SQL can read tells it from an inserted one, but that it is not of the
 *   first statement that wrote.
 * - xmax is none, or the transaction's own lock (of a foreign key): an attempt at a change, rolled back, writes its own
 *   statement's number over cmin.
 * - the heap was not rewritten since: CLUSTER and VACUUM FULL keep all this and move the rows, but write the row of pg_class
 *   by another transaction. So does much that moves nothing (GRANT), a reason to do too much.
 * Two things are not seen, and both take a row that is asked about within an outage: a CLUSTER inside of a transaction that
 * had an id before ours; and a row its own transaction moved, that another's first statement then tried to change, and that
 * VACUUM froze after this was rolled back, which clears xmax and leaves cmin 0.
 *
 * Else these are all rows of the table that were written by the transaction, or by one whose id is later: ids of its
 * subtransactions, which wrote the record perhaps and which nothing else tells, are all later than its own; so is whoever
 * changed the row since. Null where they are too many; where there is none, or the row is older than the transaction, which
 * then is one of another server; and where a column of the key was altered since: they might be spelled otherwise.
 *
 * Reads the row by its index and one page (of every partition, if the table has some), else the whole table within the
 * statement timeout; holds no lock but that of a read. What the statements fail of but a passing fault is a reason to know
 * nothing, and is said.
 */
export async function companionsOf(dataSource: DataSource, mapping: TableMapping, insert: LoggedInsert, logger: Logger): Promise<readonly Key[] | null> {
  try {
    // One transaction: the lock that the first read takes keeps the heap from being rewritten before the second.
    return await inTransaction(dataSource, async (sql) => {
      const table = await look(sql, mapping);
      if (table === null) return null;
      const row = await findRow(sql, table, insert);
      if (row?.inserted !== true) return writtenSince(sql, table, { insert, row });
      const found = await sql.query<{ key: string[] }>(pageStatement(table), [row.leaf, row.place, xidOf(insert)]);
      return found.map(({ key }) => key);
    });
  } catch (error) {
    if (!(error instanceof ElstreamError) || (error.recovery === 'retry' && error.code !== 'DB_TIMEOUT')) throw error;
    logger.warn({ table: mapping.id, code: error.code, error: error.message }, 'the source does not say which rows were inserted together (SELECT is needed on the table, or on its key, ctid, tableoid, xmin, xmax and cmin)');
    return null;
  }
}

async function writtenSince(sql: Sql, table: CompanionTable, { insert, row }: { readonly insert: LoggedInsert; readonly row: FoundRow | null }): Promise<readonly Key[] | null> {
  const xid = xidOf(insert);
  const [told] = await sql.query<{ told: boolean }>(
    `SELECT age($1::xid) > 0 AND ($2::text IS NULL OR age($2::xid) <= age($1::xid)) AND NOT EXISTS (SELECT 1 FROM unnest($3::text[]) AS a (altered) WHERE age(a.altered::xid) < age($1::xid)) AS told`,
    [xid, row?.xmin ?? null, table.key.map(({ altered }) => altered)],
  );
  if (told?.told !== true) return null;
  const found = await sql.query<{ key: string[] }>(writtenStatement(table), [xid, MANY + 1]);
  if (found.length > MANY || found.length === 0) return null;
  return found.map(({ key }) => key).filter((key) => key.some((cell, i) => cell !== insert.key[i]));
}

export interface CompanionTable {
  /** With the alias `t`. */
  readonly from: string;
  readonly key: readonly { readonly column: string; readonly type: string; readonly equal: string; /** The transaction that altered it last, or made it. */ readonly altered: string }[];
}

/**
 * The table as it is now; null: it, or a column of its key, is gone, or a policy hides rows of it. Equality is that of the
 * key's index, wherever its operators live: by a bare `=` a type of an extension would be compared as another type.
 */
export async function look(sql: Sql, mapping: TableMapping): Promise<CompanionTable | null> {
  const names = mapping.key.map((index) => mapping.columns[index]?.source ?? '');
  const rows = await sql.query<{ partitioned: boolean; name: string; type: string; altered: string; operators: string }>(
    `SELECT c.relkind = 'p' AS partitioned, a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type, a.xmin::text AS altered,
            coalesce((SELECT n.nspname::text FROM pg_index i CROSS JOIN unnest(i.indkey::int2[], i.indclass::oid[]) AS k (attnum, opclass)
              JOIN pg_opclass o ON o.oid = k.opclass JOIN pg_am m ON m.oid = o.opcmethod AND m.amname = 'btree'
              JOIN pg_amop p ON p.amopfamily = o.opcfamily AND p.amoplefttype = o.opcintype AND p.amoprighttype = o.opcintype AND p.amopstrategy = 3
              JOIN pg_operator e ON e.oid = p.amopopr JOIN pg_namespace n ON n.oid = e.oprnamespace
              WHERE i.indrelid = c.oid AND k.attnum = a.attnum ORDER BY i.indisprimary DESC LIMIT 1), 'pg_catalog') AS operators
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
      WHERE n.nspname = $1 AND c.relname = $2 AND a.attname = ANY ($3::text[]) AND c.relkind IN ('r', 'p') AND NOT row_security_active(c.oid)`,
    [mapping.source.schema, mapping.source.name, names],
  );
  const found = names.map((name) => rows.find((row) => row.name === name));
  const key = found.flatMap((row) => (row === undefined ? [] : [{ column: `t.${quoteName(row.name)}`, type: row.type, altered: row.altered, equal: `OPERATOR(${quoteName(row.operators)}.=)` }]));
  if (key.length < names.length) return null;
  // ONLY: an inheriting table is another; a partitioned one has no rows of its own.
  return { from: `${rows[0]?.partitioned === true ? '' : 'ONLY '}${quoteTable(mapping.source)} AS t`, key };
}

interface FoundRow {
  readonly leaf: string;
  readonly place: string;
  readonly xmin: string;
  /** It still is the version that was inserted; `companionsOf` says by which signs. */
  readonly inserted: boolean;
}

/** Null: there is none, or not one. */
async function findRow(sql: Sql, table: CompanionTable, insert: LoggedInsert): Promise<FoundRow | null> {
  if (insert.key.length !== table.key.length) throw new RangeError(`a key of ${table.key.length} columns was given ${insert.key.length} cells`);
  const [row = null, ...others] = await sql.query<FoundRow>(rowStatement(table), [xidOf(insert), ...insert.key]);
  return others.length === 0 ? row : null;
}

/** `$1` the transaction, `$2 …` the key. */
export function rowStatement({ from, key }: CompanionTable): string {
  return `SELECT t.tableoid::text AS leaf, t.ctid::text AS place, t.xmin::text AS xmin,
      t.xmin = $1::xid AND t.cmin = '0'::cid AND t.xmax IN ('0'::xid, $1::xid) AND m.amhandler = 'heap_tableam_handler'::regproc
        AND (age(c.xmin) > age(t.xmin) OR age(c.xmin) < 0) AS inserted
    FROM ${from} JOIN pg_class c ON c.oid = t.tableoid JOIN pg_am m ON m.oid = c.relam
    WHERE ${key.map(({ column, type, equal }, i) => `${column} ${equal} $${i + 2}::${type}`).join(' AND ')} LIMIT 2`;
}

/**
 * Keys, as each type prints itself, of the page that `$2` (a ctid) lies in, without its own row: `$1` the partition's oid,
 * `$3` xmin. By the root's name and all partitions, of each one page: a partition's own rights and policies do not count then.
 */
export function pageStatement({ from, key }: CompanionTable): string {
  const page = `($2::tid::text::point)[0]::int8`;
  return `SELECT ARRAY[${key.map(({ column }) => `format('%s', ${column})`).join(', ')}] AS key FROM ${from}
    WHERE t.tableoid = $1::oid AND t.ctid >= format('(%s,0)', ${page})::tid AND t.ctid < format('(%s,0)', ${page} + 1)::tid AND t.ctid <> $2::tid AND t.xmin = $3::xid`;
}

/** All that `$1`, or a later transaction, has written: at most `$2`. */
export function writtenStatement({ from, key }: CompanionTable): string {
  return `SELECT ARRAY[${key.map(({ column }) => `format('%s', ${column})`).join(', ')}] AS key FROM ${from} WHERE age(t.xmin) <= age($1::xid) LIMIT $2::int`;
}

const xidOf = ({ txId }: LoggedInsert): string => BigInt.asUintN(32, txId).toString();
