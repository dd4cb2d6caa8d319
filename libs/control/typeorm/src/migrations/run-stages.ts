import { CONTROL_SCHEMA as S } from '@elstream/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Runs may consist of some stages only; those made before had all. */
export class RunStages implements MigrationInterface {
  readonly name = 'RunStages1763900000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE ${S}.run ADD COLUMN stages jsonb NOT NULL DEFAULT '["prepare", "preload", "validate"]'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE ${S}.run DROP COLUMN stages`);
  }
}
