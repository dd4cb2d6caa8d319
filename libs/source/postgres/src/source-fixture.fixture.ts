import { tableId, type Cell, type KeyRange, type Mask, type TableMapping } from '@elstream/core';
import { decodeRows } from '@elstream/core';
import { type SourceDatabase, type SourceTable, type TableSelection } from '@elstream/source';
import { createTestDatabase, type TestDatabase } from '@elstream/testing';
import { createPostgresSource } from './postgres-source';

/** A database of its own with a source over it; both gone at the end of `await using`. */
export interface SourceContext {
  readonly db: TestDatabase;
  readonly source: SourceDatabase;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function openSource(setup = '', options: { url?: (db: TestDatabase) => string; slotName?: string } = {}): Promise<SourceContext> {
  const db = await createTestDatabase('source');
  if (setup !== '') await db.query(setup);
  const source = await createPostgresSource({
    url: options.url?.(db) ?? db.url,
    counterPrefix: 'elstream:test',
    maxConnections: 3,
    ...(options.slotName === undefined ? {} : { slotName: options.slotName }),
  });
  return {
    db,
    source,
    async [Symbol.asyncDispose]() {
      await source.close();
      await db.drop();
    },
  };
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
    columns: schema.columns.map((c) => ({ source: c.name, target: c.name, type: c.type, targetType: c.portable, nullable: c.nullable, mask: masks[c.name] ?? null })),
    key: schema.key.map((name) => schema.columns.findIndex((c) => c.name === name)),
    chunkRows,
  };
}

export async function describeOne(source: SourceDatabase, name: string, rest: Partial<TableSelection> = {}): Promise<SourceTable> {
  const tables = await source.describe(selection([name], rest));
  if (tables.length !== 1 || tables[0] === undefined) throw new Error(`${tables.length} tables for ${name}`);
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
  if (read.count() !== rows.length) throw new Error(`counted ${read.count()} rows of ${rows.length}`);
  return rows;
}
