import { CONTROL_SCHEMA as S } from '@elstream/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which process leads in a role (the planner's), and until when. */
export class Leases implements MigrationInterface {
  readonly name = 'Leases1764000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE ${S}.lease (role text PRIMARY KEY, holder text NOT NULL, expires_at timestamptz NOT NULL)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE ${S}.lease`);
  }
}
