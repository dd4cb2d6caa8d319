import { ElstreamError, failpoint, foldBatch, keyIdentity, keyOfRow, recoveryOf, type Cell, type Checkpoint, type EventBatch, type FoldedBatch, type TableMapping } from '@elstream/core';
import type { BatchResult, BatchWrite, RereadRows } from '@elstream/warehouse';
import { byKey, slices } from '../compare/compare-rows';
import type { ReplicationDeps } from '../deps';
import type { PipelineHandle } from '../pipeline';
import { awaitTransactions } from '../transaction-wait';

const REREAD_KEYS = 1_000;

export interface ApplyContext {
  readonly deps: ReplicationDeps;
  readonly pipeline: PipelineHandle;
  readonly signal: AbortSignal;
  /** Called now and then while something is waited for: who waits does not hang. */
  readonly moved: () => void;
}

/** @returns the new checkpoint, or null if another process moved it */
export type ApplyBatch = (context: ApplyContext, taken: TakenBatch) => Promise<Checkpoint | null>;

export interface TakenBatch {
  readonly batch: EventBatch;
  /** The checkpoint the batch continues from. */
  readonly checkpoint: Checkpoint;
  readonly mappings: ReadonlyMap<string, TableMapping>;
}

/**
 * Folds a batch and applies it. All mapped tables are passed on: which of them are active is decided inside the
 * warehouse's transaction (R2), never here from something read before. Unknown columns the warehouse cannot keep are
 * read again by key after R4's wait, and the batch is offered again (R6).
 *
 * @returns the new checkpoint, or null if another process moved it
 */
export async function applyBatch(context: ApplyContext, taken: TakenBatch): Promise<Checkpoint | null> {
  const { deps, pipeline } = context;
  const { batch, checkpoint, mappings } = taken;
  const began = deps.clock();
  await failpoint('batch:taken');
  const folded = foldBatch(batch.events, mappings, checkpoint.highest);
  const committedAtUs = newest(batch);
  const reread = new Map<string, RereadRows>();
  for (;;) {
    const result = await offer(context, taken, batchWrite(taken, folded, { committedAtUs, reread }));
    switch (result.outcome) {
      case 'applied':
        deps.observer.batchApplied(pipeline.name, {
          tables: folded.tables.map((t) => ({ table: t.table, events: t.events })),
          skipped: folded.skipped,
          rowsWritten: result.rowsWritten,
          rowsDeleted: result.rowsDeleted,
          bytes: batch.bytes,
          ms: deps.clock() - began,
          committedAtUs,
        });
        return result.checkpoint;
      case 'tried':
        throw new RangeError('a batch that is no trial was tried only');
      case 'lost':
        return null;
      case 'reread':
        await readAgain(context, mappings, result.keys, reread);
        break;
      default:
        result satisfies never;
    }
  }
}

/** A permanent error says at least which tables and positions it lies between, where the warehouse could not name the row. */
async function offer({ pipeline }: ApplyContext, { batch }: TakenBatch, write: BatchWrite): Promise<BatchResult> {
  try {
    return await pipeline.warehouse.applyBatch(write);
  } catch (error) {
    if (recoveryOf(error) !== 'stop') throw error;
    const known = error instanceof ElstreamError ? error.place : {};
    const [first, last] = [batch.events[0], batch.events.at(-1)].map((event) => event?.tx.position.hex ?? batch.next.hex);
    const place = {
      pipeline: pipeline.name,
      table: write.tables.map((t) => t.mapping.id).join(', '),
      position: first === last ? (first ?? '') : `${first ?? ''} to ${last ?? ''}`,
      ...known,
    };
    throw new ElstreamError(error instanceof ElstreamError ? error.code : 'BATCH_FAILED', 'stop', error instanceof Error ? error.message : String(error), { cause: error, place });
  }
}

function batchWrite({ batch, checkpoint, mappings }: TakenBatch, folded: FoldedBatch, more: Pick<BatchWrite, 'committedAtUs' | 'reread'>): BatchWrite {
  const tables = folded.tables.flatMap((fold) => {
    const mapping = mappings.get(fold.table);
    return mapping === undefined ? [] : [{ mapping, fold }];
  });
  return { checkpoint, next: batch.next, highest: folded.highest, tables, events: folded.events, counter: folded.counter, parked: [], parkLimit: 1_000, trial: false, ...more };
}

function newest(batch: EventBatch): bigint | null {
  let at: bigint | null = null;
  for (const { tx } of batch.events) if (at === null || tx.committedAtUs > at) at = tx.committedAtUs;
  return at;
}

/** R6: after R4's wait; adds to `reread`, so that keys answered before stay answered. */
async function readAgain(
  { deps, pipeline, signal, moved }: ApplyContext,
  mappings: ReadonlyMap<string, TableMapping>,
  wanted: ReadonlyMap<string, readonly (readonly string[])[]>,
  reread: Map<string, RereadRows>,
): Promise<void> {
  const source = await pipeline.source();
  await awaitTransactions({ source, logger: deps.logger.child({ pipeline: pipeline.name }), clock: deps.clock, signal, moved, waitMs: pipeline.settings.transactionWaitMs });
  const answers = new Map<string, Omit<RereadRows, 'readUntil'>>();
  for (const [table, keys] of wanted) {
    const mapping = mappings.get(table);
    if (mapping === undefined) continue;
    const before = reread.get(table) ?? { rows: [], absent: [] };
    const rows = [];
    for (const slice of slices(keys, REREAD_KEYS)) rows.push(...(await source.readByKeys(mapping, slice)));
    const found = byKey(mapping, rows, (row) => row);
    const asked = new Set(keys.map((key) => keyIdentity(mapping, key)));
    const kept = before.rows.filter((row) => !asked.has(keyIdentity(mapping, keyOfRow(mapping, row))));
    const absent = keys.filter((key) => !found.has(keyIdentity(mapping, key)));
    const now = keys.flatMap((key) => {
      const row = found.get(keyIdentity(mapping, key));
      return row === undefined ? [] : [underKey(mapping, row, key)];
    });
    answers.set(table, { rows: [...kept, ...now], absent: [...before.absent, ...absent] });
  }
  const readUntil = await source.endOfLog();
  for (const [table, answer] of answers) reread.set(table, { ...answer, readUntil });
}

/** The row under the key as it was asked for: the source may spell an equal key otherwise by now (1.0, 1.00), which a later event brings. */
function underKey(mapping: TableMapping, row: readonly Cell[], key: readonly string[]): Cell[] {
  const cells = [...row];
  mapping.key.forEach((column, i) => {
    cells[column] = key[i] ?? null;
  });
  return cells;
}
