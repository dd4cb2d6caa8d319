import type { Product } from '@elstream/core';
import { EntitySchema } from 'typeorm';
import { controlColumns, type ControlColumns } from './control-columns';

export { controlColumns, type ControlColumns };

/** Schema of the control tables in the warehouse. */
export const CONTROL_SCHEMA = 'elstream';

/**
 * The control tables that take part in a warehouse adapter's transactions (R2, R4): written by the adapter together
 * with the rows, read by the control store. Positions and offsets are lower-case hex, see core `position.ts`.
 */
export interface CheckpointRow {
  pipeline: string;
  /** `<topic>-<number>`, or `0`: the one log of a direct stream. */
  partition: string;
  generation: number;
  nextOffset: string;
  highest: string | null;
  /** Events applied, re-emissions not counted. */
  eventsApplied: string;
  /** Last counter value applied (R3a). */
  counter: string | null;
  /** Source commit time of the newest applied event, microseconds since 1970. */
  committedAtUs: string | null;
  appliedAt: Date;
}

export interface TableStateRow {
  pipeline: string;
  tableId: string;
  epoch: number;
  phase: string;
  runId: string | null;
  truncateEpoch: number | null;
  truncatePosition: string | null;
  liveAt: string | null;
  /** Log position noted after the last re-read by key of this epoch (R6). */
  rereadUntil: string | null;
  /** The epoch in which rows took cells from a preload row that may be newer than their event (history). */
  mixedEpoch: number | null;
  rowsPreloaded: string;
  eventsApplied: string;
  /** Why it is to be preloaded again, in words. */
  stale: string | null;
  error: string | null;
  updatedAt: Date;
}

export interface TaskRow {
  id: string;
  runId: string;
  pipeline: string;
  tableId: string | null;
  kind: string;
  state: string;
  attempt: number;
  epoch: number | null;
  /** Order of creation within the run. */
  ordinal: number;
  payload: Record<string, unknown>;
  result: Record<string, unknown> | null;
  rows: string;
  worker: string | null;
  error: string | null;
  createdAt: Date;
  startedAt: Date | null;
  /** The worker's last sign of life; not touched by warehouse adapters. */
  renewedAt: Date | null;
  finishedAt: Date | null;
}

function checkpoint({ text, int, bigint, now }: ControlColumns): EntitySchema<CheckpointRow> {
  return new EntitySchema<CheckpointRow>({
    name: 'Checkpoint',
    schema: CONTROL_SCHEMA,
    tableName: 'checkpoint',
    columns: {
      pipeline: { ...text, primary: true },
      partition: { ...text, primary: true },
      generation: int,
      nextOffset: { ...text, name: 'next_offset' },
      highest: { ...text, nullable: true },
      eventsApplied: { ...bigint, default: 0, name: 'events_applied' },
      counter: { ...bigint, nullable: true },
      committedAtUs: { ...bigint, nullable: true, name: 'committed_at_us' },
      appliedAt: { ...now, name: 'applied_at' },
    },
  });
}

function tableState({ text, longText, int, bigint, uuid, now }: ControlColumns): EntitySchema<TableStateRow> {
  return new EntitySchema<TableStateRow>({
    name: 'TableState',
    schema: CONTROL_SCHEMA,
    tableName: 'table_state',
    columns: {
      pipeline: { ...text, primary: true },
      tableId: { ...text, primary: true, name: 'table_id' },
      epoch: { ...int, default: 0 },
      phase: { ...text, default: 'new' },
      runId: { ...uuid, nullable: true, name: 'run_id' },
      truncateEpoch: { ...int, nullable: true, name: 'truncate_epoch' },
      truncatePosition: { ...text, nullable: true, name: 'truncate_position' },
      liveAt: { ...text, nullable: true, name: 'live_at' },
      rereadUntil: { ...text, nullable: true, name: 'reread_until' },
      mixedEpoch: { ...int, nullable: true, name: 'mixed_epoch' },
      rowsPreloaded: { ...bigint, default: 0, name: 'rows_preloaded' },
      eventsApplied: { ...bigint, default: 0, name: 'events_applied' },
      stale: { ...longText, nullable: true },
      error: { ...longText, nullable: true },
      updatedAt: { ...now, name: 'updated_at' },
    },
  });
}

function task({ text, longText, int, bigint, uuid, json, time, now }: ControlColumns): EntitySchema<TaskRow> {
  return new EntitySchema<TaskRow>({
    name: 'Task',
    schema: CONTROL_SCHEMA,
    tableName: 'task',
    columns: {
      id: { ...uuid, primary: true },
      runId: { ...uuid, name: 'run_id' },
      pipeline: text,
      tableId: { ...text, nullable: true, name: 'table_id' },
      kind: text,
      state: { ...text, default: 'pending' },
      attempt: { ...int, default: 0 },
      epoch: { ...int, nullable: true },
      ordinal: int,
      payload: json,
      result: { ...json, nullable: true },
      rows: { ...bigint, default: 0 },
      worker: { ...text, nullable: true },
      error: { ...longText, nullable: true },
      createdAt: { ...now, name: 'created_at' },
      startedAt: { ...time, nullable: true, name: 'started_at' },
      renewedAt: { ...time, nullable: true, name: 'renewed_at' },
      finishedAt: { ...time, nullable: true, name: 'finished_at' },
    },
    indices: [{ name: 'task_run', columns: ['runId', 'kind', 'state'] }],
  });
}

/** Control tables a warehouse adapter writes, as they are in that product. */
export function sharedControlEntitiesFor(product: Product) {
  const columns = controlColumns[product];
  return [checkpoint(columns), tableState(columns), task(columns)] as const;
}

/**
 * PostgreSQL's. TypeORM looks entities up by name, so in queries these stand for the ones of the DataSource at hand, of
 * whatever product.
 */
export const sharedControlEntities = sharedControlEntitiesFor('postgres');
export const [checkpointEntity, tableStateEntity, taskEntity] = sharedControlEntities;
