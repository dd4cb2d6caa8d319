import { CONTROL_SCHEMA as S } from '@elstream/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { loadHistoryStatements } from './load-history';

/** Partitions are named by text: a Kafka topic-partition is `<topic>-<number>`, the one log of a direct stream stays `0`. */
export class TextPartitions implements MigrationInterface {
  readonly name = 'TextPartitions1764400000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP VIEW ${S}.load_history`);
    await runner.query(`ALTER TABLE ${S}.checkpoint ALTER COLUMN partition TYPE text USING partition::text`);
    for (const statement of loadHistoryStatements(CHECKPOINTS_OF_TABLE)) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP VIEW ${S}.load_history`);
    await runner.query(`ALTER TABLE ${S}.checkpoint ALTER COLUMN partition TYPE int USING partition::int`);
    for (const statement of loadHistoryStatements()) await runner.query(statement);
  }
}

/** A topic has its table's name at its end, in the characters that Kafka allows: there are very many partitions, of all tables. */
const CHECKPOINTS_OF_TABLE = {
  where: `AND (partition = '0' OR starts_with(reverse(regexp_replace(partition, '-[0-9]+$', '')), reverse('.' || regexp_replace(t.id, '[^A-Za-z0-9._-]', '_', 'g'))))`,
  order: 'length(partition), partition',
};
