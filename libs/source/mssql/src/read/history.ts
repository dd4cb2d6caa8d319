import { historyTable, isHeldByAll, type KeyRange, type TableMapping } from '@elstream/core';
import { type Mssql } from '@elstream/database';
import { copiedHistory, requireChunkRows, type ChunkRead, type HistoryRows } from '@elstream/source';
import { HAS_KEY_INDEX, hasKeyIndexParams, selectHistory } from './history-sql';
import { planChunks } from './plan-chunks';
import { selectEveryBound } from './read-sql';
import { lookUpTarget } from './read-target';
import { NOTHING, readRows, rowsOf } from './rows';

/** Versions of the history table, masks applied, then whether a delete ended them. @throws RangeError without copied history */
export async function readHistory(sql: Mssql, mapping: TableMapping, of: HistoryRows, signal: AbortSignal): Promise<ChunkRead> {
  copiedHistory(mapping);
  if ('keys' in of && of.keys.length === 0) return NOTHING;
  const targets = { versions: await lookUpTarget(sql, historyTable(mapping)), rows: await lookUpTarget(sql, mapping) };
  return readRows(sql, mapping, selectHistory(mapping, targets, of), signal);
}

/**
 * Ranges of keys of about `chunkRows` versions. A key of the history table is not unique: a bound is strictly above the one
 * before it, so all versions of a key are in one range. With an index along the key it is skipped through; without one
 * (the server makes one along the period), where each bound would sort the table, one statement finds all.
 */
export async function* planHistory(sql: Mssql, mapping: TableMapping, signal: AbortSignal): AsyncGenerator<KeyRange> {
  copiedHistory(mapping);
  const table = historyTable(mapping);
  requireChunkRows(table);
  const target = await lookUpTarget(sql, table);
  const [found] = await sql.rows<{ indexed: boolean }>(HAS_KEY_INDEX, hasKeyIndexParams(table));
  if (found?.indexed === true) {
    yield* planChunks(sql, table, signal);
    return;
  }
  let from: readonly string[] | null = null;
  for await (const bound of rowsOf(sql, selectEveryBound(target, table.chunkRows), signal)) {
    const to = bound.map((cell) => cell ?? '');
    // A task could not keep it: the range goes on to the next.
    if (!to.every(isHeldByAll)) continue;
    yield { from, to };
    from = to;
  }
  yield { from, to: null };
}
