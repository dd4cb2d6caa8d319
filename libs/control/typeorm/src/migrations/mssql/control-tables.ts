import { CONTROL_SCHEMA as S } from '@elstream/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { loadHistoryView } from './load-history';

/** All control tables on SQL Server at once, with the columns those of PostgreSQL have after their last migration. */
export class MssqlControlTables implements MigrationInterface {
  /** Ends in the timestamp TypeORM orders by; spelled out, since a bundler may rename the class. */
  readonly name = 'MssqlControlTables1764500000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of mssqlControlTables) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP VIEW ${S}.load_history`);
    for (const table of TABLES) await runner.query(`DROP TABLE ${S}.[${table}]`);
  }
}

/** Those that refer to others first. */
const TABLES = ['run_event', 'run', 'pipeline_table', 'pipeline', 'lease', 'validation', 'schema_change', 'history_due', 'dead_letter', 'open_use', 'task', 'table_state', 'checkpoint'] as const;

/**
 * Every text compares bytewise, whatever the database's collation. Names are long enough for what the products allow and
 * short enough for an index: a clustered key holds 900 bytes, any other 1,700.
 */
const text = (length: number | 'max'): string => `nvarchar(${String(length)}) COLLATE Latin1_General_100_BIN2`;
const PIPELINE = text(100);
const TABLE = text(300);
/** `<topic>-<number>`: a topic's name has 249 characters at most. */
const PARTITION = text(262);
/** Position or offset, lower-case hex. */
const HEX = text(128);
const WORD = text(64);
/** JSON, or words of any length. */
const LONG = text('max');
const TIME = 'datetimeoffset(7)';
/** By the server's clock, in UTC. */
const NOW = 'DEFAULT SYSUTCDATETIME()';

/**
 * `checkpoint` (in brackets: a reserved word), `table_state` and `task` have no foreign keys: warehouse adapters write them
 * inside the hot transactions, which must not take locks on `run` or `pipeline` as well.
 */
export const mssqlControlTables: readonly string[] = [
  `CREATE TABLE ${S}.[checkpoint] (
    pipeline ${PIPELINE} NOT NULL,
    [partition] ${PARTITION} NOT NULL,
    generation int NOT NULL,
    next_offset ${HEX} NOT NULL,
    highest ${HEX} NULL,
    events_applied bigint NOT NULL CONSTRAINT checkpoint_events_applied_default DEFAULT 0,
    counter bigint NULL,
    committed_at_us bigint NULL,
    applied_at ${TIME} NOT NULL CONSTRAINT checkpoint_applied_at_default ${NOW},
    CONSTRAINT checkpoint_key PRIMARY KEY CLUSTERED (pipeline, [partition]))`,
  `CREATE TABLE ${S}.table_state (
    pipeline ${PIPELINE} NOT NULL,
    table_id ${TABLE} NOT NULL,
    epoch int NOT NULL CONSTRAINT table_state_epoch_default DEFAULT 0,
    phase ${WORD} NOT NULL CONSTRAINT table_state_phase_default DEFAULT N'new',
    run_id uniqueidentifier NULL,
    truncate_epoch int NULL,
    truncate_position ${HEX} NULL,
    live_at ${HEX} NULL,
    reread_until ${HEX} NULL,
    mixed_epoch int NULL,
    rows_preloaded bigint NOT NULL CONSTRAINT table_state_rows_preloaded_default DEFAULT 0,
    events_applied bigint NOT NULL CONSTRAINT table_state_events_applied_default DEFAULT 0,
    stale ${LONG} NULL,
    error ${LONG} NULL,
    updated_at ${TIME} NOT NULL CONSTRAINT table_state_updated_at_default ${NOW},
    CONSTRAINT table_state_key PRIMARY KEY CLUSTERED (pipeline, table_id))`,
  `CREATE TABLE ${S}.task (
    id uniqueidentifier NOT NULL CONSTRAINT task_key PRIMARY KEY CLUSTERED,
    run_id uniqueidentifier NOT NULL,
    pipeline ${PIPELINE} NOT NULL,
    table_id ${TABLE} NULL,
    kind ${WORD} NOT NULL,
    state ${WORD} NOT NULL CONSTRAINT task_state_default DEFAULT N'pending'
      CONSTRAINT task_state_known CHECK (state IN (N'pending', N'running', N'done', N'failed', N'cancelled')),
    attempt int NOT NULL CONSTRAINT task_attempt_default DEFAULT 0,
    epoch int NULL,
    ordinal int NOT NULL,
    payload ${LONG} NOT NULL,
    result ${LONG} NULL,
    [rows] bigint NOT NULL CONSTRAINT task_rows_default DEFAULT 0,
    worker ${text(400)} NULL,
    error ${LONG} NULL,
    created_at ${TIME} NOT NULL CONSTRAINT task_created_at_default ${NOW},
    started_at ${TIME} NULL,
    renewed_at ${TIME} NULL,
    finished_at ${TIME} NULL)`,
  // Covers what the planner counts: a reader that went on to the rows, while a worker goes from its row to the index, would be a deadlock.
  `CREATE INDEX task_run ON ${S}.task (run_id, kind, state) INCLUDE (table_id, ordinal, [rows])`,
  // No column of it is ever changed: whoever adds tasks learns what there is, and waits for no chunk in work.
  `CREATE INDEX task_order ON ${S}.task (run_id, ordinal) INCLUDE (kind, table_id)`,
  `CREATE INDEX task_unfinished ON ${S}.task (state, created_at, ordinal) WHERE state IN (N'pending', N'running')`,
  `CREATE INDEX task_pending ON ${S}.task (run_id, kind, ordinal) WHERE state = N'pending'`,
  `CREATE TABLE ${S}.open_use (
    pipeline ${PIPELINE} NOT NULL,
    table_id ${TABLE} NOT NULL,
    run_id uniqueidentifier NOT NULL,
    opened_at ${TIME} NOT NULL CONSTRAINT open_use_opened_at_default ${NOW},
    CONSTRAINT open_use_key PRIMARY KEY CLUSTERED (pipeline, table_id, run_id))`,
  `CREATE TABLE ${S}.dead_letter (
    id uniqueidentifier NOT NULL CONSTRAINT dead_letter_id_default DEFAULT NEWID() CONSTRAINT dead_letter_key PRIMARY KEY NONCLUSTERED,
    seq bigint IDENTITY(1, 1) NOT NULL CONSTRAINT dead_letter_seq UNIQUE CLUSTERED,
    pipeline ${PIPELINE} NOT NULL,
    table_id ${TABLE} NOT NULL,
    state ${WORD} NOT NULL CONSTRAINT dead_letter_state_default DEFAULT N'parked'
      CONSTRAINT dead_letter_state_known CHECK (state IN (N'parked', N'replayed', N'discarded')),
    origin ${WORD} NOT NULL,
    op ${WORD} NOT NULL,
    [key] ${LONG} NULL,
    old_key ${LONG} NULL,
    [row] ${LONG} NULL,
    bytes varbinary(max) NOT NULL,
    code ${text(100)} NOT NULL,
    reason ${LONG} NOT NULL,
    position ${HEX} NULL,
    committed_at_us bigint NULL,
    epoch int NOT NULL,
    parked_at ${TIME} NOT NULL CONSTRAINT dead_letter_parked_at_default ${NOW},
    settled_at ${TIME} NULL,
    note ${LONG} NULL,
    replays int NOT NULL CONSTRAINT dead_letter_replays_default DEFAULT 0)`,
  `CREATE INDEX dead_letter_parked ON ${S}.dead_letter (pipeline, table_id, code) WHERE state = N'parked'`,
  `CREATE INDEX dead_letter_newest ON ${S}.dead_letter (pipeline, seq DESC)`,
  `CREATE TABLE ${S}.history_due (
    id bigint IDENTITY(1, 1) NOT NULL CONSTRAINT history_due_key PRIMARY KEY CLUSTERED,
    pipeline ${PIPELINE} NOT NULL,
    table_id ${TABLE} NOT NULL,
    [key] ${LONG} NULL)`,
  `CREATE INDEX history_due_pipeline ON ${S}.history_due (pipeline, id)`,
  `CREATE TABLE ${S}.schema_change (
    id uniqueidentifier NOT NULL CONSTRAINT schema_change_id_default DEFAULT NEWID() CONSTRAINT schema_change_key PRIMARY KEY NONCLUSTERED,
    seq bigint IDENTITY(1, 1) NOT NULL CONSTRAINT schema_change_seq UNIQUE CLUSTERED,
    pipeline ${PIPELINE} NOT NULL,
    table_id ${TABLE} NOT NULL,
    state ${WORD} NOT NULL CONSTRAINT schema_change_state_known CHECK (state IN (N'followed', N'proposed', N'accepted', N'declined', N'obsolete')),
    change ${LONG} NOT NULL,
    noticed_at ${TIME} NOT NULL CONSTRAINT schema_change_noticed_at_default ${NOW},
    decided_at ${TIME} NULL)`,
  `CREATE INDEX schema_change_table ON ${S}.schema_change (pipeline, table_id, seq DESC)`,
  `CREATE TABLE ${S}.validation (
    pipeline ${PIPELINE} NOT NULL,
    table_id ${TABLE} NOT NULL,
    run_id uniqueidentifier NOT NULL,
    seq bigint IDENTITY(1, 1) NOT NULL,
    scope ${WORD} NOT NULL,
    position ${HEX} NOT NULL,
    rows_compared bigint NOT NULL,
    confirmed_equal bigint NOT NULL,
    unverified bigint NOT NULL,
    differences bigint NOT NULL,
    finished_at ${TIME} NOT NULL CONSTRAINT validation_finished_at_default ${NOW},
    CONSTRAINT validation_key PRIMARY KEY CLUSTERED (pipeline, table_id, run_id))`,
  `CREATE INDEX validation_newest ON ${S}.validation (pipeline, table_id, seq DESC)`,
  `CREATE TABLE ${S}.lease (
    role ${text(200)} NOT NULL CONSTRAINT lease_key PRIMARY KEY CLUSTERED,
    holder ${text(400)} NOT NULL,
    expires_at ${TIME} NOT NULL)`,
  `CREATE TABLE ${S}.pipeline (
    name ${PIPELINE} NOT NULL CONSTRAINT pipeline_key PRIMARY KEY CLUSTERED,
    paused bit NOT NULL CONSTRAINT pipeline_paused_default DEFAULT 0,
    stream_error ${LONG} NULL,
    [identity] ${LONG} NULL,
    gap_reason ${LONG} NULL,
    counter bigint NOT NULL CONSTRAINT pipeline_counter_default DEFAULT 0,
    created_at ${TIME} NOT NULL CONSTRAINT pipeline_created_at_default ${NOW})`,
  `CREATE TABLE ${S}.pipeline_table (
    pipeline ${PIPELINE} NOT NULL CONSTRAINT pipeline_table_pipeline REFERENCES ${S}.pipeline (name) ON DELETE CASCADE,
    table_id ${TABLE} NOT NULL,
    ordinal int NOT NULL,
    mapping ${LONG} NOT NULL,
    CONSTRAINT pipeline_table_key PRIMARY KEY CLUSTERED (pipeline, table_id))`,
  `CREATE TABLE ${S}.run (
    id uniqueidentifier NOT NULL CONSTRAINT run_key PRIMARY KEY CLUSTERED,
    seq bigint IDENTITY(1, 1) NOT NULL CONSTRAINT run_seq UNIQUE NONCLUSTERED,
    pipeline ${PIPELINE} NOT NULL CONSTRAINT run_pipeline REFERENCES ${S}.pipeline (name) ON DELETE CASCADE,
    reason ${WORD} NOT NULL,
    state ${WORD} NOT NULL CONSTRAINT run_state_default DEFAULT N'pending'
      CONSTRAINT run_state_known CHECK (state IN (N'pending', N'running', N'succeeded', N'failed', N'cancelled')),
    stages ${LONG} NOT NULL CONSTRAINT run_stages_default DEFAULT N'["prepare","preload","validate"]',
    lane ${WORD} NOT NULL CONSTRAINT run_lane_default DEFAULT N'load',
    scope ${LONG} NOT NULL CONSTRAINT run_scope_default DEFAULT N'{}',
    tables ${LONG} NOT NULL,
    error ${LONG} NULL,
    created_at ${TIME} NOT NULL CONSTRAINT run_created_at_default ${NOW},
    started_at ${TIME} NULL,
    finished_at ${TIME} NULL)`,
  // One active run per pipeline and lane, whatever two gateways do at once.
  `CREATE UNIQUE INDEX run_active ON ${S}.run (pipeline, lane) WHERE state IN (N'pending', N'running')`,
  // Without it the cascade from a pipeline would read all runs, and wait for those of other pipelines.
  `CREATE INDEX run_of_pipeline ON ${S}.run (pipeline, seq DESC)`,
  `CREATE TABLE ${S}.run_event (
    id bigint IDENTITY(1, 1) NOT NULL CONSTRAINT run_event_key PRIMARY KEY CLUSTERED,
    run_id uniqueidentifier NOT NULL CONSTRAINT run_event_run REFERENCES ${S}.run (id) ON DELETE CASCADE,
    at ${TIME} NOT NULL CONSTRAINT run_event_at_default ${NOW},
    type ${WORD} NOT NULL,
    table_id ${TABLE} NULL,
    detail ${LONG} NOT NULL)`,
  `CREATE INDEX run_event_of_run ON ${S}.run_event (run_id, id)`,
  loadHistoryView(),
];
