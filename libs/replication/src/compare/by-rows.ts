import { decodeRows, keyIdentity, keyOfRow, type Cell, type TableMapping } from '@elstream/core';
import { rangeOf } from '../tasks/key-range';
import type { TaskContext } from '../tasks/task-context';
import { byKey, slices, unequalColumns } from './compare-rows';
import { rowsAt } from './held-keys';
import { bytesOfCells, type Tally } from './tally';

type Key = readonly string[];

/**
 * Of some keys those whose rows looked unequal, missing or extra: for validation of what has changed, where the keys are
 * known and mostly still equal.
 */
export async function* suspectsByKeys(context: TaskContext, mapping: TableMapping, keys: readonly Key[], tally: Tally): AsyncGenerator<readonly Key[]> {
  const { pipeline, signal, moved } = context;
  const source = await pipeline.source();
  for (const slice of slices(keys, pipeline.settings.compareRows)) {
    if (signal.aborted) return;
    moved();
    const [read, found] = await Promise.all([source.readByKeys(mapping, slice), rowsAt(pipeline.warehouse, mapping, slice)]);
    tally.rows += read.length;
    tally.bytesMoved += bytesOfCells(read) + bytesOfCells(found.map((r) => r.row));
    const here = byKey(mapping, read, (row) => row);
    const there = byKey(mapping, found, (r) => r.row);
    const suspects = slice.filter((key) => {
      const [row, other] = [here.get(keyIdentity(mapping, key)), there.get(keyIdentity(mapping, key))?.row];
      return row === undefined || other === undefined ? row !== other : unequalColumns(mapping, row, other).length > 0;
    });
    if (suspects.length > 0) yield suspects;
  }
  tally.position = await source.endOfLog();
}

/** Whose ranges a task has: the source's find what is missing or unequal, the warehouse's what is extra. */
export type RangesOf = 'source' | 'warehouse';

/**
 * As `suspectsByChecksums`, by carrying every row of the range here: for tables with hashed columns, whose stored values
 * are made on this side of the source and so are in no checksum of it.
 */
export async function* suspectsByRows(context: TaskContext, mapping: TableMapping, tally: Tally): AsyncGenerator<readonly Key[]> {
  yield* context.task.payload['rangesOf'] === 'warehouse' ? extraInWarehouse(context, mapping, tally) : differingFromSource(context, mapping, tally);
}

async function* differingFromSource({ pipeline, task, signal, moved }: TaskContext, mapping: TableMapping, tally: Tally): AsyncGenerator<readonly Key[]> {
  const source = await pipeline.source();
  const read = await source.readChunk(mapping, rangeOf(task.payload), signal);
  const compare = async (piece: readonly Cell[][]): Promise<Key[]> => {
    moved();
    const keys = piece.map((row) => keyOfRow(mapping, row));
    const found = await rowsAt(pipeline.warehouse, mapping, keys);
    const standing = byKey(mapping, found, (r) => r.row);
    tally.rows += piece.length;
    tally.bytesMoved += bytesOfCells(piece) + bytesOfCells(found.map((r) => r.row));
    return keys.filter((key, i) => {
      const other = standing.get(keyIdentity(mapping, key));
      return other === undefined || unequalColumns(mapping, piece[i] ?? [], other.row).length > 0;
    });
  };
  // Kept until the source's cursor is closed: settling them waits for transactions, which a read left open would hold up.
  const suspects: Key[] = [];
  let piece: Cell[][] = [];
  for await (const row of decodeRows(read.rows)) {
    piece.push(row);
    if (piece.length < pipeline.settings.compareRows) continue;
    suspects.push(...(await compare(piece)));
    piece = [];
  }
  if (piece.length > 0) suspects.push(...(await compare(piece)));
  tally.position = await source.endOfLog();
  if (suspects.length > 0) yield suspects;
}

async function* extraInWarehouse({ pipeline, task, signal, moved }: TaskContext, mapping: TableMapping, tally: Tally): AsyncGenerator<readonly Key[]> {
  const source = await pipeline.source();
  const keys = await pipeline.warehouse.readKeys(mapping, rangeOf(task.payload));
  tally.rows = keys.length;
  tally.bytesMoved += bytesOfCells(keys);
  for (const slice of slices(keys, pipeline.settings.compareRows)) {
    if (signal.aborted) return;
    moved();
    const found = await source.readByKeys(mapping, slice);
    tally.bytesMoved += bytesOfCells(found);
    const there = byKey(mapping, found, (row) => row);
    const suspects = slice.filter((key) => !there.has(keyIdentity(mapping, key)));
    if (suspects.length > 0) yield suspects;
  }
  tally.position = await source.endOfLog();
}
