import { RUN_STAGES, type ValidationScope } from '@elstream/control';
import { CONTROL_SCHEMA, sharedControlEntities } from '@elstream/database';
import type { SourceIdentity, TableMapping } from '@elstream/core';
import { EntitySchema } from 'typeorm';
import { healingEntities } from './healing-entities';

/** Rows as TypeORM gives them: bigint as text, timestamptz as Date. */
export interface PipelineRow {
  name: string;
  paused: boolean;
  streamError: string | null;
  identity: SourceIdentity | null;
  gapReason: string | null;
  /** The last counter number given out (R3a). */
  counter: string;
  createdAt: Date;
}

export interface PipelineTableRow {
  pipeline: string;
  tableId: string;
  /** Order in the pipeline file. */
  ordinal: number;
  mapping: TableMapping;
}

export interface RunRow {
  id: string;
  /** Order of creation: two runs may be of one clock tick. */
  seq: string;
  pipeline: string;
  reason: string;
  state: string;
  stages: string[];
  lane: string;
  scope: ValidationScope;
  tables: string[];
  error: string | null;
  createdAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
}

export interface RunEventRow {
  id: string;
  runId: string;
  at: Date;
  type: string;
  tableId: string | null;
  detail: Record<string, unknown>;
}

/** Who leads in a role, and until when by the server's clock. */
export interface LeaseRow {
  role: string;
  holder: string;
  expiresAt: Date;
}

const text = { type: 'text' } as const;
const nullableText = { type: 'text', nullable: true } as const;
const now = { type: 'timestamptz', default: () => 'now()' } as const;
const nullableTime = { type: 'timestamptz', nullable: true } as const;

export const pipelineEntity = new EntitySchema<PipelineRow>({
  name: 'Pipeline',
  schema: CONTROL_SCHEMA,
  tableName: 'pipeline',
  columns: {
    name: { ...text, primary: true },
    paused: { type: 'boolean', default: false },
    streamError: { ...nullableText, name: 'stream_error' },
    identity: { type: 'jsonb', nullable: true },
    gapReason: { ...nullableText, name: 'gap_reason' },
    counter: { type: 'bigint', default: 0 },
    createdAt: { ...now, name: 'created_at' },
  },
});

export const pipelineTableEntity = new EntitySchema<PipelineTableRow>({
  name: 'PipelineTable',
  schema: CONTROL_SCHEMA,
  tableName: 'pipeline_table',
  columns: {
    pipeline: { ...text, primary: true },
    tableId: { ...text, primary: true, name: 'table_id' },
    ordinal: { type: 'int' },
    mapping: { type: 'jsonb' },
  },
});

export const runEntity = new EntitySchema<RunRow>({
  name: 'Run',
  schema: CONTROL_SCHEMA,
  tableName: 'run',
  columns: {
    id: { type: 'uuid', primary: true },
    seq: { type: 'bigint', generated: 'increment' },
    pipeline: text,
    reason: text,
    state: { ...text, default: 'pending' },
    stages: { type: 'jsonb', default: [...RUN_STAGES] },
    lane: { ...text, default: 'load' },
    scope: { type: 'jsonb', default: {} },
    tables: { type: 'jsonb' },
    error: nullableText,
    createdAt: { ...now, name: 'created_at' },
    startedAt: { ...nullableTime, name: 'started_at' },
    finishedAt: { ...nullableTime, name: 'finished_at' },
  },
});

export const runEventEntity = new EntitySchema<RunEventRow>({
  name: 'RunEvent',
  schema: CONTROL_SCHEMA,
  tableName: 'run_event',
  columns: {
    id: { type: 'bigint', primary: true, generated: 'increment' },
    runId: { type: 'uuid', name: 'run_id' },
    at: now,
    type: text,
    tableId: { ...nullableText, name: 'table_id' },
    detail: { type: 'jsonb' },
  },
});

export const leaseEntity = new EntitySchema<LeaseRow>({
  name: 'Lease',
  schema: CONTROL_SCHEMA,
  tableName: 'lease',
  columns: {
    role: { ...text, primary: true },
    holder: text,
    expiresAt: { type: 'timestamptz', name: 'expires_at' },
  },
});

/** All control tables, those shared with the warehouse adapters included: give them to the one DataSource of the warehouse. */
export const controlEntities = [...sharedControlEntities, pipelineEntity, pipelineTableEntity, runEntity, runEventEntity, leaseEntity, ...healingEntities] as const;
