import { ElstreamError, failpoint, recoveryOf, ruleHolds, takesEvents, type FoldedRow, type FoldedTable } from '@elstream/core';
import { t, type Mssql, type MssqlParams, type TSqlSession } from '@elstream/database';
import { type BatchResult, type BatchWrite, fillReread, movedCheckpoint, type RereadRows } from '@elstream/warehouse';
import { NO_HISTORY, type BatchHistory } from './batch-history';
import { batchStatement, type BatchPlan, type Share } from './batch-statement';
import { readStandings, type TableStanding } from './control-state';
import { UNLIMITED } from './ddl-batch';
import { createParked, parkedBulk, parkedDue, parkedLine } from './dead-letters';
import { prepareHistory, stagedBegins } from './history/derive';
import { runTransaction, type ServerOutcome } from './server-transaction';
import { stageBatch, type StagedTable } from './stage-batch';
import { STORED_SQL } from './stored-guard';
import { isStored, KnownMappings } from './stored-mapping';
import type { Target } from './target';

/** One table's share of a batch; its number in the batch is its place. */
interface TableWork {
  readonly target: Target;
  readonly reread: RereadRows | undefined;
  readonly fold: FoldedTable;
  readonly rows: readonly FoldedRow[];
  /** Null: nothing to stage. */
  readonly staged: StagedTable | null;
}

/** How often a batch is tried whose history was prepared from what was changed meanwhile, and once more for mappings to be looked up. */
const ATTEMPTS = 20;

const known = new KnownMappings();

/** Epochs seen first; used only when `npm run sabotage` switches R5's «read in the transaction» off. */
const staleEpochs = new Map<string, number>();

/**
 * Applies one batch: staging first, then one server-side batch of exclusion, decisions, rows, counters and checkpoint (R2).
 * What can only be decided here (derived history, stored mappings) is compared there with what stands.
 */
export async function applyBatch(db: Mssql, write: BatchWrite, targetOf: (tableId: string) => Target): Promise<BatchResult> {
  const done = await db.session(async (session): Promise<BatchResult | { readonly refused: unknown }> => {
    try {
      return await applyStaged(session, { db, write, work: await stageTables(session, write, targetOf) });
    } catch (error) {
      // Told after the session, which else would be closed as broken: the search for a value makes very many such trials.
      if (recoveryOf(error) === 'park') return { refused: error };
      throw error;
    }
  });
  if ('refused' in done) throw done.refused;
  return done;
}

async function stageTables(session: TSqlSession, write: BatchWrite, targetOf: (tableId: string) => Target): Promise<TableWork[]> {
  const work: TableWork[] = [];
  // in one order everywhere, so that two batches do not wait for each other's tables
  for (const { mapping, fold } of [...write.tables].sort((a, b) => (a.mapping.id < b.mapping.id ? -1 : 1))) {
    const target = targetOf(mapping.id);
    const reread = write.reread.get(mapping.id);
    const rows = fillReread(target.mapping, fold.rows, reread);
    const begins = target.keepsBegin ? stagedBegins(mapping, fold.changes) : new Map<string, bigint>();
    work.push({ target, reread, fold, rows, staged: rows.length === 0 ? null : await stageBatch(session, { n: work.length, target, rows, begins, trial: write.trial }) });
  }
  if (write.parked.length > 0) {
    await session.batch(createParked);
    await session.bulk(parkedBulk, write.parked.map(parkedLine));
  }
  await failpoint('batch:staged');
  return work;
}

async function applyStaged(session: TSqlSession, of: Omit<Attempt, 'passed'>): Promise<BatchResult> {
  const { pipeline } = of.write.checkpoint;
  let passed: ReadonlySet<number> = new Set();
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    try {
      const result = await attemptBatch(session, { ...of, passed });
      if (result !== null) return result;
      passed = new Set();
    } catch (error) {
      const inactive = isOfServer(error) ? await tablesPassedOver(session, pipeline, of.work) : passed;
      if (inactive === 'lost') return { outcome: 'lost' };
      // nothing that was not known at this attempt: the error is what it says
      if (inactive.size <= passed.size) throw error;
      passed = inactive;
    }
  }
  throw new ElstreamError('DB_SERIALIZATION', 'retry', 'rows that history was decided from were changed again and again meanwhile', { place: { pipeline } });
}

/** An error of the server that is no value's fault and no passing one. */
function isOfServer(error: unknown): boolean {
  return error instanceof ElstreamError && error.recovery === 'stop' && /^DB_\d+$/.test(error.code);
}

/**
 * What the server may have made an error of that is none. It binds a batch's names and types when it compiles it, before the
 * transaction has looked at anything: a table that was given another shape, or dropped, fails the whole batch (207, 208, 206),
 * although its rows come of a mapping that is no longer stored, or its events are passed over anyway.
 *
 * @returns the tables that take no events; `lost`: a mapping is not the stored one
 */
async function tablesPassedOver(session: TSqlSession, pipeline: string, work: readonly TableWork[]): Promise<ReadonlySet<number> | 'lost'> {
  const mappings = work.map(({ target }) => target.mapping);
  const states = await readStandings(session, pipeline, mappings.map((m) => m.id));
  const passed = new Set<number>();
  for (const [n, mapping] of mappings.entries()) {
    const state = states.get(mapping.id);
    if (state !== undefined && !takesEvents(state)) {
      passed.add(n);
      continue;
    }
    const [stored] = await session.rows<{ mapping: string }>(STORED_SQL, { pipeline: t.nvarchar(pipeline, 100), table: t.nvarchar(mapping.id, 300) });
    if (stored === undefined ? state === undefined : !isStored(stored.mapping, mapping)) return 'lost';
  }
  return passed;
}

interface Attempt {
  readonly db: Mssql;
  readonly write: BatchWrite;
  readonly work: readonly TableWork[];
  /** Tables that take no events, and that no statement may therefore name. */
  readonly passed: ReadonlySet<number>;
}

/** Null: to be tried again. */
async function attemptBatch(session: TSqlSession, { db, write, work, passed }: Attempt): Promise<BatchResult | null> {
  const { pipeline } = write.checkpoint;
  const states = await statesFor(session, pipeline, work);
  const histories: BatchHistory[] = [];
  for (const [n, { target, fold, reread }] of work.entries()) {
    histories.push(target.archive === null || passed.has(n) ? NO_HISTORY : await prepareHistory(session, { n, pipeline, target, fold, reread, state: states.get(target.mapping.id) ?? null }));
  }
  const due = parkedDue(write.parked);
  const plan: BatchPlan = {
    lockMs: db.lockMs,
    pipeline,
    partition: write.checkpoint.partition,
    locked: [...new Set([...work.map((w) => w.target.mapping.id), ...write.parked.map((p) => p.table), ...write.reloads.keys()])],
    tables: work.map(({ target, staged, fold }, n) =>
      passed.has(n)
        ? { target, staged: null, truncate: false, history: NO_HISTORY, refused: false, passed: true }
        : { target, staged: staged?.shape ?? null, truncate: fold.truncate !== null, history: histories[n] ?? NO_HISTORY, refused: (staged?.refused ?? null) !== null, passed: false },
    ),
    parked: write.parked.length > 0,
    parkedDue: due.value !== '[]',
    reloads: write.reloads.size > 0,
    trial: write.trial,
  };
  const params: MssqlParams = {
    ...checkpointParams(write),
    shares: t.json(work.map((table, n) => shareOf(pipeline, table, n, states))),
    ...(plan.parked ? { limit: t.int(write.parkLimit) } : {}),
    ...(plan.parkedDue ? { parked_due: due } : {}),
    ...(plan.reloads ? { reloads: t.json([...write.reloads]) } : {}),
    ...Object.assign({}, ...histories.map((h) => h.params)),
    ...Object.fromEntries(work.flatMap(({ fold }, n) => (fold.truncate === null ? [] : [[`truncatePosition${String(n)}`, t.varbinary(fold.truncate.toBytes(), 16)]]))),
    ...(ruleHolds('R5-epoch-in-transaction') ? {} : { sabotage: sabotaged(pipeline, work, states) }),
  };
  // a truncate of a large table takes the time it needs: broken off, it would begin anew for ever
  const limits = plan.tables.some(({ truncate }) => truncate) ? UNLIMITED : {};
  return resultOf(await runTransaction(session, batchStatement(plan), params, limits), write, work);
}

/** Only where something is decided from them before the transaction. */
async function statesFor(session: TSqlSession, pipeline: string, work: readonly TableWork[]): Promise<Map<string, TableStanding>> {
  const derived = work.filter((w) => w.target.archive?.kind === 'derived' || !ruleHolds('R5-epoch-in-transaction'));
  return derived.length === 0 ? new Map() : readStandings(session, pipeline, derived.map((w) => w.target.mapping.id));
}

function shareOf(pipeline: string, { target, fold, reread }: TableWork, n: number, states: ReadonlyMap<string, TableStanding>): Share {
  const { mapping } = target;
  return { n, mapping: known.of(pipeline, mapping), token: states.get(mapping.id)?.token ?? null, truncate: fold.truncate?.hex ?? null, events: fold.events, readUntil: reread?.readUntil.hex ?? null };
}

/** The checkpoint's. */
function checkpointParams(write: BatchWrite): MssqlParams {
  const { checkpoint: from } = write;
  return {
    pipeline: t.nvarchar(from.pipeline, 100),
    ...(write.trial ? { trial: t.bit(true) } : {}),
    partition: t.nvarchar(from.partition, 262),
    generation: t.int(from.generation),
    from: t.nvarchar(from.next.hex, 128),
    fromHighest: t.nvarchar(from.highest?.hex ?? null, 128),
    next: t.nvarchar(write.next.hex, 128),
    highest: t.nvarchar(write.highest?.hex ?? null, 128),
    events: t.bigint(write.events),
    counter: t.bigint(write.counter),
    committedAt: t.bigint(write.committedAtUs),
  };
}

function resultOf({ outcome, row, sets }: ServerOutcome, write: BatchWrite, work: readonly TableWork[]): BatchResult | null {
  switch (outcome) {
    case 'applied':
      return {
        outcome: 'applied',
        checkpoint: movedCheckpoint(write),
        rowsWritten: Number(row['written']),
        rowsDeleted: Number(row['deleted']),
      };
    case 'tried':
      return { outcome: 'tried' };
    case 'lost':
      return { outcome: 'lost' };
    case 'again':
      return null;
    case 'mapping':
      return learn(write.checkpoint.pipeline, sets[0] ?? [], work) ? null : { outcome: 'lost' };
    case 'reread':
      return { outcome: 'reread', keys: keysAgain(sets[0] ?? [], work) };
    case 'refused':
      throw work[Number(row['n'])]?.staged?.refused ?? new RangeError('no table refused a value');
    case 'not-prepared':
      throw new ElstreamError('TABLE_NOT_PREPARED', 'stop', 'the table has no state in elstream.table_state; start a run to prepare it', { place: { table: work[Number(row['n'])]?.target.mapping.id ?? '' } });
    default:
      throw new RangeError(`unknown outcome of a batch: ${outcome}`);
  }
}

/** False: decoded with mappings that are no longer those of their tables; the stream begins again with those that are. */
function learn(pipeline: string, stored: readonly Readonly<Record<string, unknown>>[], work: readonly TableWork[]): boolean {
  return stored.every(({ n, stored: text, hash }) => {
    const mapping = work[Number(n)]?.target.mapping;
    return mapping !== undefined && known.learn(pipeline, mapping, { stored: String(text), hash: String(hash) });
  });
}

function keysAgain(found: readonly Readonly<Record<string, unknown>>[], work: readonly TableWork[]): Map<string, (readonly string[])[]> {
  const keys = new Map<string, (readonly string[])[]>();
  for (const { n, ord } of found) {
    const table = work[Number(n)];
    const row = table?.rows[Number(ord)];
    if (table === undefined || row === undefined) continue;
    const of = keys.get(table.target.mapping.id) ?? [];
    of.push(row.key);
    keys.set(table.target.mapping.id, of);
  }
  return keys;
}

function sabotaged(pipeline: string, work: readonly TableWork[], states: ReadonlyMap<string, TableStanding>) {
  return t.json(
    Object.fromEntries(
      work.map(({ target }, n) => {
        const id = `${pipeline}\0${target.mapping.id}`;
        const epoch = staleEpochs.get(id) ?? states.get(target.mapping.id)?.epoch ?? 0;
        staleEpochs.set(id, epoch);
        return [String(n), epoch];
      }),
    ),
  );
}
