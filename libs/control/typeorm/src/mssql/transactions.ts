import { randomUUID } from 'node:crypto';
import { laneOf, RUN_STAGES, type ControlStore, type NewTask, type SchemaChangeRecord, type StoredMapping, type Task, type ValidationRecord } from '@elstream/control';
import { ElstreamError, ruleHolds, type TaskClaim } from '@elstream/core';
import { mssqlOf, transactionSets } from '@elstream/database';
import type { DataSource, MssqlParameter } from 'typeorm';
import { schemaChangeEntity } from '../healing-entities';
import { isNoted, readSchemaChange, whatChanged, type ChangeToAdd } from '../healing';
import { onControl } from '../on-control';
import { isStored, OF_PIPELINE, readPipeline, unknownPipeline, withoutSecrets } from '../pipelines';
import { storable, toSchemaChange } from '../rows';
import { firstTasks, overtaken, readRun, refusals, runGone, type End, type RunToCreate } from '../runs';
import { lastOrdinal, rowsToAdd, taskAdded, type TaskGroup, type TaskToAdd } from '../tasks';
import { batches, INSERT_ROWS } from './batches';
import { bigint, bit, bound, int, json, longText, text, uuid } from './parameters';

/** Somebody who was faster has done something each time: far more often than that, and the two do not get past each other. */
const TRIES = 50;

interface Told {
  readonly outcome: string | null;
}

/** The row that a batch of `batches` tells. Not by TypeORM, which has no connection held exclusively but one in a transaction of its own. */
async function tell<R extends Told>(db: DataSource, batch: string, parameters: readonly MssqlParameter[]): Promise<R> {
  const [[row] = []] = await transactionSets(mssqlOf(db), batch, Object.fromEntries(parameters.map((parameter, i) => [String(i), bound(parameter)])));
  if (row === undefined) throw new ElstreamError('DB_UNKNOWN', 'stop', 'a batch of the control store told no outcome');
  return row as unknown as R;
}

/**
 * What is decided in this process is decided before the batch, which does nothing (`moved`) if that holds no longer: so
 * a transaction waits for no client, and no lock is held while one thinks.
 */
async function untilUnmoved<T>(what: string, attempt: () => Promise<T | 'moved'>): Promise<T> {
  for (let tried = 0; tried < TRIES; tried += 1) {
    const result = await attempt();
    if (result !== 'moved') return result;
  }
  throw new ElstreamError('DB_SERIALIZATION', 'retry', `${what} was changed by others ${String(TRIES)} times in a row`);
}

function slices(rows: readonly TaskToAdd[]): readonly (readonly TaskToAdd[])[] {
  return Array.from({ length: Math.ceil(rows.length / INSERT_ROWS) }, (_, i) => rows.slice(i * INSERT_ROWS, (i + 1) * INSERT_ROWS));
}

function groupsOf(db: DataSource, run: string): Promise<TaskGroup[]> {
  return onControl(db, (sql) => sql.query<TaskGroup>(batches.taskGroups, [uuid(run)]));
}

export function addTasks(db: DataSource, runId: string, tasks: readonly NewTask[]): Promise<readonly Task[]> {
  return untilUnmoved(`run ${runId}`, async () => {
    const groups = await groupsOf(db, runId);
    const rows = rowsToAdd(groups, tasks);
    if (rows.length === 0) return [];
    const parts = slices(rows);
    const { outcome, pipeline } = await tell<Told & { readonly pipeline: string }>(db, batches.addTasks(parts.length), [uuid(runId), int(lastOrdinal(groups)), ...parts.map(json)]);
    if (outcome === 'moved') return outcome;
    return outcome === null ? [] : rows.map((row) => taskAdded({ id: runId, pipeline }, row));
  });
}

export function complete(db: DataSource, held: TaskClaim, result: Readonly<Record<string, unknown>>, follow: readonly NewTask[] = []): Promise<boolean> {
  const rows = typeof result['rows'] === 'number' ? result['rows'] : null;
  const own = [uuid(held.runId), uuid(held.taskId), int(held.epoch), int(held.attempt), json(result), bigint(rows)];
  return untilUnmoved(`run ${held.runId}`, async () => {
    const groups = follow.length === 0 ? [] : await groupsOf(db, held.runId);
    const parts = slices(rowsToAdd(groups, follow));
    const { outcome } = await tell(db, batches.complete(parts.length, { ofAttempt: ruleHolds('claim-attempt') }), [...own, int(lastOrdinal(groups)), ...parts.map(json)]);
    return outcome === 'moved' ? outcome : outcome !== null;
  });
}

export async function createRun(db: DataSource, run: RunToCreate): ReturnType<ControlStore['createRun']> {
  const id = randomUUID();
  const stages = run.stages ?? RUN_STAGES;
  const parts = slices(rowsToAdd([], firstTasks(run)));
  const own = [uuid(id), text(run.pipeline), text(run.reason), json(stages), text(laneOf(stages)), json(run.scope ?? {}), json(run.tables), longText(overtaken(id))];
  const { outcome, active } = await tell<Told & { readonly active: string | null }>(db, batches.createRun(parts.length), [...own, ...parts.map(json)]);
  if (outcome === 'gap-gone') throw refusals.gapGone(run.pipeline);
  if (outcome === 'active') throw refusals.active(run.pipeline, (active ?? '').toLowerCase());
  const created = outcome === null ? null : await readRun(db, id);
  // Or removed since, and the run with it.
  if (created === null) throw unknownPipeline(run.pipeline);
  return created;
}

export async function endRun(db: DataSource, id: End[0], state: End[1], ...[error, onlyIf]: [End[2], End[3]?]): Promise<boolean> {
  const { outcome } = await tell(db, batches.endRun, [uuid(id), text(state), longText(error === null ? null : storable(error)), bit(onlyIf === 'gap')]);
  return outcome !== null;
}

export async function addEvent(db: DataSource, { runId, type, table, detail }: Parameters<ControlStore['addEvent']>[0]): Promise<void> {
  const { outcome } = await tell(db, batches.addEvent, [uuid(runId), text(type), text(table), json(detail)]);
  if (outcome === null) throw runGone(runId);
}

export async function saveMappings(db: DataSource, pipeline: string, mappings: readonly StoredMapping[]): Promise<void> {
  const rows = mappings.map((mapping, ordinal) => ({ id: mapping.id, ordinal, mapping: withoutSecrets(mapping) }));
  const { outcome } = await tell(db, batches.saveMappings, [text(pipeline), json(rows)]);
  if (outcome === null) throw unknownPipeline(pipeline);
}

/** One conditional statement: the text that was compared here is compared once more where it is replaced. */
export function replaceMapping(db: DataSource, pipeline: string, from: StoredMapping, to: StoredMapping): Promise<boolean> {
  const at = [text(pipeline), text(from.id)];
  return untilUnmoved(`the mapping of ${from.id}`, () =>
    onControl(db, async (sql) => {
      const [stored] = await sql.query<{ mapping: string }>(batches.storedMapping, at);
      if (stored === undefined && (await readPipeline(db, pipeline)) === null) throw unknownPipeline(pipeline);
      if (stored === undefined || !isStored(JSON.parse(stored.mapping), from)) return false;
      const [told] = await sql.query<{ replaced: number }>(batches.replaceMapping, [...at, longText(stored.mapping), json(withoutSecrets(to))]);
      return told?.replaced === 1 ? true : 'moved';
    }),
  );
}

export function addSchemaChange(db: DataSource, change: ChangeToAdd): Promise<SchemaChangeRecord> {
  return untilUnmoved(`what is noted of ${change.table}`, async () => {
    const where = { pipeline: change.pipeline, tableId: change.table };
    const last = await onControl(db, ({ runner: { manager } }) => manager.findOne(schemaChangeEntity, { where, order: { seq: 'DESC' } }));
    if (last !== null && isNoted(last, change)) return toSchemaChange(last);
    const id = randomUUID();
    const { outcome } = await tell(db, batches.addSchemaChange, [text(change.pipeline), text(change.table), bigint(last?.seq ?? 0), uuid(id), text(change.state), json(whatChanged(change))]);
    if (outcome === 'moved') return outcome;
    const added = outcome === null ? null : await readSchemaChange(db, id);
    if (added === null) throw unknownPipeline(change.pipeline);
    return added;
  });
}

export async function saveValidation(db: DataSource, r: Omit<ValidationRecord, 'finishedAt'>): Promise<void> {
  const counts = [r.rowsCompared, r.confirmedEqual, r.unverified, r.differences].map(bigint);
  await tell(db, batches.saveValidation, [text(r.pipeline), text(r.table), uuid(r.runId), text(r.scope), text(r.position), ...counts]);
}

/** A chunk or batch still in hand elsewhere then finds its task or checkpoint gone and gives up. */
export async function removePipeline(db: DataSource, name: string): Promise<void> {
  const tables = OF_PIPELINE.map(({ options }) => options.tableName ?? options.name).filter((each) => each !== 'task');
  await tell(db, batches.removePipeline(tables), [text(name)]);
}
