import { applyMask, encodeRows, type Cell, type TableMapping } from '@elstream/core';
import { type Mssql, type TSql } from '@elstream/database';
import { type ChunkRead } from '@elstream/source';
import { isolated, rowOf, type Statement } from './statement';

/** Runs a statement when first asked, and gives its rows as they come; a slow reader slows the server down. */
export async function* rowsOf(sql: Mssql, { sql: select, params, cells }: Statement, signal?: AbortSignal): AsyncGenerator<Cell[]> {
  for await (const row of sql.cells(select, params, signal)) yield rowOf(cells, row);
}

/** Rows in the core codec, masks applied. Cells behind the mapping's columns have none. */
export function readRows(sql: Mssql, mapping: TableMapping, statement: Statement, signal: AbortSignal): ChunkRead {
  let count = 0;
  async function* rows(): AsyncGenerator<Cell[]> {
    let delivered = 0;
    for await (const row of masked(mapping, rowsOf(sql, statement, signal))) {
      delivered += 1;
      yield row;
    }
    count = delivered;
  }
  return { rows: { [Symbol.asyncIterator]: () => encodeRows(rows()) }, count: () => count };
}

export const NOTHING: ChunkRead = {
  rows: {
    async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
      // no key was asked for
    },
  },
  count: () => 0,
};

export async function* masked(mapping: TableMapping, rows: AsyncIterable<Cell[]>): AsyncGenerator<Cell[]> {
  const hashed = mapping.columns.some((c) => c.mask?.kind === 'hash');
  for await (const row of rows) yield hashed ? row.map((cell, i) => applyMask(cell, mapping.columns[i]?.mask ?? null)) : row;
}

/** The gate for statements that are written elsewhere and streamed: each is read as ours are. */
export function isolatedReads(sql: TSql, snapshot: boolean): TSql {
  return {
    rows: (statement, params) => sql.rows(statement, params),
    sets: (statement, params) => sql.sets(statement, params),
    execute: (statement, params) => sql.execute(statement, params),
    cells: (statement, params, signal) => sql.cells(isolated(statement, snapshot), params, signal),
  };
}
