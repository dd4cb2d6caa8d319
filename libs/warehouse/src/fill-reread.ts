import type { Cell, FoldedRow, TableMapping } from '@elstream/core';
import type { RereadRows } from './warehouse';

/** Puts cells read again by key in the place of unknown ones; a key that was not found writes nothing (R6). */
export function fillReread(mapping: TableMapping, rows: readonly FoldedRow[], reread: RereadRows | undefined): readonly FoldedRow[] {
  if (reread === undefined) return rows;
  const id = (key: readonly (Cell | undefined)[]): string => JSON.stringify(key);
  const found = new Map(reread.rows.map((row) => [id(mapping.key.map((i) => row[i])), row]));
  const absent = new Set(reread.absent.map(id));
  return rows.flatMap((row) => {
    if (row.op === 'delete' || !row.cells.includes(undefined)) return [row];
    if (absent.has(id(row.key))) return [];
    const now = found.get(id(row.key));
    if (now === undefined) return [row];
    return [{ ...row, carryFrom: null, cells: row.cells.map((cell, i) => (cell === undefined ? (now[i] ?? null) : cell)) }];
  });
}
