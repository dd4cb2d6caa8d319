import { timestampText, type HistoryMapping, type TableMapping, type TableName } from '@elstream/core';
import { bracket, bracketTable } from '@elstream/database';
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
  /** Not quoted. */
  readonly indexName: string;
  /** Not quoted; of `CHANGE_COLUMN`. */
  readonly changeIndexName: string;
  /** The function "as of T". */
  readonly asOf: TableName;
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
/** Commit times, in UTC: as fine as the stream tells them. */
export const TIME_TYPE = 'datetime2(6)';
/** Op and identity of a change: far less than an index can hold. */
export const CHANGE_TYPE = 'varbinary(128)';

const ownPeriod = (name: string): PeriodColumn => ({ name, quoted: bracket(name), type: TIME_TYPE });

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
    sql: bracketTable(history.target),
    columns: nullable,
    key: mapping.key.map(at),
    from: history.period === null ? ownPeriod('valid_from') : at(history.period.from),
    to: history.period === null ? ownPeriod('valid_to') : at(history.period.to),
    inRow: history.period !== null,
    indexName: `elstream_history_${id}`,
    changeIndexName: `elstream_change_${id}`,
    asOf: { schema: mapping.target.schema, name: suffixed(mapping.target.name, '_as_of') },
  };
}

/** True if the target's rows carry their begin beside them. */
export function keepsBegin(mapping: TableMapping): boolean {
  return mapping.history?.kind === 'derived' && mapping.history.period === null;
}

/** A sysname, in UTF-16 units. */
const MAX_NAME_LENGTH = 128;

/** Cut so that the suffix survives; the server refuses a longer one. */
export function suffixed(name: string, suffix: string): string {
  let base = name;
  while (base.length + suffix.length > MAX_NAME_LENGTH) base = [...base].slice(0, -1).join('');
  return base + suffix;
}

/** T-SQL of a datetime2 in UTC as a value of a period column. */
export function asPeriod(column: PeriodColumn, utc: string): string {
  return /^datetimeoffset\b/i.test(column.type) ? `CONVERT(${column.type}, TODATETIMEOFFSET(${utc}, '+00:00'))` : `CONVERT(${column.type}, ${utc})`;
}

/** Microseconds since 1970 as the text of a `TIME_TYPE`, UTC. */
export function beginText(us: bigint | null): string | null {
  return us === null ? null : timestampText(us, false);
}

/** SQL of the same: microseconds (bigint) as a `TIME_TYPE`. DATEADD takes int, so days, seconds and microseconds one after the other. */
export function timeOfMicroseconds(us: string): string {
  return `DATEADD(microsecond, CONVERT(int, ${us} % 1000000), DATEADD(second, CONVERT(int, ${us} / 1000000 % 86400), DATEADD(day, CONVERT(int, ${us} / 86400000000), CONVERT(${TIME_TYPE}, '1970-01-01'))))`;
}

/** T-SQL of the time of a transaction, UTC: declared by `serverTransaction`. */
export const NOW = '@now';

/** The later of two expressions; NULL counts for nothing (GREATEST came with SQL Server 2022). */
export function greatest(a: string, b: string): string {
  return `CASE WHEN ${a} IS NULL OR ${b} > ${a} THEN ${b} ELSE ${a} END`;
}
