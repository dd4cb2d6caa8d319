import { imageDigest } from '../exact-text';
import { type EntityColumn, type Target } from '../target';
import { APPROXIMATE_COLUMN, asPeriod, BEGIN_COLUMN, CHANGE_COLUMN, DELETED_COLUMN, ENDED_COLUMN, greatest, TIME_TYPE, type Archive } from './archive';

/** How rows of the target end as a set. SQL expressions; `t` is the target's row. */
export interface SetEnd {
  /** A datetime2, UTC: when they end, at the earliest at their begin. */
  readonly at: string;
  /** What follows in the source's own period, where the rows have one; else their end is `at`. */
  readonly next?: string;
  /** A bit. */
  readonly deleted: string;
  /** A bit. */
  readonly approximate: string;
  readonly position: string;
  /** Identity of the event. */
  readonly change?: string;
}

export const UNKNOWN_POSITION = 'CONVERT(varbinary(16), NULL)';

/** Since when the row `t` is valid. */
export function beginOf(target: Target, archive: Archive): string {
  return archive.inRow ? `t.${archive.from.quoted}` : target.keepsBegin ? `t.${BEGIN_COLUMN}` : `CONVERT(${TIME_TYPE}, NULL)`;
}

/**
 * The archive's columns as written by elstream: mapped ones, the period if it is not among them, and its own. The identity
 * of changes only where there is one.
 */
export function archiveColumns(archive: Archive, change: boolean): string {
  const period = archive.inRow ? [] : [archive.from.quoted, archive.to.quoted];
  return [...archive.columns.map((c) => c.quoted), ...period, `[${DELETED_COLUMN}]`, APPROXIMATE_COLUMN, ENDED_COLUMN, ...(change ? [CHANGE_COLUMN] : [])].join(', ');
}

/**
 * `INSERT INTO archive (…) SELECT … ` of rows `t`, up to FROM. `whole`: as many as the table may have, by one lock in place
 * of one per row, since the archive escalates none.
 */
export function archiveRows(target: Target, archive: Archive, end: SetEnd, whole = false): string {
  const begin = beginOf(target, archive);
  const ends = archive.inRow ? greatest(end.next ?? asPeriod(archive.to, end.at), `CONVERT(${archive.to.type}, ${begin})`) : greatest(end.at, begin);
  const cells = archive.columns.map((c) => (archive.inRow && c.quoted === archive.to.quoted ? ends : `t.${c.quoted}`));
  const period = archive.inRow ? [] : [begin, ends];
  const own = [end.deleted, end.approximate, end.position, ...(end.change === undefined ? [] : [end.change])];
  return `INSERT INTO ${archive.sql}${whole ? ' WITH (TABLOCKX)' : ''} (${archiveColumns(archive, end.change !== undefined)}) SELECT ${[...cells, ...period, ...own].join(', ')}`;
}

/** The row `t` and a staged one differ in a column but these. `stagedValue` gives the staged value in the target's type. */
export function imagesDiffer(target: Target, except: readonly string[], stagedValue: (column: EntityColumn) => string): string {
  const columns = target.columns.filter((c) => !except.includes(c.name));
  if (columns.length === 0) return '1 = 0';
  return `${imageDigest(columns, (c) => `t.${c.quoted}`)} <> ${imageDigest(columns, stagedValue)}`;
}
