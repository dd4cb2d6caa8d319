import type { PipelineRecord, Run, RunEvent, RunStage, Task } from '@elstream/control';
import type { TaskRow } from '@elstream/database';
import type { PipelineRow, RunEventRow, RunRow } from './entities';

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

/** PostgreSQL text holds no NUL; an error message of a driver may. */
export function storable(message: string): string {
  return message.replaceAll('\0', '\ufffd');
}
