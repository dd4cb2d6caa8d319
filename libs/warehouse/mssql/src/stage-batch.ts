import { describeKey, ElstreamError, recoveryOf, type FoldedRow } from '@elstream/core';
import { t, type TSqlSession } from '@elstream/database';
import { locateCulprit } from '@elstream/warehouse';
import { batchBulk, BatchLines, batchMisfits, batchName, convertBatch, createBatchTables, misfit, type BatchShape } from './staging';
import type { Target } from './target';

/** One table of a batch as it waits for the transaction. */
export interface StagedTable {
  readonly shape: BatchShape;
  /** A value that staging refused; told only if the table takes events, which is known in the transaction alone. */
  readonly refused: ElstreamError | null;
}

export interface ToStage {
  /** The table's number in the batch. */
  readonly n: number;
  readonly target: Target;
  readonly rows: readonly FoldedRow[];
  readonly begins: ReadonlyMap<string, bigint | null>;
  /** A trial (R7) looks for the row itself, and wants the reason alone. */
  readonly trial: boolean;
}

/** Stages the rows of one table. A value the warehouse cannot hold is refused with the row it is in. */
export async function stageBatch(session: TSqlSession, table: ToStage): Promise<StagedTable> {
  const lines = new BatchLines(table.target, table.rows, table.begins);
  try {
    await session.batch(createBatchTables(table.target, table.n));
    await session.bulk(batchBulk(table.target, table.n), encoded(lines, table));
    await convert(session, table);
    return { shape: lines.shape, refused: null };
  } catch (error) {
    if (error instanceof ElstreamError && error.recovery === 'park') return { shape: lines.shape, refused: error };
    throw error;
  }
}

/** Lines are made as the driver takes them: the batch is not held a second time. */
function* encoded(lines: BatchLines, { target, rows, trial }: ToStage): Generator<unknown[]> {
  for (const [ord, row] of rows.entries()) {
    try {
      yield lines.line(row, ord);
    } catch (error) {
      throw trial ? error : naming(error, target, row);
    }
  }
}

async function convert(session: TSqlSession, { n, target, rows, trial }: ToStage): Promise<void> {
  const misfits = batchMisfits(target, n);
  if (misfits !== null) {
    const [found] = await session.rows<{ ord: number }>(misfits);
    const row = found === undefined ? undefined : rows[found.ord];
    if (row !== undefined) throw trial ? misfit(target) : naming(misfit(target), target, row);
  }
  const attempt = async (from: number, to: number): Promise<void> => {
    await session.execute(convertBatch(target, n), { from: t.int(from), to: t.int(to) });
  };
  try {
    await attempt(0, rows.length);
  } catch (error) {
    if (trial || recoveryOf(error) !== 'park') throw error;
    const culprit = await locateCulprit([...rows.keys()], async (some) => {
      await session.execute(`TRUNCATE TABLE ${batchName(n)};`);
      await attempt(some[0] ?? 0, (some.at(-1) ?? -1) + 1);
    });
    const row = culprit === null ? undefined : rows[culprit];
    throw row === undefined ? error : naming(error, target, row);
  }
}

/** Which row it is, where that can be told. */
function naming(error: unknown, target: Target, row: FoldedRow): unknown {
  if (recoveryOf(error) !== 'park') return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ElstreamError('ROW_NOT_WRITABLE', 'park', `${message}; the warehouse cannot hold this row: override the column's type in the pipeline file, or mend the row at the source`, {
    cause: error,
    place: { table: target.mapping.id, key: describeKey(target.mapping, row.key), position: row.position.toString() },
  });
}
