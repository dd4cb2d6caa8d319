import { ruleHolds, type Checkpoint } from '@elstream/core';
import { t, type TSql } from '@elstream/database';
import { checkpointOf, lockedStateOf, tableStateOf, type CheckpointLine, type LockedState, type StateRow, type TableState } from '@elstream/warehouse';

/** What a server-side transaction knows of a table's state, in variables with the table's number at their end (`@epoch0`). */
const STATE = {
  /** NULL: the table has no state. */
  epoch: ['int', () => 's.epoch'],
  phase: ['nvarchar(64)', () => 's.phase'],
  run: ['uniqueidentifier', () => 's.run_id'],
  /** 1: deletes leave markers (R5). */
  uses: ['bit', () => OPEN_USES()],
  /** Position of a truncate in this epoch, else NULL; in hex, see `hexOf`. */
  truncated: ['nvarchar(128)', () => 'CASE WHEN s.truncate_epoch = s.epoch THEN s.truncate_position END'],
  /** `reread_until`, in hex. */
  until: ['nvarchar(128)', () => 's.reread_until'],
  /** 1: it takes events. */
  active: ['bit', () => "CASE WHEN s.epoch > 0 AND s.phase NOT IN (N'new', N'stopped') THEN 1 ELSE 0 END"],
  /** See `TableStanding`. */
  token: ['nvarchar(max)', () => TOKEN],
} as const satisfies Record<string, readonly [type: string, value: () => string]>;

export type StateName = keyof typeof STATE;

export function stateVariables(n: number, names: readonly StateName[]): string {
  return `DECLARE ${names.map((name) => `@${name}${String(n)} ${STATE[name][0]}`).join(', ')};`;
}

/** Reads the state, after the locks: never from a cache (R5). `table`: T-SQL of the table's id; `@pipeline` is bound. */
export function readState(n: number, table: string, names: readonly StateName[]): string {
  return `SELECT ${names.map((name) => `@${name}${String(n)} = ${STATE[name][1]()}`).join(',\n       ')}
  FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = ${table};`;
}

/** A position in bytes as the control tables have it, for comparing with them: bytewise, as the position itself. */
export function hexOf(position: string): string {
  return `LOWER(CONVERT(nvarchar(64), ${position}, 2)) COLLATE Latin1_General_100_BIN2`;
}

/** A use (R5) is an open validation or repair, or a dead letter that is parked. Of `elstream.table_state AS s`. */
const OPEN_USES = (): string => `CASE WHEN ${ruleHolds('R9-markers') ? 'EXISTS (SELECT 1 FROM elstream.open_use AS u WHERE u.pipeline = s.pipeline AND u.table_id = s.table_id)' : '1 = 0'}
         OR EXISTS (SELECT 1 FROM elstream.dead_letter AS d WHERE d.pipeline = s.pipeline AND d.table_id = s.table_id AND d.state = N'parked') THEN 1 ELSE 0 END`;

/** All that decisions about events are made from; two equal ones lead to equal decisions. */
const TOKEN = `CONCAT(s.epoch, N' ', s.phase, N' ', s.truncate_epoch, N' ', s.truncate_position, N' ', s.reread_until, N' ', s.mixed_epoch)`;

/** A state read *before* a transaction: what was concluded from it holds in one that finds the same token (`@token0`). */
export interface TableStanding extends LockedState {
  readonly token: string;
}

type StandingRow = StateRow & Pick<TableStanding, 'token'>;

async function readStateRows(sql: TSql, pipeline: string, tables: readonly string[] | null): Promise<StandingRow[]> {
  return sql.rows<StandingRow>(statesSql(), { pipeline: t.nvarchar(pipeline, 100), tables: t.nvarchar(tables === null ? null : JSON.stringify(tables)) });
}

/** `@tables`: ids as JSON, NULL for all. */
export const statesSql = (): string => `SELECT s.table_id, s.epoch, s.phase, LOWER(CONVERT(nvarchar(36), s.run_id)) AS run_id, s.truncate_epoch, s.truncate_position, s.live_at, s.reread_until, s.mixed_epoch,
       CONVERT(nvarchar(20), s.rows_preloaded) AS rows_preloaded, CONVERT(nvarchar(20), s.events_applied) AS events_applied, s.stale, s.error, ${OPEN_USES()} AS open_uses, ${TOKEN} AS token
  FROM elstream.table_state AS s
 WHERE s.pipeline = @pipeline AND (@tables IS NULL OR s.table_id IN (SELECT j.[value] COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@tables) AS j))
 ORDER BY s.table_id`;

export async function readStandings(sql: TSql, pipeline: string, tables: readonly string[]): Promise<Map<string, TableStanding>> {
  const rows = await readStateRows(sql, pipeline, tables);
  return new Map(rows.map((row) => [row.table_id, { ...lockedStateOf(row), token: row.token }]));
}

export async function readTableStates(sql: TSql, pipeline: string): Promise<TableState[]> {
  return (await readStateRows(sql, pipeline, null)).map(tableStateOf);
}

export async function readCheckpoint(sql: TSql, pipeline: string, partition: string): Promise<Checkpoint | null> {
  return (await readCheckpointRows(sql, pipeline, partition))[0] ?? null;
}

/** In one statement, which holds what it has read until its end: all of one moment. */
export async function readCheckpoints(sql: TSql, pipeline: string): Promise<Checkpoint[]> {
  return readCheckpointRows(sql, pipeline, null);
}

/** `@partition`: NULL for all. LEN does not count blanks at the end, which no partition's name has. */
export const checkpointsSql = `SELECT c.[partition], c.generation, c.next_offset, c.highest, CONVERT(nvarchar(20), c.counter) AS counter, CONVERT(nvarchar(20), c.committed_at_us) AS committed_at_us
  FROM elstream.[checkpoint] AS c WITH (HOLDLOCK) WHERE c.pipeline = @pipeline AND (@partition IS NULL OR c.[partition] = @partition) ORDER BY LEN(c.[partition]), c.[partition]`;

async function readCheckpointRows(sql: TSql, pipeline: string, partition: string | null): Promise<Checkpoint[]> {
  const rows = await sql.rows<CheckpointLine>(checkpointsSql, { pipeline: t.nvarchar(pipeline, 100), partition: t.nvarchar(partition, 262) });
  return rows.map((row) => checkpointOf(pipeline, row));
}
