import type { SchemaChangeRecord, ValidationRecord } from '@elstream/control';
import { CONTROL_SCHEMA, controlColumns, type ControlColumns } from '@elstream/database';
import type { DeadLetterCell } from '@elstream/core';
import { EntitySchema } from 'typeorm';

/** Rows as TypeORM gives them: bigint as text, bytes as Buffer, times as Date. */
export interface DeadLetterRow {
  id: string;
  /** Order of parking. */
  seq: string;
  pipeline: string;
  tableId: string;
  state: string;
  origin: string;
  op: string;
  key: string[] | null;
  oldKey: string[] | null;
  row: DeadLetterCell[] | null;
  bytes: Buffer;
  code: string;
  reason: string;
  position: string | null;
  committedAtUs: string | null;
  epoch: number;
  parkedAt: Date;
  settledAt: Date | null;
  note: string | null;
  replays: number;
}

export interface OpenUseRow {
  pipeline: string;
  tableId: string;
  runId: string;
  openedAt: Date;
}

export interface HistoryDueRow {
  id: string;
  pipeline: string;
  tableId: string;
  key: string[] | null;
}

export interface SchemaChangeRow {
  id: string;
  seq: string;
  pipeline: string;
  tableId: string;
  state: string;
  change: SchemaChangeRecord['change'];
  noticedAt: Date;
  decidedAt: Date | null;
}

export interface ValidationRow {
  pipeline: string;
  tableId: string;
  runId: string;
  seq: string;
  scope: ValidationRecord['scope'];
  position: string;
  rowsCompared: string;
  confirmedEqual: string;
  unverified: string;
  differences: string;
  finishedAt: Date;
}

const drawn = { generated: 'increment' } as const;

function deadLetter({ text, longText, int, bigint, uuid, json, bytes, time, now }: ControlColumns): EntitySchema<DeadLetterRow> {
  return new EntitySchema<DeadLetterRow>({
    name: 'DeadLetter',
    schema: CONTROL_SCHEMA,
    tableName: 'dead_letter',
    columns: {
      id: { ...uuid, primary: true, generated: 'uuid' },
      seq: { ...bigint, ...drawn },
      pipeline: text,
      tableId: { ...text, name: 'table_id' },
      state: { ...text, default: 'parked' },
      origin: text,
      op: text,
      key: { ...json, nullable: true },
      oldKey: { ...json, nullable: true, name: 'old_key' },
      row: { ...json, nullable: true },
      bytes,
      code: text,
      reason: longText,
      position: { ...text, nullable: true },
      committedAtUs: { ...bigint, nullable: true, name: 'committed_at_us' },
      epoch: int,
      parkedAt: { ...now, name: 'parked_at' },
      settledAt: { ...time, nullable: true, name: 'settled_at' },
      note: { ...longText, nullable: true },
      replays: { ...int, default: 0 },
    },
  });
}

function openUse({ text, uuid, now }: ControlColumns): EntitySchema<OpenUseRow> {
  return new EntitySchema<OpenUseRow>({
    name: 'OpenUse',
    schema: CONTROL_SCHEMA,
    tableName: 'open_use',
    columns: {
      pipeline: { ...text, primary: true },
      tableId: { ...text, primary: true, name: 'table_id' },
      runId: { ...uuid, primary: true, name: 'run_id' },
      openedAt: { ...now, name: 'opened_at' },
    },
  });
}

function historyDue({ text, bigint, json }: ControlColumns): EntitySchema<HistoryDueRow> {
  return new EntitySchema<HistoryDueRow>({
    name: 'HistoryDue',
    schema: CONTROL_SCHEMA,
    tableName: 'history_due',
    columns: {
      id: { ...bigint, primary: true, ...drawn },
      pipeline: text,
      tableId: { ...text, name: 'table_id' },
      key: { ...json, nullable: true },
    },
  });
}

function schemaChange({ text, bigint, uuid, json, time, now }: ControlColumns): EntitySchema<SchemaChangeRow> {
  return new EntitySchema<SchemaChangeRow>({
    name: 'SchemaChange',
    schema: CONTROL_SCHEMA,
    tableName: 'schema_change',
    columns: {
      id: { ...uuid, primary: true, generated: 'uuid' },
      seq: { ...bigint, ...drawn },
      pipeline: text,
      tableId: { ...text, name: 'table_id' },
      state: text,
      change: json,
      noticedAt: { ...now, name: 'noticed_at' },
      decidedAt: { ...time, nullable: true, name: 'decided_at' },
    },
  });
}

function validation({ text, bigint, uuid, now }: ControlColumns): EntitySchema<ValidationRow> {
  return new EntitySchema<ValidationRow>({
    name: 'Validation',
    schema: CONTROL_SCHEMA,
    tableName: 'validation',
    columns: {
      pipeline: { ...text, primary: true },
      tableId: { ...text, primary: true, name: 'table_id' },
      runId: { ...uuid, primary: true, name: 'run_id' },
      seq: { ...bigint, ...drawn },
      scope: text,
      position: text,
      rowsCompared: { ...bigint, name: 'rows_compared' },
      confirmedEqual: { ...bigint, name: 'confirmed_equal' },
      unverified: bigint,
      differences: bigint,
      finishedAt: { ...now, name: 'finished_at' },
    },
  });
}

export const healingEntitiesFor = (columns: ControlColumns) =>
  [deadLetter(columns), openUse(columns), historyDue(columns), schemaChange(columns), validation(columns)] as const;

/** For queries on a DataSource of any product: TypeORM looks entities up by name. */
export const healingEntities = healingEntitiesFor(controlColumns.postgres);
export const [deadLetterEntity, openUseEntity, historyDueEntity, schemaChangeEntity, validationEntity] = healingEntities;
