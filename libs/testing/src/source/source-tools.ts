import { decodeRows, tableId, type Cell, type KeyRange, type Mask, type TableMapping } from '@elstream/core';
import type { SourceDatabase, SourceTable, TableSelection } from '@elstream/source';

/** A database of its own with a source over it; both gone at the end of `await using`. */
export interface SourceUnderTest extends AsyncDisposable {
  readonly db: { query(sql: string): Promise<unknown> };
  readonly source: SourceDatabase;
}

/** What the contract suites of a source have to know of its product. */
export interface SourceHarness {
  /** @param setup statements, run as one batch */
  open(setup?: string): Promise<SourceUnderTest>;
  /** Where unqualified tables are. */
  readonly schema: string;
  /** FROM item with a column `i` of 1 to `n`. */
  readonly numbers: (n: number) => string;
  readonly quote: (name: string) => string;
  /** A text that statements could stumble over, as the inside of an SQL literal. */
  readonly awkward: string;
  /** Points in time. */
  readonly instant: {
    readonly type: string;
    /** SQL of the moment so many hours after 2024-01-01. @param hours SQL of a number */
    readonly at: (hours: string) => string;
    /** The canonical text of midnight of a day, `2024-01-02`. */
    readonly cell: (day: string) => string;
  };
  /** Statement that gives a column another type. */
  readonly retype: (table: string, column: string, type: string) => string;
}

export function selection(include: readonly string[], rest: Partial<TableSelection> = {}): TableSelection {
  return { include, exclude: [], keys: new Map(), excludedColumns: new Map(), ...rest };
}

/** The mapping planning makes of a described table when nothing is configured but masks. */
export function mappingOf(table: SourceTable, chunkRows = 1000, masks: Readonly<Record<string, Mask>> = {}): TableMapping {
  const { schema } = table;
  return {
    id: tableId(schema),
    source: { schema: schema.schema, name: schema.name },
    target: { schema: schema.schema, name: schema.name },
    columns: schema.columns.map((c) => ({ source: c.name, target: c.name, type: c.type, native: c.native, targetType: c.portable, nullable: c.nullable, mask: masks[c.name] ?? null })),
    key: schema.key.map((name) => schema.columns.findIndex((c) => c.name === name)),
    chunkRows,
  };
}

export async function describeOne(source: SourceDatabase, name: string, rest: Partial<TableSelection> = {}): Promise<SourceTable> {
  const tables = await source.describe(selection([name], rest));
  if (tables.length !== 1 || tables[0] === undefined) throw new Error(`${String(tables.length)} tables for ${name}`);
  return tables[0];
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export const EVERYTHING: KeyRange = { from: null, to: null };
export const running = (): AbortSignal => new AbortController().signal;

export async function readCells(source: SourceDatabase, mapping: TableMapping, range = EVERYTHING): Promise<Cell[][]> {
  const read = await source.readChunk(mapping, range, running());
  const rows = await collect(decodeRows(read.rows));
  if (read.count() !== rows.length) throw new Error(`counted ${String(read.count())} rows of ${String(rows.length)}`);
  return rows;
}
