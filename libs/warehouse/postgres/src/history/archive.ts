import type { HistoryMapping, TableMapping, TableName } from '@elstream/core';
import { quoteName, quoteTable } from '@elstream/database';
import type { EntityColumn } from '../target';

/**
 * Where a table's superseded versions go. The mapped columns (all nullable), the time a version was valid, `deleted` and
 * what only elstream knows. No key: a multiset of versions, with an index on the table's key.
 */
export interface Archive {
  readonly kind: HistoryMapping['kind'];
  readonly table: TableName;
  /** Quoted `schema.table`. */
  readonly sql: string;
  /** In mapping order, like the target's. */
  readonly columns: readonly EntityColumn[];
  readonly key: readonly EntityColumn[];
  /** Begin and end of a version, `valid_to` excluded: the source's period, or columns of the archive alone. */
  readonly from: PeriodColumn;
  readonly to: PeriodColumn;
  /** True if the period is in mapped columns. */
  readonly inRow: boolean;
  /** Quoted. */
  readonly indexName: string;
  /** Quoted; of `CHANGE_COLUMN`. */
  readonly changeIndexName: string;
  /** Quoted `schema.name` of the function "as of T". */
  readonly asOf: string;
}

export interface PeriodColumn {
  readonly name: string;
  readonly quoted: string;
  readonly type: string;
}

export const DELETED_COLUMN = 'deleted';
export const APPROXIMATE_COLUMN = '__elstream_approximate';
/** Position of the event that ended the version; NULL where the source told it (copied) or nobody knows it. */
export const ENDED_COLUMN = '__elstream_position';
/** `ChangeIdentity.hex` of the event that ended the version, by which its re-emission is recognised; derived history only. NULL: it carried none. */
export const CHANGE_COLUMN = '__elstream_change';
/** In the target: since when its row is valid, by commit times; NULL: unknown. Only for derived history without a period in the rows. */
export const BEGIN_COLUMN = '__elstream_valid_from';
export const TIMESTAMPTZ = 'pg_catalog.timestamptz';

const ownPeriod = (name: string): PeriodColumn => ({ name, quoted: quoteName(name), type: TIMESTAMPTZ });

/** Null: the mapping keeps no history. @param id short and stable per pipeline and table */
export function buildArchive(id: string, mapping: TableMapping, columns: readonly EntityColumn[]): Archive | null {
  const { history } = mapping;
  if (history === undefined) return null;
  const nullable = columns.map((column): EntityColumn => ({ ...column, nullable: true }));
  const at = (index: number): EntityColumn => {
    const column = nullable[index];
    if (column === undefined) throw new RangeError(`column ${String(index)} of the history of ${mapping.id} is out of range`);
    return column;
  };
  return {
    kind: history.kind,
    table: history.target,
    sql: quoteTable(history.target),
    columns: nullable,
    key: mapping.key.map(at),
    from: history.period === null ? ownPeriod('valid_from') : at(history.period.from),
    to: history.period === null ? ownPeriod('valid_to') : at(history.period.to),
    inRow: history.period !== null,
    indexName: quoteName(`elstream_history_${id}`),
    changeIndexName: quoteName(`elstream_change_${id}`),
    asOf: quoteTable({ schema: mapping.target.schema, name: suffixed(mapping.target.name, '_as_of') }),
  };
}

/** True if the target's rows carry their begin beside them. */
export function keepsBegin(mapping: TableMapping): boolean {
  return mapping.history?.kind === 'derived' && mapping.history.period === null;
}

const MAX_NAME_BYTES = 63;

/** Cut so that the suffix survives; the server would cut it off. */
export function suffixed(name: string, suffix: string): string {
  let base = name;
  while (Buffer.byteLength(base + suffix, 'utf8') > MAX_NAME_BYTES) base = [...base].slice(0, -1).join('');
  return base + suffix;
}

/**
 * SQL of a timestamptz expression as a value of a period column: without a zone it is UTC, as everywhere. A period of 100 ns,
 * as SQL Server keeps it, is a text: then in its canonical form, whatever the session's DateStyle, and compared bytewise.
 */
export function asPeriod(column: PeriodColumn, timestamptz: string): string {
  if (/\btext$/.test(column.type)) return `rtrim(rtrim(to_char((${timestamptz}) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), '0'), '.') COLLATE "C"`;
  return /\b(timestamptz|timestamp(\(\d+\))? with time zone)/.test(column.type) ? `(${timestamptz})::${column.type}` : `((${timestamptz}) AT TIME ZONE 'UTC')::${column.type}`;
}
