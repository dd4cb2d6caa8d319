import type { DeadLetter, DeadLetterFilter, NewTask, Run, RunReason } from '@elstream/control';
import { ElstreamError, keyIdentity, type TableMapping } from '@elstream/core';
import type { ReplicationDeps } from '../deps';
import type { Difference } from '../overview/overview';
import { tell } from '../tell';

/** Keys of one task: so many are read and compared at once (R9). */
const TASK_KEYS = 500;
/** What one run takes on at most (R11); the next validation finds the rest. */
const RUN_KEYS = 100_000;
const PAGE = 200;
/** No run's: a use of this id is never opened. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

type Deps = Pick<ReplicationDeps, 'store' | 'registry' | 'bus' | 'logger'>;

/** Payload of `repair-rows`. */
export type RepairPayload =
  | { readonly keys: readonly (readonly string[])[]; readonly of: Difference['of']; /** The validation that found them. */ readonly from?: string }
  | { readonly deadLetters: readonly string[]; /** The only one they have. */ readonly code?: string };

export interface PlannedRepair {
  readonly run: Run;
  /** Keys, or dead letters, that the run takes on. */
  readonly keys: number;
  /** Differences that are not repaired: only their number was kept, their table is gone, or they are too many for one run. */
  readonly leftOut: number;
}

export interface RepairRequest {
  readonly pipeline: string;
  readonly reason: RunReason;
  readonly from: { readonly runId: string } | { readonly table: string; readonly keys: readonly (readonly string[])[]; readonly of: Difference['of'] };
}

/**
 * A run that repairs what a validation found different, or the keys given (R9). It starts no validation.
 *
 * @throws ElstreamError (refuse) `NOTHING_TO_REPAIR`, `RUN_UNKNOWN`, `TABLE_UNMAPPED`, `KEY_INVALID`, `HISTORY_NOT_COPIED`,
 * `RUN_ACTIVE`
 */
export async function createRepairRun(deps: Deps, { pipeline, reason, from }: RepairRequest): Promise<PlannedRepair> {
  const mappings = await deps.registry.get(pipeline).mappings();
  const keys = new RepairKeys(mappings);
  if ('runId' in from) await collect(deps, { pipeline, runId: from.runId, keys });
  else {
    refuseKeys(pipeline, mappings.get(from.table), from);
    for (const cells of from.keys) keys.add({ table: from.table, of: from.of, cells });
  }
  const tasks = keys.tasks('runId' in from ? from.runId : null);
  if (tasks.length === 0) {
    throw new ElstreamError('NOTHING_TO_REPAIR', 'refuse', 'runId' in from ? `run ${from.runId} has kept no difference of a table of the pipeline` : 'no key was given', { place: { pipeline } });
  }
  return { run: await create(deps, pipeline, reason, tasks), keys: keys.count, leftOut: keys.leftOut };
}

export interface ReplayRequest {
  readonly pipeline: string;
  readonly filter: Omit<DeadLetterFilter, 'pipeline' | 'state'>;
  /** Those of other tables stay as they are. Absent: of all. */
  readonly tables?: ReadonlySet<string>;
}

/**
 * A run that replays parked dead letters: repairs their keys and settles them (R7).
 *
 * @throws ElstreamError (refuse) `NOTHING_TO_REPLAY`, `RUN_ACTIVE`
 */
export async function createReplayRun(deps: Deps, { pipeline, filter, tables }: ReplayRequest): Promise<PlannedRepair> {
  const parked: DeadLetter[] = [];
  let keyless = 0;
  for (let after: string | undefined, more = true; more && parked.length < RUN_KEYS; ) {
    const page = await deps.store.readDeadLetters({ ...filter, pipeline, state: 'parked', limit: PAGE, ...(after === undefined ? {} : { after }) });
    const wanted = page.filter(({ table }) => tables?.has(table) ?? true);
    const keyed = wanted.filter((letter) => letter.key !== null);
    keyless += wanted.length - keyed.length;
    parked.push(...keyed);
    after = page.at(-1)?.id;
    more = page.length === PAGE;
  }
  if (parked.length === 0) {
    throw new ElstreamError('NOTHING_TO_REPLAY', 'refuse', keyless === 0 ? 'no such dead letter is parked' : `${String(keyless)} dead letters have no key to read again; discard them, and validate their tables`, { place: { pipeline } });
  }
  // Oldest first, as they came.
  const byTable = groupBy(parked.reverse(), (letter) => letter.table);
  const code = filter.code === undefined ? {} : { code: filter.code };
  const tasks = [...byTable].flatMap(([table, letters]) => sliced(letters.map((l) => l.id)).map((deadLetters) => taskOf(table, { deadLetters, ...code })));
  return { run: await create(deps, pipeline, 'replay', tasks), keys: parked.length, leftOut: keyless };
}

/** Discards parked dead letters with the reason; the markers that only they needed go (R5). Returns how many. */
export async function discardDeadLetters({ store, registry }: Pick<Deps, 'store' | 'registry'>, filter: DeadLetterFilter, reason: string): Promise<number> {
  const { pipeline } = filter;
  const parked = async (): Promise<Set<string>> => new Set((await store.countDeadLetters(pipeline)).filter((c) => c.state === 'parked' && c.count > 0).map((c) => c.table));
  const before = await parked();
  const discarded = await store.discardDeadLetters(filter, reason);
  if (discarded === 0 || !registry.has(pipeline)) return discarded;
  const handle = registry.get(pipeline);
  const [after, mapped] = [await parked(), await handle.mappings()];
  for (const table of before) {
    const mapping = mapped.get(table);
    if (!after.has(table) && mapping !== undefined) await handle.warehouse.closeUse({ pipeline, mapping, runId: NOBODY });
  }
  return discarded;
}

async function create(deps: Deps, pipeline: string, reason: RunReason, tasks: readonly NewTask[]): Promise<Run> {
  const tables = [...new Set(tasks.map((task) => task.table ?? ''))];
  const run = await deps.store.createRun({ pipeline, reason, tables, stages: ['repair'], tasks });
  tell(deps, { type: 'run-changed', pipeline, runId: run.id });
  return run;
}

/** Keys to be repaired by table and kind, each once, bounded. */
class RepairKeys {
  count = 0;
  leftOut = 0;
  private readonly groups = new Map<string, { readonly mapping: TableMapping; readonly of: Difference['of']; readonly keys: Map<string, readonly string[]> }>();

  constructor(private readonly mappings: ReadonlyMap<string, TableMapping>) {}

  add({ table, of, cells }: Pick<Difference, 'table' | 'of' | 'cells'>): void {
    const mapping = this.mappings.get(table);
    // Found before the table took another key: there is no such row any more.
    if (mapping === undefined || cells.length !== mapping.key.length || this.count >= RUN_KEYS) {
      this.leftOut += 1;
      return;
    }
    const name = JSON.stringify([table, of]);
    const group = this.groups.get(name) ?? { mapping, of, keys: new Map<string, readonly string[]>() };
    this.groups.set(name, group);
    const identity = keyIdentity(mapping, cells);
    if (group.keys.has(identity)) return;
    group.keys.set(identity, cells);
    this.count += 1;
  }

  tasks(from: string | null): NewTask[] {
    return [...this.groups.values()].flatMap(({ mapping, of, keys }) => sliced([...keys.values()]).map((slice) => taskOf(mapping.id, { keys: slice, of, ...(from === null ? {} : { from }) })));
  }
}

async function collect({ store }: Deps, { pipeline, runId, keys }: { readonly pipeline: string; readonly runId: string; readonly keys: RepairKeys }): Promise<void> {
  const run = await store.readRun(runId);
  if (run?.pipeline !== pipeline) throw new ElstreamError('RUN_UNKNOWN', 'refuse', `pipeline ${pipeline} has no run ${runId}`, { place: { pipeline } });
  for (let skip = 0, more = true; more; skip += PAGE) {
    const page = await store.readTasks(runId, { kind: 'validate-chunk', state: 'done', counted: 'differenceCount', skip, limit: PAGE });
    for (const { result } of page) {
      const kept = Array.isArray(result?.['differences']) ? (result['differences'] as readonly Difference[]) : [];
      const counted = typeof result?.['differenceCount'] === 'number' ? result['differenceCount'] : kept.length;
      keys.leftOut += Math.max(0, counted - kept.length);
      for (const difference of kept) keys.add(difference);
    }
    more = page.length === PAGE;
  }
}

function refuseKeys(pipeline: string, mapping: TableMapping | undefined, { table, keys, of }: Extract<RepairRequest['from'], { readonly table: string }>): void {
  const refuse = (code: string, message: string): never => {
    throw new ElstreamError(code, 'refuse', message, { place: { pipeline, table } });
  };
  if (mapping === undefined) return refuse('TABLE_UNMAPPED', `table ${table} is not in the pipeline; check the name`);
  const wanted = mapping.key.map((index) => mapping.columns[index]?.source ?? '');
  const wrong = keys.find((key) => key.length !== wanted.length);
  if (wrong !== undefined) refuse('KEY_INVALID', `a key of ${table} has one value for each of ${wanted.join(', ')}; one with ${String(wrong.length)} was given`);
  if (of === 'history' && mapping.history?.kind !== 'copied') refuse('HISTORY_NOT_COPIED', `the history of ${table} is not copied from the source, so there is nothing to repair it from`);
}

function taskOf(table: string, payload: RepairPayload): NewTask {
  return { kind: 'repair-rows', table, epoch: null, payload: { ...payload } };
}

function sliced<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / TASK_KEYS) }, (_, i) => all.slice(i * TASK_KEYS, (i + 1) * TASK_KEYS));
}

function groupBy<T>(all: readonly T[], nameOf: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const name = nameOf(one);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [one]);
    else group.push(one);
  }
  return groups;
}
