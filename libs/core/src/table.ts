import { ElstreamError } from './errors';
import { keyCellIdentity, type Cell, type ColumnType, type Row } from './column-type';
import { legible } from './text';

/** A table's name in its database. */
export interface TableName {
  readonly schema: string;
  readonly name: string;
}

export interface ColumnSchema {
  readonly name: string;
  readonly type: ColumnType;
  /** The source's own spelling of the type, e.g. `numeric(10,2)`, `public.mood`. */
  readonly native: string;
  /** The column type to create in a warehouse of the same product: `native`, or its lossless stand-in (enum → text). */
  readonly portable: string;
  readonly nullable: boolean;
}

/** A source table as its catalog describes it. */
export interface TableSchema extends TableName {
  readonly columns: readonly ColumnSchema[];
  /** Key column names in key order; empty: the table has no usable key. */
  readonly key: readonly string[];
}

/** How a column's clear value is hidden. It holds wherever rows leave the source adapter: preload, stream, validation, logs. */
export type Mask = { readonly kind: 'null' } | { readonly kind: 'hash'; readonly secret: string };

/** One column on its way: named `source` there and `target` in the warehouse. */
export interface MappedColumn {
  readonly source: string;
  readonly target: string;
  readonly type: ColumnType;
  /** The source's own spelling of the type (`ColumnSchema.native`), by which a connector's values are decoded. Absent in mappings stored by earlier releases. */
  readonly native?: string;
  /** Type of the warehouse column, in the warehouse's own spelling. */
  readonly targetType: string;
  readonly nullable: boolean;
  readonly mask: Mask | null;
}

/**
 * A table of a pipeline: what is read, what is written. Rows, events and chunks of the table hold one cell per
 * `columns` entry, in that order; excluded columns are not in it and masked ones are masked already.
 */
export interface TableMapping {
  /** Stable id within the pipeline: `tableId(source)`. */
  readonly id: string;
  readonly source: TableName;
  readonly target: TableName;
  readonly columns: readonly MappedColumn[];
  /** Indices into `columns` of the key columns, in key order; never empty. */
  readonly key: readonly number[];
  /** Rows per preload and validation chunk. */
  readonly chunkRows: number;
  /** Superseded versions of its rows; absent: not kept. */
  readonly history?: HistoryMapping;
  /**
   * Why its events are passed over, for people: its schema changed in a way that only a preload answers (R7). Absent: they
   * are not. Stored with the mapping, so that it is gone before the epoch of that preload is raised.
   */
  readonly halted?: string;
}

/** Superseded versions of a table's rows (R13). */
export interface HistoryMapping {
  /** `derived`: from every event. `copied`: from the history table that the source keeps. */
  readonly kind: 'derived' | 'copied';
  /** `<target>_archive`. */
  readonly target: TableName;
  /** The source's history table, which has the table's columns; null where derived. */
  readonly source: TableName | null;
  /**
   * Indices into `columns` of the period the source itself keeps in each row; null (derived only): commit times, in
   * columns `valid_from` and `valid_to` of the history table alone.
   */
  readonly period: { readonly from: number; readonly to: number } | null;
}

/** The history table, described as a table: same columns and key, which is not unique there. For checksums and digests of it. Throws RangeError without history. */
export function historyTable(mapping: TableMapping): TableMapping {
  const { history, halted: _, ...table } = mapping;
  if (history === undefined) throw new RangeError(`table ${mapping.id} keeps no history`);
  return { ...table, id: `${mapping.id} history`, source: history.source ?? mapping.source, target: history.target };
}

/** `schema.name`, each part quoted where it would be ambiguous: unique per table, readable in logs and the API. */
export function tableId(table: TableName): string {
  const part = (s: string): string => (/^[\p{L}_][\p{L}\p{N}_$ -]*$/u.test(s) ? s : JSON.stringify(s));
  return `${part(table.schema)}.${part(table.name)}`;
}

/** The key cells of a whole row. Throws if one is NULL: a key has none. */
export function keyOfRow(mapping: TableMapping, row: readonly (Cell | undefined)[]): string[] {
  return mapping.key.map((index) => {
    const cell = row[index];
    if (cell === null || cell === undefined) {
      throw new ElstreamError('KEY_MISSING', 'stop', `key column ${mapping.columns[index]?.source ?? index} has no value; give the table another key`, {
        place: { table: mapping.id },
      });
    }
    return cell;
  });
}

/** One string per key, equal for keys the source holds equal (see `keyCellIdentity`). For maps, not for storage. */
export function keyIdentity(mapping: TableMapping, key: readonly string[]): string {
  if (key.length === 1) return keyCellIdentity(key[0] ?? '', typeAt(mapping, 0));
  return JSON.stringify(key.map((cell, i) => keyCellIdentity(cell, typeAt(mapping, i))));
}

function typeAt(mapping: TableMapping, keyIndex: number): ColumnType {
  return mapping.columns[mapping.key[keyIndex] ?? -1]?.type ?? { kind: 'other' };
}

/** The key in words, for errors, logs and reports about one row, which every product can keep: `id=5, region=eu`. */
export function describeKey(mapping: TableMapping, key: Row): string {
  return legible(mapping.key.map((index, i) => `${mapping.columns[index]?.source ?? '?'}=${key[i] ?? 'NULL'}`).join(', '));
}
