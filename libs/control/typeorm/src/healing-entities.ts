import type { SchemaChangeRecord, ValidationRecord } from '@elstream/control';
import { CONTROL_SCHEMA } from '@elstream/database';
import type { DeadLetterCell } from '@elstream/core';
import { EntitySchema } from 'typeorm';

/** Rows as TypeORM gives them: bigint as text, bytea as Buffer, timestamptz as Date. */
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

const text = { type: 'text' } as const;
const nullableText = { type: 'text', nullable: true } as const;
const now = { type: 'timestamptz', default: () => 'now()' } as const;
const nullableTime = { type: 'timestamptz', nullable: true } as const;
const nullableJson = { type: 'jsonb', nullable: true } as const;
const drawn = { type: 'bigint', generated: 'increment' } as const;
const bigint = { type: 'bigint' } as const;

export const deadLetterEntity = new EntitySchema<DeadLetterRow>({
  name: 'DeadLetter',
  schema: CONTROL_SCHEMA,
  tableName: 'dead_letter',
  columns: {
    id: { type: 'uuid', primary: true, generated: 'uuid' },
    seq: drawn,
    pipeline: text,
    tableId: { ...text, name: 'table_id' },
    state: { ...text, default: 'parked' },
    origin: text,
    op: text,
    key: nullableJson,
    oldKey: { ...nullableJson, name: 'old_key' },
    row: nullableJson,
    bytes: { type: 'bytea' },
    code: text,
    reason: text,
    position: nullableText,
    committedAtUs: { type: 'bigint', nullable: true, name: 'committed_at_us' },
    epoch: { type: 'int' },
    parkedAt: { ...now, name: 'parked_at' },
    settledAt: { ...nullableTime, name: 'settled_at' },
    note: nullableText,
    replays: { type: 'int', default: 0 },
  },
});

export const openUseEntity = new EntitySchema<OpenUseRow>({
  name: 'OpenUse',
  schema: CONTROL_SCHEMA,
  tableName: 'open_use',
  columns: {
    pipeline: { ...text, primary: true },
    tableId: { ...text, primary: true, name: 'table_id' },
    runId: { type: 'uuid', primary: true, name: 'run_id' },
    openedAt: { ...now, name: 'opened_at' },
  },
});

export const historyDueEntity = new EntitySchema<HistoryDueRow>({
  name: 'HistoryDue',
  schema: CONTROL_SCHEMA,
  tableName: 'history_due',
  columns: {
    id: { type: 'bigint', primary: true, generated: 'increment' },
    pipeline: text,
    tableId: { ...text, name: 'table_id' },
    key: nullableJson,
  },
});

export const schemaChangeEntity = new EntitySchema<SchemaChangeRow>({
  name: 'SchemaChange',
  schema: CONTROL_SCHEMA,
  tableName: 'schema_change',
  columns: {
    id: { type: 'uuid', primary: true, generated: 'uuid' },
    seq: drawn,
    pipeline: text,
    tableId: { ...text, name: 'table_id' },
    state: text,
    change: { type: 'jsonb' },
    noticedAt: { ...now, name: 'noticed_at' },
    decidedAt: { ...nullableTime, name: 'decided_at' },
  },
});

export const validationEntity = new EntitySchema<ValidationRow>({
  name: 'Validation',
  schema: CONTROL_SCHEMA,
  tableName: 'validation',
  columns: {
    pipeline: { ...text, primary: true },
    tableId: { ...text, primary: true, name: 'table_id' },
    runId: { type: 'uuid', primary: true, name: 'run_id' },
    seq: drawn,
    scope: text,
    position: text,
    rowsCompared: { ...bigint, name: 'rows_compared' },
    confirmedEqual: { ...bigint, name: 'confirmed_equal' },
    unverified: bigint,
    differences: bigint,
    finishedAt: { ...now, name: 'finished_at' },
  },
});

export const healingEntities = [deadLetterEntity, openUseEntity, historyDueEntity, schemaChangeEntity, validationEntity] as const;
