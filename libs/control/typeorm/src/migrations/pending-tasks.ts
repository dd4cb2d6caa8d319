import { CONTROL_SCHEMA as S } from '@elstream/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Finds the first pending tasks of each kind of a run without reading the others: a run may have very many chunks. */
export class PendingTasks implements MigrationInterface {
  readonly name = 'PendingTasks1764000100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE INDEX task_pending ON ${S}.task (run_id, kind, ordinal) WHERE state = 'pending'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX ${S}.task_pending`);
  }
}
