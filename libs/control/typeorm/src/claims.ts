import { ruleHolds, type TaskClaim } from '@elstream/core';
import type { ControlStore, NewTask, Task } from '@elstream/control';
import { inTransaction, taskEntity, type TaskRow } from '@elstream/database';
import { type DataSource, type EntityManager, type QueryDeepPartialEntity } from 'typeorm';
import { dialectOf } from './dialect';
import { onControl } from './on-control';
import { storable, toTask } from './rows';
import { insertTasks, lockActiveRun } from './tasks';

/**
 * One statement: the row lock of the UPDATE decides between claims, the loser finds the state taken, and a claimer that
 * stands still holds nobody up. The task is read afterwards, if it is still this claim's.
 */
export async function claim(db: DataSource, taskId: string, worker: string): Promise<{ readonly task: Task; readonly claim: TaskClaim } | null> {
  const { now, table } = dialectOf(db);
  return onControl(db, async ({ runner: { manager } }) => {
    const won = await manager
      .createQueryBuilder()
      .update(taskEntity)
      .set({ state: 'running', attempt: () => 'attempt + 1', worker, error: null, startedAt: now, renewedAt: now })
      .where('id = :taskId', { taskId })
      .andWhere("state = 'pending'")
      .andWhere(`EXISTS (SELECT 1 FROM ${table('run')} r WHERE r.id = run_id AND r.state = 'running')`)
      .returning(['attempt'])
      .execute();
    const [claimed] = won.raw as { attempt: number }[];
    const row = claimed === undefined ? null : await manager.findOneBy(taskEntity, { id: taskId, state: 'running', attempt: claimed.attempt });
    if (row === null) return null;
    const task = toTask(row);
    return { task, claim: { taskId, attempt: task.attempt, runId: task.runId, epoch: task.epoch } };
  });
}

export async function renew(db: DataSource, held: TaskClaim): Promise<boolean> {
  return onControl(db, ({ runner: { manager } }) => updateHeld(manager, held, { renewedAt: dialectOf(db).now }));
}

/**
 * The run is locked before the task, as in `endRun`: so `follow` cannot be added to a run that ends meanwhile, and the
 * two cannot wait for each other. `result.rows`, where it is a number, is counted as the task's rows. On PostgreSQL.
 */
export async function complete(
  db: DataSource,
  held: TaskClaim,
  result: Readonly<Record<string, unknown>>,
  follow: readonly NewTask[] = [],
): Promise<boolean> {
  return inTransaction(db, async ({ runner: { manager } }) => {
    const run = await lockActiveRun(manager, held.runId);
    if (run === null) return false;
    const rows = typeof result['rows'] === 'number' ? { rows: String(result['rows']) } : {};
    const values = { state: 'done', result: { ...result }, ...rows, error: null, finishedAt: dialectOf(db).now } as QueryDeepPartialEntity<TaskRow>;
    const done = await updateHeld(manager, held, values);
    if (done && follow.length > 0) await insertTasks(manager, run, follow);
    return done;
  });
}

export async function fail(db: DataSource, held: TaskClaim, error: string, final: boolean): Promise<boolean> {
  return onControl(db, ({ runner: { manager } }) =>
    updateHeld(manager, held, {
      error: storable(error),
      ...(final ? { state: 'failed', finishedAt: dialectOf(db).now } : { state: 'pending', worker: null }),
    }),
  );
}

/** By the server's clock, so that workers' clocks need not agree. */
export async function releaseAbandoned(db: DataSource, filter: Parameters<ControlStore['releaseAbandoned']>[0]): Promise<number> {
  return onControl(db, async ({ runner: { manager } }) => {
    const update = manager.createQueryBuilder().update(taskEntity).set({ state: 'pending', worker: null }).where("state = 'running'");
    if (filter.olderThanMs > 0) {
      update.andWhere(`coalesce(renewed_at, started_at) <= ${dialectOf(db).ago(':ms')}`, { ms: Math.ceil(filter.olderThanMs) });
    }
    if (filter.except !== undefined) update.andWhere('(worker IS NULL OR worker <> :except)', { except: filter.except });
    return (await update.execute()).affected ?? 0;
  });
}

/** Changes the task only while the claim holds: task, attempt, run and epoch (R4), and still running. */
async function updateHeld(manager: EntityManager, held: TaskClaim, values: QueryDeepPartialEntity<TaskRow>): Promise<boolean> {
  const update = manager
    .createQueryBuilder()
    .update(taskEntity)
    .set(values)
    .where('id = :id', { id: held.taskId })
    .andWhere("state = 'running'")
    .andWhere('run_id = :runId', { runId: held.runId })
    .andWhere(held.epoch === null ? 'epoch IS NULL' : 'epoch = :epoch', { epoch: held.epoch });
  if (ruleHolds('claim-attempt')) update.andWhere('attempt = :attempt', { attempt: held.attempt });
  return (await update.execute()).affected !== 0;
}
