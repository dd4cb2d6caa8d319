import { EntitySchema } from 'typeorm';

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

const text = { type: 'text' } as const;
const nullableText = { type: 'text', nullable: true } as const;
const counter = { type: 'bigint', default: 0 } as const;
const now = { type: 'timestamptz', default: () => 'now()' } as const;

export const checkpointEntity = new EntitySchema<CheckpointRow>({
  name: 'Checkpoint',
  schema: CONTROL_SCHEMA,
  tableName: 'checkpoint',
  columns: {
    pipeline: { ...text, primary: true },
    partition: { ...text, primary: true },
    generation: { type: 'int' },
    nextOffset: { ...text, name: 'next_offset' },
    highest: nullableText,
    eventsApplied: { ...counter, name: 'events_applied' },
    counter: { type: 'bigint', nullable: true },
    committedAtUs: { type: 'bigint', nullable: true, name: 'committed_at_us' },
    appliedAt: { ...now, name: 'applied_at' },
  },
});

export const tableStateEntity = new EntitySchema<TableStateRow>({
  name: 'TableState',
  schema: CONTROL_SCHEMA,
  tableName: 'table_state',
  columns: {
    pipeline: { ...text, primary: true },
    tableId: { ...text, primary: true, name: 'table_id' },
    epoch: { type: 'int', default: 0 },
    phase: { ...text, default: 'new' },
    runId: { type: 'uuid', nullable: true, name: 'run_id' },
    truncateEpoch: { type: 'int', nullable: true, name: 'truncate_epoch' },
    truncatePosition: { ...nullableText, name: 'truncate_position' },
    liveAt: { ...nullableText, name: 'live_at' },
    rereadUntil: { ...nullableText, name: 'reread_until' },
    mixedEpoch: { type: 'int', nullable: true, name: 'mixed_epoch' },
    rowsPreloaded: { ...counter, name: 'rows_preloaded' },
    eventsApplied: { ...counter, name: 'events_applied' },
    stale: nullableText,
    error: nullableText,
    updatedAt: { ...now, name: 'updated_at' },
  },
});

export const taskEntity = new EntitySchema<TaskRow>({
  name: 'Task',
  schema: CONTROL_SCHEMA,
  tableName: 'task',
  columns: {
    id: { type: 'uuid', primary: true },
    runId: { type: 'uuid', name: 'run_id' },
    pipeline: text,
    tableId: { ...nullableText, name: 'table_id' },
    kind: text,
    state: { ...text, default: 'pending' },
    attempt: { type: 'int', default: 0 },
    epoch: { type: 'int', nullable: true },
    ordinal: { type: 'int' },
    payload: { type: 'jsonb' },
    result: { type: 'jsonb', nullable: true },
    rows: counter,
    worker: nullableText,
    error: nullableText,
    createdAt: { ...now, name: 'created_at' },
    startedAt: { type: 'timestamptz', nullable: true, name: 'started_at' },
    renewedAt: { type: 'timestamptz', nullable: true, name: 'renewed_at' },
    finishedAt: { type: 'timestamptz', nullable: true, name: 'finished_at' },
  },
  indices: [{ name: 'task_run', columns: ['runId', 'kind', 'state'] }],
});

/** Control tables a warehouse adapter writes. */
export const sharedControlEntities = [checkpointEntity, tableStateEntity, taskEntity] as const;
