import { CAPTURE_RESUMED, ElstreamError, failpoint, foldBatch, keyIdentity, keyOfRow, recoveryOf, ruleHolds, takesEvents, type Cell, type Checkpoint, type EventBatch, type FoldedBatch, type ParkedEvent, type RowEvent, type TableMapping } from '@elstream/core';
import type { SourceDatabase } from '@elstream/source';
import type { BatchResult, BatchWrite, RereadRows } from '@elstream/warehouse';
import { byKey, slices } from '../compare/compare-rows';
import type { ReplicationDeps } from '../deps';
import type { PipelineHandle } from '../pipeline';
import type { LongStep } from '../progress';
import { tell } from '../tell';
import { awaitReadable } from '../transaction-wait';
import { acceptedEvents, isParked } from './bisect';
import { settleDoubts, type DoubtReads } from './doubtful';
import { foldAccepted, narrowDown, type Narrowed } from './narrow-down';
import { boundOf } from './passes';
import { codeOf, countParked, parkedPoison, stopAt } from './parked';
import { writeBatch } from './write-batch';

const REREAD_KEYS = 1_000;

/** What is said of parked events, by their code. */
const PARKED: readonly (readonly [of: (code: string) => boolean, message: string])[] = [
  [(code) => code === CAPTURE_RESUMED, 'capture began again and may have left out rows: they are parked as dead letters, which are replayed by themselves'],
  [(code) => code !== CAPTURE_RESUMED, 'events that the warehouse cannot take are parked as dead letters'],
];

export interface ApplyContext {
  readonly deps: ReplicationDeps;
  readonly pipeline: PipelineHandle;
  readonly signal: AbortSignal;
  /** Called now and then while something is waited for: who waits does not hang. */
  readonly moved: () => void;
  readonly longStep: LongStep;
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
 * read again by key after R4's wait, and the batch is offered again (R6). Events that the warehouse cannot take are
 * narrowed down and parked, and the rest is folded anew and applied in the same transaction (R7).
 *
 * @returns the new checkpoint, or null if another process moved it
 */
export async function applyBatch(context: ApplyContext, given: TakenBatch): Promise<Checkpoint | null> {
  const { deps, pipeline } = context;
  const { checkpoint, mappings } = given;
  const began = deps.clock();
  await failpoint('batch:taken');
  const reread = new Map<string, RereadRows>();
  const batch = { ...given.batch, events: await settleDoubts(given.batch.events, mappings, doubtReads(context, mappings, reread)) };
  const taken = { ...given, batch };
  let folded = foldBatch(batch.events, mappings, checkpoint.highest);
  let accepted: readonly RowEvent[] | null = null;
  const parked = await poisonOf(context, taken, folded);
  const committedAtUs = newest(batch);
  for (;;) {
    const write = { ...batchWrite(taken, folded, { committedAtUs, reread }), parked, parkLimit: pipeline.settings.deadLetters.limit };
    const result = await offer(context, taken, write);
    switch (result.outcome) {
      case 'applied':
        if (parked.length > 0) await reportParked(context, parked);
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
      case 'refused': {
        const offered: readonly RowEvent[] = accepted ?? acceptedEvents(batch.events, mappings, checkpoint.highest);
        const trialOf = ({ tables }: Pick<FoldedBatch, 'tables'>): BatchWrite => ({ ...batchWrite(taken, { ...folded, tables, events: 0 }, { committedAtUs, reread }), trial: true });
        const narrowed: Narrowed | null = ruleHolds('R7-bisection') ? await narrowDown({ context, taken, accepted: offered, trialOf }) : null;
        if (narrowed === null) throw refused(context, taken, result.error);
        accepted = narrowed.events;
        parked.push(...narrowed.parked);
        const { tables, events } = foldAccepted(narrowed.events, mappings);
        folded = { ...folded, tables, events };
        break;
      }
      default:
        result satisfies never;
    }
  }
}

/** A permanent error says at least which tables and positions it lies between, where the warehouse could not name the row. */
async function offer(context: ApplyContext, taken: TakenBatch, write: BatchWrite): Promise<BatchResult | { readonly outcome: 'refused'; readonly error: unknown }> {
  try {
    return await writeBatch(context, write);
  } catch (error) {
    if (isParked(error)) return { outcome: 'refused', error };
    if (recoveryOf(error) !== 'stop') throw error;
    throw refused(context, taken, error);
  }
}

function refused({ pipeline }: ApplyContext, { batch }: TakenBatch, error: unknown): ElstreamError {
  const known = error instanceof ElstreamError ? error.place : {};
  const [first, last] = [batch.events[0], batch.events.at(-1)].map((event) => event?.tx.position.hex ?? batch.next.hex);
  const place = {
    pipeline: pipeline.name,
    table: [...new Set(batch.events.flatMap((event) => ('table' in event ? [event.table] : [])))].join(', '),
    position: first === last ? (first ?? '') : `${first ?? ''} to ${last ?? ''}`,
    ...known,
  };
  return new ElstreamError(codeOf(error), 'stop', error instanceof Error ? error.message : String(error), { cause: error, place });
}

/**
 * Events that could not be decoded, to be parked. With policy `stop` the stream stops at the first of an active table; for
 * tables that are not, the warehouse decides once more, in its transaction, and passes them over. One that stands for a row
 * that capture may have left out is nothing that was refused: it is parked under either policy, and replayed by itself.
 */
async function poisonOf({ pipeline }: ApplyContext, { mappings }: TakenBatch, { poison }: FoldedBatch): Promise<ParkedEvent[]> {
  if (poison.length > 0 && pipeline.settings.deadLetters.policy === 'stop') {
    const active = await activeTables(pipeline);
    const event = poison.find((p) => active.has(p.table) && p.code !== CAPTURE_RESUMED);
    const mapping = mappings.get(event?.table ?? '');
    if (event !== undefined && mapping !== undefined) throw stopAt({ pipeline: pipeline.name, event, error: new Error(event.reason) }, mapping);
  }
  return poison.map(parkedPoison);
}

async function activeTables({ name, warehouse }: PipelineHandle): Promise<Set<string>> {
  return new Set((await warehouse.readTableStates(name)).filter(takesEvents).map((s) => s.table));
}

/** One line per batch and kind, without values; and what the warehouse made of a table with too many. */
async function reportParked({ deps, pipeline }: ApplyContext, parked: readonly ParkedEvent[]): Promise<void> {
  const { name, settings } = pipeline;
  const states = new Map((await pipeline.warehouse.readTableStates(name)).map((s) => [s.table, s]));
  const counts = countParked(parked);
  for (const [of, message] of PARKED) {
    const some = counts.filter(({ code }) => of(code));
    if (some.length > 0) deps.logger.warn({ pipeline: name, parked: some.map((c) => `${c.table} ${c.code}: ${String(c.count)}`).join(', ') }, message);
  }
  for (const { table, count } of counts) deps.observer.eventsParked(name, table, count);
  for (const table of new Set(counts.map((c) => c.table))) {
    const state = states.get(table);
    if (state?.phase !== 'stopped') continue;
    deps.logger.error({ pipeline: name, table, limit: settings.deadLetters.limit, error: state.error }, 'table stopped: too many dead letters for one reason; mend the cause, then preload it again by a run');
    deps.observer.tableStopped(name, table);
    tell(deps, { type: 'tables-changed', pipeline: name });
  }
}

function batchWrite({ batch, checkpoint, mappings }: TakenBatch, folded: FoldedBatch, more: Pick<BatchWrite, 'committedAtUs' | 'reread'>): BatchWrite {
  const tables = folded.tables.flatMap((fold) => {
    const mapping = mappings.get(fold.table);
    return mapping === undefined ? [] : [{ mapping, fold }];
  });
  return { checkpoint, next: batch.next, highest: folded.highest, tables, events: folded.events, counter: folded.counter, parked: [], reloads: folded.reloads, parkLimit: 1_000, trial: false, ...more };
}

function newest(batch: EventBatch): bigint | null {
  let at: bigint | null = null;
  for (const { tx } of batch.events) if (at === null || tx.committedAtUs > at) at = tx.committedAtUs;
  return at;
}

/** R6: after R4's wait; adds to `reread`, so that keys answered before stay answered. */
async function readAgain(
  context: ApplyContext,
  mappings: ReadonlyMap<string, TableMapping>,
  wanted: ReadonlyMap<string, readonly (readonly string[])[]>,
  reread: Map<string, RereadRows>,
): Promise<void> {
  const { deps, pipeline, signal, moved } = context;
  const source = await pipeline.source();
  await awaitReadable({ source, logger: deps.logger.child({ pipeline: pipeline.name }), clock: deps.clock, signal, moved, waitMs: pipeline.settings.transactionWaitMs });
  const answers = new Map<string, Omit<RereadRows, 'readUntil'>>();
  for (const [table, keys] of wanted) {
    const mapping = mappings.get(table);
    if (mapping === undefined) continue;
    const before = reread.get(table) ?? { rows: [], absent: [] };
    const rows = await readSlices(source, mapping, keys);
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
  const end = await source.endOfLog();
  for (const [table, answer] of answers) reread.set(table, { ...answer, readUntil: await boundOf(context, table, end) });
}

/** What is read for doubts counts as read again: rows may be newer than their versions say. */
function doubtReads(context: ApplyContext, mappings: ReadonlyMap<string, TableMapping>, reread: Map<string, RereadRows>): DoubtReads {
  return {
    active: async () => activeTables(context.pipeline),
    look: async (mapping, keys) => readSlices(await context.pipeline.source(), mapping, keys),
    readAgain: async (keys) => {
      await readAgain(context, mappings, keys, reread);
      return new Map([...reread].map(([table, { rows }]) => [table, rows]));
    },
  };
}

async function readSlices(source: SourceDatabase, mapping: TableMapping, keys: readonly (readonly string[])[]): Promise<Cell[][]> {
  const rows: Cell[][] = [];
  for (const slice of slices(keys, REREAD_KEYS)) rows.push(...(await readByKeys(source, mapping, slice)));
  return rows;
}

/** A permanent error names its table: a column that is gone by now is the schema watch's to follow. */
async function readByKeys(source: SourceDatabase, mapping: TableMapping, keys: readonly (readonly string[])[]): Promise<readonly Cell[][]> {
  try {
    return await source.readByKeys(mapping, keys);
  } catch (error) {
    if (recoveryOf(error) !== 'stop') throw error;
    throw new ElstreamError('STREAM_REREAD', 'stop', error instanceof Error ? error.message : String(error), { cause: error, place: { table: mapping.id } });
  }
}

/** The row under the key as it was asked for: the source may spell an equal key otherwise by now (1.0, 1.00), which a later event brings. */
function underKey(mapping: TableMapping, row: readonly Cell[], key: readonly string[]): Cell[] {
  const cells = [...row];
  mapping.key.forEach((column, i) => {
    cells[column] = key[i] ?? null;
  });
  return cells;
}
