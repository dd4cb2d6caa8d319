import { randomUUID } from 'node:crypto';
import { TASK_KINDS, type ControlStore, type NewTask, type PendingTask, type Task, type TaskSummary } from '@elstream/control';
import { inTransaction, taskEntity, type TaskRow } from '@elstream/database';
import type { DataSource, EntityManager, QueryDeepPartialEntity } from 'typeorm';
import { dialectOf } from './dialect';
import { runEntity, type RunRow } from './entities';
import { onControl } from './on-control';
import { toTask } from './rows';

/** Rows per INSERT: far below the protocol's 65,535 parameters. */
const INSERT_ROWS = 1_000;

/** All of a task but payload and result. */
const SMALL = ['id', 'runId', 'pipeline', 'tableId', 'kind', 'state', 'attempt', 'epoch', 'ordinal', 'rows', 'error'] as const satisfies readonly (keyof TaskRow)[];

/** On PostgreSQL. */
export async function addTasks(db: DataSource, runId: string, tasks: readonly NewTask[]): Promise<readonly Task[]> {
  return inTransaction(db, async ({ runner: { manager } }) => {
    const run = await lockActiveRun(manager, runId);
    return run === null ? [] : insertTasks(manager, run, tasks);
  });
}

/** The run, locked against other planners and its end; null if it has ended (then nothing may be added). On PostgreSQL. */
export async function lockActiveRun(manager: EntityManager, runId: string): Promise<RunRow | null> {
  const run = await manager.findOne(runEntity, { where: { id: runId }, lock: { mode: 'for_no_key_update' } });
  return run !== null && (run.state === 'pending' || run.state === 'running') ? run : null;
}

/** The caller holds the run's lock: so two planners, or a planner and a completing task, cannot both find nothing. On PostgreSQL. */
export async function insertTasks(manager: EntityManager, run: Pick<RunRow, 'id' | 'pipeline'>, tasks: readonly NewTask[]): Promise<Task[]> {
  const groups = await manager
    .createQueryBuilder(taskEntity, 't')
    .select('t.kind', 'kind')
    .addSelect('t.table_id', 'table')
    .addSelect('max(t.ordinal)', 'last')
    .where('t.run_id = :run', { run: run.id })
    .groupBy('t.kind')
    .addGroupBy('t.table_id')
    .getRawMany<TaskGroup>();
  const rows = rowsToAdd(groups, tasks);
  for (let i = 0; i < rows.length; i += INSERT_ROWS) {
    const values = rows.slice(i, i + INSERT_ROWS).map((row) => ({ ...row, runId: run.id, pipeline: run.pipeline })) as QueryDeepPartialEntity<TaskRow>[];
    await manager.createQueryBuilder().insert().into(taskEntity).values(values).updateEntity(false).execute();
  }
  return rows.map((row) => taskAdded(run, row));
}

/** Tasks of a run of one kind and table: the highest ordinal among them. */
export interface TaskGroup {
  readonly kind: string;
  readonly table: string | null;
  readonly last: number;
}

/** A task as it is inserted; the columns it lacks are its run's, or get their defaults. */
export interface TaskToAdd extends Omit<NewTask, 'table'> {
  readonly id: string;
  readonly tableId: string | null;
  readonly ordinal: number;
}

/** Of the tasks those whose (kind, table) the run has none of yet; several of one (kind, table) in one call are all added. */
export function rowsToAdd(groups: readonly TaskGroup[], tasks: readonly NewTask[]): TaskToAdd[] {
  const have = new Set(groups.map((g) => groupOf(g.kind, g.table)));
  const first = lastOrdinal(groups) + 1;
  return tasks
    .filter((task) => !have.has(groupOf(task.kind, task.table)))
    .map(({ kind, table, epoch, payload }, i) => ({ id: randomUUID(), tableId: table, kind, epoch, ordinal: first + i, payload: { ...payload } }));
}

/** −1: there is no task yet. */
export function lastOrdinal(groups: readonly TaskGroup[]): number {
  return groups.reduce((max, { last }) => Math.max(max, last), -1);
}

export function taskAdded(run: { readonly id: string; readonly pipeline: string }, { tableId: table, ordinal: _, ...row }: TaskToAdd): Task {
  return { ...row, runId: run.id, pipeline: run.pipeline, table, state: 'pending', attempt: 0, result: null, rows: 0, error: null };
}

export async function readTask(db: DataSource, id: string): Promise<Task | null> {
  return onControl(db, async ({ runner: { manager } }) => {
    const row = await manager.findOneBy(taskEntity, { id });
    return row === null ? null : toTask(row);
  });
}

export async function readTasks(db: DataSource, runId: string, filter: Parameters<ControlStore['readTasks']>[1]): Promise<readonly Task[]> {
  return onControl(db, async ({ runner: { manager } }) => {
    const { kind, state, counted, skip = 0, limit } = filter;
    const { counts, without, parsed } = dialectOf(db);
    const query = manager.createQueryBuilder(taskEntity, 't').where('t.run_id = :runId', { runId });
    if (kind !== undefined) query.andWhere('t.kind = :kind', { kind });
    if (state !== undefined) query.andWhere('t.state = :state', { state });
    if (counted !== undefined) {
      const piece = counts('t.result', counted);
      query.andWhere(piece.sql, piece.parameters);
    }
    query.orderBy('t.ordinal').offset(skip).limit(limit);
    if (filter.without === undefined) return (await query.getMany()).map(toTask);
    // What is left out never leaves the database.
    const [payload, result] = [without('t.payload', filter.without), without('t.result', filter.without)];
    query.select(SMALL.map((column) => `t.${column}`)).addSelect(payload.sql, 'payload').addSelect(result.sql, 'result').setParameters(payload.parameters);
    const { entities, raw } = await query.getRawAndEntities<{ readonly payload: unknown; readonly result: unknown }>();
    return entities.map((row, i) => toTask({ ...row, payload: parsed(raw[i]?.payload) ?? {}, result: parsed(raw[i]?.result ?? null) }));
  });
}

export async function summarize(db: DataSource, runId: string): Promise<readonly TaskSummary[]> {
  return onControl(db, async ({ runner: { manager } }) => {
    const rows = await manager
      .createQueryBuilder(taskEntity, 't')
      .select('t.table_id', 'table')
      .addSelect('t.kind', 'kind')
      .addSelect('t.state', 'state')
      .addSelect('count(*)', 'tasks')
      .addSelect('sum(t.rows)', 'rows')
      .where('t.run_id = :runId', { runId })
      .groupBy('t.table_id')
      .addGroupBy('t.kind')
      .addGroupBy('t.state')
      .orderBy('min(t.ordinal)')
      .getRawMany<{ table: string | null; kind: Task['kind']; state: Task['state']; tasks: string; rows: string }>();
    return rows.map((r) => ({ table: r.table, kind: r.kind, state: r.state, tasks: Number(r.tasks), rows: Number(r.rows) }));
  });
}

/** Each (run, kind) is read by its own part of the index `task_pending`: what is pending beyond the limit costs nothing. */
export async function pendingTasks(db: DataSource, limit: number): Promise<readonly PendingTask[]> {
  const { sql, parameters } = dialectOf(db).pendingTasks(TASK_KINDS, limit);
  return onControl(db, (on) => on.query<PendingTask>(sql, parameters));
}

function groupOf(kind: string, table: string | null): string {
  return JSON.stringify([kind, table]);
}
