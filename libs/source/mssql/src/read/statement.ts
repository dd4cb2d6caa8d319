import { type Cell } from '@elstream/core';
import { selectCell, type MssqlParams, type SelectedCell } from '@elstream/database';
import { type TargetColumn } from './read-target';

/** A SELECT and how its columns become cells. */
export interface Statement {
  readonly sql: string;
  readonly params: MssqlParams;
  readonly cells: readonly SelectedCell['cell'][];
}

const HIDDEN: SelectedCell = { sql: 'CONVERT(bit, NULL)', cell: () => null };

/** @param alias the table's */
export function selectedCells(columns: readonly TargetColumn[], alias = 't'): SelectedCell[] {
  return columns.map((column) => (column.hidden ? HIDDEN : selectCell(column, `${alias}.${column.name}`)));
}

/** How long a read without snapshot waits for one lock, ms. The driver's own time limit ends with the first rows. */
const LOCK_MS = 30_000;

/**
 * A single SELECT is a transaction of its own. Under SNAPSHOT it sees one moment and neither waits for writers nor makes
 * them wait; under READ COMMITTED it sees committed rows only, of the moment each is met. Never READ UNCOMMITTED. The level
 * is set back, as the connection is shared.
 * @param before statements without result, each ended by a semicolon
 */
export function isolated(select: string, snapshot: boolean, before = ''): string {
  const lines = ['SET NOCOUNT ON;', ...(snapshot ? [] : [`SET LOCK_TIMEOUT ${String(LOCK_MS)};`]), ...(before === '' ? [] : [before]), `SET TRANSACTION ISOLATION LEVEL ${snapshot ? 'SNAPSHOT' : 'READ COMMITTED'};`, `${select};`];
  return [...lines, ...(snapshot ? ['SET TRANSACTION ISOLATION LEVEL READ COMMITTED;'] : [])].join('\n');
}

export function rowOf(cells: readonly SelectedCell['cell'][], row: readonly unknown[]): Cell[] {
  return cells.map((cell, i) => cell(row[i]));
}
