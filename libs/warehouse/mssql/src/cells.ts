import { selectCell, type SelectedCell } from '@elstream/database';
import type { Cell } from '@elstream/core';
import type { EntityColumn } from './target';

/** Columns selected so that their cells arrive without loss, as `v0`, `v1`, …; and the row of cells of what the driver gives. */
export interface SelectedCells {
  /** `… AS v0, … AS v1` */
  readonly list: string;
  readonly row: (found: Readonly<Record<string, unknown>>) => Cell[];
}

/** @param refOf SQL of a column */
export function selectCells(columns: readonly EntityColumn[], refOf: (column: EntityColumn) => string): SelectedCells {
  const cells = columns.map((column): SelectedCell => selectCell({ type: column.kind, native: column.type }, refOf(column)));
  return {
    list: cells.map(({ sql }, i) => `${sql} AS v${String(i)}`).join(', '),
    row: (found) => cells.map(({ cell }, i) => cell(found[`v${String(i)}`])),
  };
}
