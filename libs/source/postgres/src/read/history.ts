import { type DataSource } from 'typeorm';
import { decodeRows, historyTable, type KeyRange, type TableMapping } from '@elstream/core';
import { copyOut, onDatabase, type CopyOut } from '@elstream/database';
import { copiedHistory, requireChunkRows, type HistoryRows } from '@elstream/source';
import { copyHistory, everyBound } from './history-sql';
import { planChunks } from './plan-chunks';
import { lookUpTarget } from './read-target';

const NOTHING: CopyOut = {
  rows: {
    async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
      // no key was asked for
    },
  },
  count: () => 0,
};

/** Versions of the history table, masks to NULL applied, then whether a delete ended them. @throws RangeError without copied history */
export async function readHistory(dataSource: DataSource, mapping: TableMapping, of: HistoryRows, signal: AbortSignal): Promise<CopyOut> {
  copiedHistory(mapping);
  if ('keys' in of && of.keys.length === 0) return NOTHING;
  const targets = await onDatabase(dataSource, async (sql) => ({ versions: await lookUpTarget(sql, historyTable(mapping)), rows: await lookUpTarget(sql, mapping) }));
  return copyOut(dataSource, copyHistory(mapping, targets, of), signal);
}

/**
 * Ranges of keys of about `chunkRows` versions. A key of the history table is not unique: a bound is strictly above the one
 * before it, so all versions of a key are in one range. With an index along the key it is skipped through; without one,
 * where each bound would sort the table, one statement finds all.
 */
export async function* planHistory(dataSource: DataSource, mapping: TableMapping, signal: AbortSignal): AsyncGenerator<KeyRange> {
  copiedHistory(mapping);
  const table = historyTable(mapping);
  requireChunkRows(table);
  const target = await onDatabase(dataSource, (sql) => lookUpTarget(sql, table));
  if (await onDatabase(dataSource, (sql) => hasKeyIndex(sql, table))) {
    yield* planChunks(dataSource, table, signal);
    return;
  }
  let from: readonly string[] | null = null;
  for await (const bound of decodeRows(copyOut(dataSource, everyBound(target, table.chunkRows), signal).rows)) {
    const to = bound.map((cell) => cell ?? '');
    yield { from, to };
    from = to;
  }
  yield { from, to: null };
}

async function hasKeyIndex(sql: Parameters<typeof lookUpTarget>[0], table: TableMapping): Promise<boolean> {
  const names = table.key.map((index) => table.columns[index]?.source ?? '');
  const [found] = await sql.query<{ indexed: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam AND m.amname = 'btree'
       WHERE n.nspname = $1 AND c.relname = $2 AND i.indisvalid AND i.indpred IS NULL
         AND $3::text[] = (SELECT array_agg(a.attname::text ORDER BY k.place) FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place)
           JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE k.place <= $4)) AS indexed`,
    [table.source.schema, table.source.name, names, names.length],
  );
  return found?.indexed === true;
}
