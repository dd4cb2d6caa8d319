import { decodeRows, failpoint } from '@elstream/core';
import { t, type Mssql, type TSqlSession } from '@elstream/database';
import type { ChunkResult, ChunkWrite } from '@elstream/warehouse';
import { CarefulChunk } from './careful-chunk';
import { mergeChunkSql } from './merge-chunk';
import { claimParams, notPrepared } from './phases';
import { runTransaction } from './server-transaction';
import { chunkBulk, chunkLines, chunkMisfits, convertChunk, createChunkTables, misfit } from './staging';
import type { Target } from './target';

/**
 * R4: stages the chunk's rows, then in one server-side batch, shared against other merges and exclusive against batches,
 * fills the places the stream has not touched and finishes the task. Nothing is written unless task, attempt, run and epoch
 * are all still ours. With `write.park` rows that do not fit are parked in it; with too many of them the table is stopped and
 * the task fails, which the caller meets as `lost`.
 */
export async function loadChunk(db: Mssql, write: ChunkWrite, target: Target): Promise<ChunkResult> {
  return db.session(async (session) => {
    if (write.park !== undefined) {
      const careful = await CarefulChunk.stage(session, { write, target, lockMs: db.lockMs, limit: write.park.limit });
      await failpoint('chunk:staged');
      return careful.merge();
    }
    const rows = await stageChunk(session, target, write.rows);
    await failpoint('chunk:staged');
    return mergeChunk(session, { write, target, lockMs: db.lockMs, rows, park: null, empty: rows === 0 });
  });
}

async function stageChunk(session: TSqlSession, target: Target, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  await session.batch(createChunkTables(target));
  const line = chunkLines(target);
  async function* lines(): AsyncGenerator<unknown[]> {
    let ord = 0;
    for await (const row of decodeRows(chunks)) yield line(row, ord++, null);
  }
  const rows = await session.bulk(chunkBulk(target), lines());
  const misfits = chunkMisfits(target);
  if (misfits !== null && (await session.rows(misfits)).length > 0) throw misfit(target);
  await session.execute(convertChunk(target));
  return rows;
}

export interface Merge {
  readonly write: ChunkWrite;
  readonly target: Target;
  readonly lockMs: number;
  /** Rows of the chunk, parked ones among them. */
  readonly rows: number;
  /** Rows wait in `#parked`. */
  readonly park: { readonly limit: number } | null;
  /** Nothing is filled. */
  readonly empty: boolean;
}

export async function mergeChunk(session: TSqlSession, merge: Merge): Promise<ChunkResult> {
  const { write, target } = merge;
  const statement = mergeChunkSql({ pipeline: write.pipeline, target, lockMs: merge.lockMs, fills: !merge.empty, parks: merge.park !== null, trial: false, added: write.added ?? [] });
  const { outcome, row } = await runTransaction(session, statement, {
    pipeline: t.nvarchar(write.pipeline, 100),
    table: t.nvarchar(target.mapping.id, 300),
    rows: t.bigint(merge.rows),
    ...claimParams(write.claim),
    ...(merge.park === null ? {} : { limit: t.int(merge.park.limit) }),
  });
  if (outcome === 'not-prepared') throw notPrepared(target.mapping.id);
  if (outcome !== 'done') return { outcome: 'lost' };
  return { outcome: 'done', rowsRead: merge.rows, rowsFilled: Number(row['filled']), rowsParked: Number(row['parked']) };
}
