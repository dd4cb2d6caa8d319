import { CONTROL_SCHEMA as S } from '@elstream/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Validation records, uses of markers, dead letters, history to be fetched, schema changes; lanes of runs. */
export class Healing implements MigrationInterface {
  readonly name = 'Healing1764200000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['validation', 'schema_change', 'history_due', 'dead_letter', 'open_use']) await runner.query(`DROP TABLE ${S}.${table}`);
    await runner.query(`DROP INDEX ${S}.run_active`);
    await runner.query(`ALTER TABLE ${S}.run DROP COLUMN lane, DROP COLUMN scope`);
    await runner.query(`ALTER TABLE ${S}.table_state DROP COLUMN stale, DROP COLUMN mixed_epoch, ADD COLUMN open_uses int NOT NULL DEFAULT 0`);
    await runner.query(`CREATE UNIQUE INDEX run_active ON ${S}.run (pipeline) WHERE state IN ('pending', 'running')`);
  }
}

const statements = [
  // A use is a row, not a number: the one of a process that died can be told by its run, and ended.
  `CREATE TABLE ${S}.open_use (
    pipeline text NOT NULL,
    table_id text NOT NULL,
    run_id uuid NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (pipeline, table_id, run_id))`,
  `ALTER TABLE ${S}.table_state DROP COLUMN open_uses, ADD COLUMN stale text, ADD COLUMN mixed_epoch int`,
  `CREATE TABLE ${S}.dead_letter (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    pipeline text NOT NULL,
    table_id text NOT NULL,
    state text NOT NULL DEFAULT 'parked' CHECK (state IN ('parked', 'replayed', 'discarded')),
    origin text NOT NULL,
    op text NOT NULL,
    key jsonb,
    old_key jsonb,
    row jsonb,
    bytes bytea NOT NULL,
    code text NOT NULL,
    reason text NOT NULL,
    position text,
    committed_at_us bigint,
    epoch int NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz,
    note text,
    replays int NOT NULL DEFAULT 0)`,
  `CREATE INDEX dead_letter_parked ON ${S}.dead_letter (pipeline, table_id, code) WHERE state = 'parked'`,
  `CREATE INDEX dead_letter_newest ON ${S}.dead_letter (pipeline, seq DESC)`,
  `CREATE TABLE ${S}.history_due (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pipeline text NOT NULL,
    table_id text NOT NULL,
    key jsonb)`,
  `CREATE INDEX history_due_pipeline ON ${S}.history_due (pipeline, id)`,
  `CREATE TABLE ${S}.schema_change (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    pipeline text NOT NULL,
    table_id text NOT NULL,
    state text NOT NULL CHECK (state IN ('followed', 'proposed', 'accepted', 'declined', 'obsolete')),
    change jsonb NOT NULL,
    noticed_at timestamptz NOT NULL DEFAULT now(),
    decided_at timestamptz)`,
  `CREATE INDEX schema_change_table ON ${S}.schema_change (pipeline, table_id, seq DESC)`,
  `CREATE TABLE ${S}.validation (
    pipeline text NOT NULL,
    table_id text NOT NULL,
    run_id uuid NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    scope text NOT NULL,
    position text NOT NULL,
    rows_compared bigint NOT NULL,
    confirmed_equal bigint NOT NULL,
    unverified bigint NOT NULL,
    differences bigint NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (pipeline, table_id, run_id))`,
  `CREATE INDEX validation_newest ON ${S}.validation (pipeline, table_id, seq DESC)`,
  `ALTER TABLE ${S}.run ADD COLUMN scope jsonb NOT NULL DEFAULT '{}', ADD COLUMN lane text NOT NULL DEFAULT 'load'`,
  `UPDATE ${S}.run SET lane = 'validate' WHERE NOT stages ? 'preload'`,
  `DROP INDEX ${S}.run_active`,
  `CREATE UNIQUE INDEX run_active ON ${S}.run (pipeline, lane) WHERE state IN ('pending', 'running')`,
];
