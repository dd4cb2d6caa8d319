import { randomUUID } from 'node:crypto';
import { ElstreamError } from '@elstream/core';
import { laneOf, RUN_STAGES, type ControlStore, type NewTask, type Run, type RunEvent, type RunState } from '@elstream/control';
import { inTransaction, taskEntity } from '@elstream/database';
import { In, MoreThan, type DataSource, type EntityManager, type QueryDeepPartialEntity } from 'typeorm';
import { dialectOf } from './dialect';
import { runEntity, runEventEntity, type RunEventRow, type RunRow } from './entities';
import { onControl } from './on-control';
import { lockPipeline } from './pipelines';
import { storable, toEvent, toRun } from './rows';
import { insertTasks } from './tasks';

const ACTIVE: readonly RunState[] = ['pending', 'running'];

/** A run as it is asked for. */
export type RunToCreate = Parameters<ControlStore['createRun']>[0];

/** Why a run cannot be created. */
export const refusals = {
  gapGone: (pipeline: string) => new ElstreamError('GAP_GONE', 'refuse', 'the pipeline has no log gap any more', { place: { pipeline } }),
  active: (pipeline: string, run: string) => new ElstreamError('RUN_ACTIVE', 'refuse', `run ${run} of the pipeline has not ended; wait for it or cancel it`, { place: { pipeline } }),
};

/** What a run begins with. */
export function firstTasks({ stages = RUN_STAGES, tasks = [] }: RunToCreate): NewTask[] {
  return stages.includes('prepare') ? [{ kind: 'prepare', table: null, epoch: null, payload: {} }, ...tasks] : [...tasks];
}

/** The pipeline's row is locked, so of two callers the second sees the first's run; the unique index backs it up. On PostgreSQL. */
export async function createRun(db: DataSource, run: RunToCreate): Promise<Run> {
  return inTransaction(db, async ({ runner: { manager } }) => {
    const { gapReason } = await lockPipeline(manager, run.pipeline);
    if (run.reason === 'log-gap' && gapReason === null) throw refusals.gapGone(run.pipeline);
    const stages = [...(run.stages ?? RUN_STAGES)];
    const lane = laneOf(stages);
    const excluding = lane === 'validate' ? ['validate', 'load'] : [lane];
    const active = await manager.findOneBy(runEntity, { pipeline: run.pipeline, lane: In(excluding), state: In([...ACTIVE]) });
    if (active !== null) throw refusals.active(run.pipeline, active.id);
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
    await insertTasks(manager, row, firstTasks(run));
    return toRun(row);
  });
}

/** What is compared is about to be loaded again: the preload goes first, and is followed by a validation of its own. */
async function cancelValidation(manager: EntityManager, pipeline: string, by: string): Promise<void> {
  const active = await manager.find(runEntity, { where: { pipeline, lane: 'validate', state: In([...ACTIVE]) }, lock: { mode: 'for_no_key_update' } });
  for (const { id } of active) {
    await manager.update(runEntity, { id }, { state: 'cancelled', error: overtaken(by), finishedAt: dialectOf(manager.dataSource).now });
    await cancelTasks(manager, id);
  }
}

/** Why a validation was cancelled. */
export const overtaken = (by: string): string => `run ${by} preloads`;

async function cancelTasks(manager: EntityManager, runId: string): Promise<void> {
  await manager.update(taskEntity, { runId, state: In(['pending', 'running']) }, { state: 'cancelled', finishedAt: dialectOf(manager.dataSource).now });
}

export async function readRun(db: DataSource, id: string): Promise<Run | null> {
  return onControl(db, async ({ runner: { manager } }) => {
    const row = await manager.findOneBy(runEntity, { id });
    return row === null ? null : toRun(row);
  });
}

export async function readRuns(db: DataSource, filter: Parameters<ControlStore['readRuns']>[0]): Promise<readonly Run[]> {
  return onControl(db, async ({ runner: { manager } }) => {
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
  const started = await onControl(db, ({ runner: { manager } }) => manager.update(runEntity, { id, state: 'pending' }, { state: 'running', startedAt: dialectOf(db).now }));
  return started.affected !== 0;
}

export async function setRunTables(db: DataSource, id: string, tables: readonly string[]): Promise<void> {
  await onControl(db, ({ runner: { manager } }) => manager.update(runEntity, { id, state: In([...ACTIVE]) }, { tables: [...tables] }));
}

export type End = Parameters<ControlStore['endRun']>;

/** On PostgreSQL. */
export async function endRun(db: DataSource, id: End[0], state: End[1], ...[error, onlyIf]: [End[2], End[3]?]): Promise<boolean> {
  const { now, table } = dialectOf(db);
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
 * visible in their order, and a reader that goes on after the highest id it saw misses none. On PostgreSQL.
 */
export async function addEvent(db: DataSource, event: Parameters<ControlStore['addEvent']>[0]): Promise<void> {
  await inTransaction(db, async ({ runner: { manager } }) => {
    if ((await manager.findOne(runEntity, { where: { id: event.runId }, lock: { mode: 'for_no_key_update' } })) === null) throw runGone(event.runId);
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
  return onControl(db, async ({ runner: { manager } }) => {
    const rows = await manager.find(runEventEntity, { where: { runId, id: MoreThan(String(after)) }, order: { id: 'ASC' }, take: limit });
    return rows.map(toEvent);
  });
}

export function runGone(id: string): ElstreamError {
  return new ElstreamError('RUN_UNKNOWN', 'lost', `run ${id} is gone, its pipeline was removed`);
}
