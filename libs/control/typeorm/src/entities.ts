import { RUN_STAGES, type ValidationScope } from '@elstream/control';
import { CONTROL_SCHEMA, controlColumns, sharedControlEntitiesFor, type ControlColumns } from '@elstream/database';
import type { Product, SourceIdentity, TableMapping } from '@elstream/core';
import { EntitySchema } from 'typeorm';
import { healingEntitiesFor } from './healing-entities';

/** Rows as TypeORM gives them: bigint as text, times as Date. */
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

function pipeline({ text, longText, boolean, json, bigint, now }: ControlColumns): EntitySchema<PipelineRow> {
  return new EntitySchema<PipelineRow>({
    name: 'Pipeline',
    schema: CONTROL_SCHEMA,
    tableName: 'pipeline',
    columns: {
      name: { ...text, primary: true },
      paused: { ...boolean, default: false },
      streamError: { ...longText, nullable: true, name: 'stream_error' },
      identity: { ...json, nullable: true },
      gapReason: { ...longText, nullable: true, name: 'gap_reason' },
      counter: { ...bigint, default: 0 },
      createdAt: { ...now, name: 'created_at' },
    },
  });
}

function pipelineTable({ text, int, json }: ControlColumns): EntitySchema<PipelineTableRow> {
  return new EntitySchema<PipelineTableRow>({
    name: 'PipelineTable',
    schema: CONTROL_SCHEMA,
    tableName: 'pipeline_table',
    columns: {
      pipeline: { ...text, primary: true },
      tableId: { ...text, primary: true, name: 'table_id' },
      ordinal: int,
      mapping: json,
    },
  });
}

function run({ text, longText, bigint, uuid, json, time, now }: ControlColumns): EntitySchema<RunRow> {
  return new EntitySchema<RunRow>({
    name: 'Run',
    schema: CONTROL_SCHEMA,
    tableName: 'run',
    columns: {
      id: { ...uuid, primary: true },
      seq: { ...bigint, generated: 'increment' },
      pipeline: text,
      reason: text,
      state: { ...text, default: 'pending' },
      stages: { ...json, default: [...RUN_STAGES] },
      lane: { ...text, default: 'load' },
      scope: { ...json, default: {} },
      tables: json,
      error: { ...longText, nullable: true },
      createdAt: { ...now, name: 'created_at' },
      startedAt: { ...time, nullable: true, name: 'started_at' },
      finishedAt: { ...time, nullable: true, name: 'finished_at' },
    },
  });
}

function runEvent({ text, bigint, uuid, json, now }: ControlColumns): EntitySchema<RunEventRow> {
  return new EntitySchema<RunEventRow>({
    name: 'RunEvent',
    schema: CONTROL_SCHEMA,
    tableName: 'run_event',
    columns: {
      id: { ...bigint, primary: true, generated: 'increment' },
      runId: { ...uuid, name: 'run_id' },
      at: now,
      type: text,
      tableId: { ...text, nullable: true, name: 'table_id' },
      detail: json,
    },
  });
}

function lease({ text, time }: ControlColumns): EntitySchema<LeaseRow> {
  return new EntitySchema<LeaseRow>({
    name: 'Lease',
    schema: CONTROL_SCHEMA,
    tableName: 'lease',
    columns: {
      role: { ...text, primary: true },
      holder: text,
      expiresAt: { ...time, name: 'expires_at' },
    },
  });
}

const ownEntitiesFor = (columns: ControlColumns) => [pipeline(columns), pipelineTable(columns), run(columns), runEvent(columns), lease(columns)] as const;

/** All control tables as they are in a product, those shared with the warehouse adapters included: give them to the one DataSource of the warehouse. */
export function controlEntitiesFor(product: Product) {
  const columns = controlColumns[product];
  return [...sharedControlEntitiesFor(product), ...ownEntitiesFor(columns), ...healingEntitiesFor(columns)] as const;
}

/** PostgreSQL's. */
export const controlEntities = controlEntitiesFor('postgres');

/** For queries on a DataSource of any product: TypeORM looks entities up by name. */
export const [pipelineEntity, pipelineTableEntity, runEntity, runEventEntity, leaseEntity] = ownEntitiesFor(controlColumns.postgres);
