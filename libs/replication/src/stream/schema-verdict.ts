import { compareMappings, isUnchanged, type SchemaChange, type TableMapping } from '@elstream/core';
import type { SourceTable } from '@elstream/source';
import type { MappedTables } from '../pipeline';

/** What is to be done about a table whose schema at the source was looked at. */
export type SchemaVerdict =
  | { readonly do: 'nothing' }
  /** The warehouse is made to fit while the table stays live. */
  | { readonly do: 'follow'; readonly to: TableMapping; readonly change: SchemaChange }
  /** Only an emptied table and a preload can answer it: a person decides. */
  | { readonly do: 'halt'; readonly change: SchemaChange }
  /** Something at the source (or in the pipeline file) has to be mended first; the table goes on as it is. */
  | { readonly do: 'wait'; readonly because: string };

/**
 * Judges one table, pure. A problem that the source reports (a missing privilege, a column that cannot be carried) stops
 * nothing by itself: the stream needs none of that, and what stands goes on to be right.
 *
 * @param mapTables `PipelineHandle.mapTables`
 */
export function judgeSchema(before: TableMapping, table: SourceTable, mapTables: (tables: readonly SourceTable[]) => MappedTables): SchemaVerdict {
  // Dropped while the catalog was read, which takes several statements: the next look tells.
  if (table.schema.columns.length === 0) return { do: 'nothing' };
  const mapped = mapTables([{ ...table, problems: [] }]);
  const now = mapped.mappings.find((m) => m.id === before.id);
  const problems = table.problems.length > 0 ? table.problems : mapped.problems.filter((p) => p.includes(before.id));
  if (now === undefined) {
    const names = new Set(table.schema.columns.map((c) => c.name));
    const lost = before.key.map((i) => before.columns[i]?.source ?? '').filter((name) => !names.has(name));
    if (lost.length === 0 && table.schema.key.length > 0) return { do: 'wait', because: problems.join('; ') };
    const why = lost.length > 0 ? [`key column ${lost.join(', ')} of ${before.id} is gone at the source`] : problems;
    return { do: 'halt', change: obstacle(...why) };
  }
  const change = compareMappings(before, now);
  if (isUnchanged(change)) return { do: 'nothing' };
  const period = before.history?.period ?? null;
  const lostPeriod = period === null ? [] : [period.from, period.to].flatMap((i) => before.columns[i]?.source ?? []).filter((name) => change.dropped.includes(name));
  const obstacles = [...change.obstacles, ...lostPeriod.map((name) => `period column ${name} of ${before.id} is gone at the source`)];
  if (obstacles.length > 0) return { do: 'halt', change: { ...change, obstacles } };
  if (problems.length > 0) return { do: 'wait', because: problems.join('; ') };
  return { do: 'follow', to: followed(before, now, change), change };
}

/** A table that is no longer there, renamed ones included. */
export function goneAtSource(table: string): SchemaChange {
  return obstacle(`table ${table} is gone at the source: dropped, renamed, or no table that can be replicated any more`);
}

/** A table of that name is there, but its changes are lost. */
export function notCaptured(table: string): SchemaChange {
  return obstacle(`changes of table ${table} are not captured any more: it was dropped and made anew, or taken out of the publication`);
}

export function obstacle(...obstacles: readonly string[]): SchemaChange {
  return { added: [], dropped: [], widened: [], obstacles, configured: [] };
}

/** The standing mapping with nothing but the source's changes: what the pipeline file wants otherwise is the next run's. */
function followed(before: TableMapping, now: TableMapping, change: SchemaChange): TableMapping {
  const at = new Map(now.columns.map((c) => [c.source, c]));
  const widened = new Set(change.widened);
  const kept = before.columns.flatMap((column) => {
    const today = at.get(column.source);
    if (today === undefined) return [];
    return [widened.has(column.source) ? { ...column, type: today.type, targetType: today.targetType, nullable: today.nullable } : column];
  });
  const columns = [...kept, ...now.columns.filter((c) => change.added.includes(c.source))];
  const index = (of: number): number => columns.findIndex((c) => c.source === before.columns[of]?.source);
  const { history } = before;
  const period = history?.period ?? null;
  return {
    ...before,
    columns,
    key: before.key.map(index),
    ...(history === undefined ? {} : { history: { ...history, period: period === null ? null : { from: index(period.from), to: index(period.to) } } }),
  };
}
