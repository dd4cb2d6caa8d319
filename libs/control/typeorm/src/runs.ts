import { randomUUID } from 'node:crypto';
import { ElstreamError } from '@elstream/core';
import { laneOf, RUN_STAGES, type ControlStore, type NewTask, type Run, type RunEvent, type RunState } from '@elstream/control';
import { inTransaction, onDatabase } from '@elstream/database';
import { In, MoreThan, type DataSource, type EntityManager, type QueryDeepPartialEntity } from 'typeorm';
import { dialectOf } from './dialect';
import { runEntity, runEventEntity, type RunEventRow, type RunRow } from './entities';
import { lockPipeline } from './pipelines';
import { storable, toEvent, toRun } from './rows';
import { insertTasks } from './tasks';

const ACTIVE: readonly RunState[] = ['pending', 'running'];

/** The pipeline's row is locked, so of two callers the second sees the first's run; the unique index backs it up. */
export async function createRun(db: DataSource, run: Parameters<ControlStore['createRun']>[0]): Promise<Run> {
  return inTransaction(db, async ({ runner: { manager } }) => {
    const { gapReason } = await lockPipeline(manager, run.pipeline);
    if (run.reason === 'log-gap' && gapReason === null) {
      throw new ElstreamError('GAP_GONE', 'refuse', 'the pipeline has no log gap any more', { place: { pipeline: run.pipeline } });
    }
    const stages = [...(run.stages ?? RUN_STAGES)];
    const lane = laneOf(stages);
    const excluding = lane === 'validate' ? ['validate', 'load'] : [lane];
    const active = await manager.findOneBy(runEntity, { pipeline: run.pipeline, lane: In(excluding), state: In([...ACTIVE]) });
    if (active !== null) {
      throw new ElstreamError('RUN_ACTIVE', 'refuse', `run ${active.id} of the pipeline has not ended; wait for it or cancel it`, {
        place: { pipeline: run.pipeline },
      });
    }
    const id = randomUUID();
    if (lane === 'load') await cancelValidation(manager, run.pipeline, id);
    await manager
      .createQueryBuilder()
      .insert()
      .into(runEntity)
      .values({ id, pipeline: run.pipeline, reason: run.reason, stages, lane, scope: run.scope ?? {}, tables: [...run.tables] } as QueryDeepPartialEntity<RunRow>)
      .updateEntity(false)
      .execute();
    const row = await manager.findOneByOrFail(runEntity, { id });
    const first: NewTask[] = stages.includes('prepare') ? [{ kind: 'prepare', table: null, epoch: null, payload: {} }] : [];
    await insertTasks(manager, row, [...first, ...(run.tasks ?? [])]);
    return toRun(row);
  });
}

/** What is compared is about to be loaded again: the preload goes first, and is followed by a validation of its own. */
async function cancelValidation(manager: EntityManager, pipeline: string, by: string): Promise<void> {
  const active = await manager.find(runEntity, { where: { pipeline, lane: 'validate', state: In([...ACTIVE]) }, lock: { mode: dialectOf(manager.dataSource).rowLock } });
  for (const { id } of active) {
    await manager.update(runEntity, { id }, { state: 'cancelled', error: `run ${by} preloads`, finishedAt: dialectOf(manager.dataSource).now });
    await dialectOf(manager.dataSource).cancelTasks(manager, id);
  }
}

export async function readRun(db: DataSource, id: string): Promise<Run | null> {
  return onDatabase(db, async ({ runner: { manager } }) => {
    const row = await manager.findOneBy(runEntity, { id });
    return row === null ? null : toRun(row);
  });
}

export async function readRuns(db: DataSource, filter: Parameters<ControlStore['readRuns']>[0]): Promise<readonly Run[]> {
  return onDatabase(db, async ({ runner: { manager } }) => {
    const rows = await manager.find(runEntity, {
      where: {
        ...(filter.pipeline === undefined ? {} : { pipeline: filter.pipeline }),
        ...(filter.lane === undefined ? {} : { lane: filter.lane }),
        ...(filter.states === undefined ? {} : { state: In([...filter.states]) }),
      },
      order: { seq: 'DESC' },
      take: filter.limit,
    });
    return rows.map(toRun);
  });
}

export async function startRun(db: DataSource, id: string): Promise<boolean> {
  const started = await onDatabase(db, ({ runner: { manager } }) => manager.update(runEntity, { id, state: 'pending' }, { state: 'running', startedAt: dialectOf(db).now }));
  return started.affected !== 0;
}

export async function setRunTables(db: DataSource, id: string, tables: readonly string[]): Promise<void> {
  await onDatabase(db, ({ runner: { manager } }) => manager.update(runEntity, { id, state: In([...ACTIVE]) }, { tables: [...tables] }));
}

type End = Parameters<ControlStore['endRun']>;

export async function endRun(db: DataSource, id: End[0], state: End[1], ...[error, onlyIf]: [End[2], End[3]?]): Promise<boolean> {
  const { now, table, cancelTasks } = dialectOf(db);
  return inTransaction(db, async ({ runner: { manager } }) => {
    const update = manager
      .createQueryBuilder()
      .update(runEntity)
      .set({ state, error: error === null ? null : storable(error), finishedAt: now })
      .where({ id, state: In([...ACTIVE]) });
    if (onlyIf === 'gap') update.andWhere(`EXISTS (SELECT 1 FROM ${table('pipeline')} p WHERE p.name = pipeline AND p.gap_reason IS NOT NULL)`);
    if ((await update.execute()).affected === 0) return false;
    await cancelTasks(manager, id);
    return true;
  });
}

/**
 * The run's row stays locked from the moment the event's id is drawn until it is committed: so ids of one run become
 * visible in their order, and a reader that goes on after the highest id it saw misses none.
 */
export async function addEvent(db: DataSource, event: Parameters<ControlStore['addEvent']>[0]): Promise<void> {
  await inTransaction(db, async ({ runner: { manager } }) => {
    if ((await lockRun(manager, event.runId)) === null) {
      throw new ElstreamError('RUN_UNKNOWN', 'lost', `run ${event.runId} is gone, its pipeline was removed`);
    }
    await manager
      .createQueryBuilder()
      .insert()
      .into(runEventEntity)
      .values({ runId: event.runId, type: event.type, tableId: event.table, detail: { ...event.detail } } as QueryDeepPartialEntity<RunEventRow>)
      .updateEntity(false)
      .execute();
  });
}

export async function readEvents(db: DataSource, runId: string, after: number, limit: number): Promise<readonly RunEvent[]> {
  return onDatabase(db, async ({ runner: { manager } }) => {
    const rows = await manager.find(runEventEntity, { where: { runId, id: MoreThan(String(after)) }, order: { id: 'ASC' }, take: limit });
    return rows.map(toEvent);
  });
}

/** Holds off other planners and the run's end until the transaction ends; null: there is no such run. */
export async function lockRun(manager: EntityManager, id: string): Promise<RunRow | null> {
  return manager.findOne(runEntity, { where: { id }, lock: { mode: dialectOf(manager.dataSource).rowLock } });
}
