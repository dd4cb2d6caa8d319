import type { DeadLetter, PipelineRecord, Run, RunEvent, RunStage, SchemaChangeRecord, Task, ValidationRecord } from '@elstream/control';
import { decodeDeadLetterRow } from '@elstream/core';
import type { TaskRow } from '@elstream/database';
import type { PipelineRow, RunEventRow, RunRow } from './entities';
import type { DeadLetterRow, SchemaChangeRow, ValidationRow } from './healing-entities';

/** Rows of the control tables → the port's values. Counts fit a JS number: nobody copies 2^53 rows in one run. */
export function toPipeline(row: PipelineRow): PipelineRecord {
  return { name: row.name, paused: row.paused, streamError: row.streamError, identity: row.identity, gapReason: row.gapReason };
}

export function toRun(row: RunRow): Run {
  return {
    id: row.id,
    pipeline: row.pipeline,
    reason: row.reason as Run['reason'],
    state: row.state as Run['state'],
    stages: row.stages as RunStage[],
    scope: row.scope,
    tables: row.tables,
    error: row.error,
    createdAt: row.createdAt,
    startedAt: row.startedAt,
    finishedAt: row.finishedAt,
  };
}

export function toTask(row: TaskRow): Task {
  return {
    id: row.id,
    runId: row.runId,
    pipeline: row.pipeline,
    kind: row.kind as Task['kind'],
    table: row.tableId,
    state: row.state as Task['state'],
    attempt: row.attempt,
    epoch: row.epoch,
    payload: row.payload,
    result: row.result,
    rows: Number(row.rows),
    error: row.error,
  };
}

export function toEvent(row: RunEventRow): RunEvent {
  return { id: Number(row.id), runId: row.runId, at: row.at, type: row.type, table: row.tableId, detail: row.detail };
}

export function toDeadLetter(row: DeadLetterRow): DeadLetter {
  return {
    id: row.id,
    pipeline: row.pipeline,
    table: row.tableId,
    state: row.state as DeadLetter['state'],
    origin: row.origin as DeadLetter['origin'],
    op: row.op as DeadLetter['op'],
    key: row.key,
    oldKey: row.oldKey,
    row: row.row === null ? null : decodeDeadLetterRow(row.row),
    bytes: row.bytes,
    code: row.code,
    reason: row.reason,
    position: row.position,
    committedAt: row.committedAtUs === null ? null : new Date(Number(BigInt(row.committedAtUs) / 1000n)),
    parkedAt: row.parkedAt,
    settledAt: row.settledAt,
    note: row.note,
    replays: row.replays,
  };
}

export function toSchemaChange(row: SchemaChangeRow): SchemaChangeRecord {
  return { id: row.id, pipeline: row.pipeline, table: row.tableId, state: row.state as SchemaChangeRecord['state'], change: row.change, noticedAt: row.noticedAt, decidedAt: row.decidedAt };
}

export function toValidation(row: ValidationRow): ValidationRecord {
  return {
    pipeline: row.pipeline,
    table: row.tableId,
    runId: row.runId,
    scope: row.scope,
    position: row.position,
    rowsCompared: Number(row.rowsCompared),
    confirmedEqual: Number(row.confirmedEqual),
    unverified: Number(row.unverified),
    differences: Number(row.differences),
    finishedAt: row.finishedAt,
  };
}

/** PostgreSQL text holds no NUL; an error message of a driver may. */
export function storable(message: string): string {
  return message.replaceAll('\0', '\ufffd');
}
