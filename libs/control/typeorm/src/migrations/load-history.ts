import { CONTROL_SCHEMA as S } from '@elstream/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The view `load_history`: what was loaded and validated when, for people in a SQL client. */
export class LoadHistory implements MigrationInterface {
  readonly name = 'LoadHistory1764300000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of loadHistoryStatements()) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP VIEW ${S}.load_history`);
  }
}

/** Which checkpoints tell of table `t`, and their order. */
interface CheckpointsOfTable {
  readonly where: string;
  readonly order: string;
}

/** For later migrations too, which change what the view stands on. */
export const loadHistoryStatements = (checkpoints: CheckpointsOfTable = { where: '', order: 'partition' }): readonly string[] => [
  // What the stream has applied is known as of now only, so it stands in the row of each table's newest run.
  `CREATE VIEW ${S}.load_history AS
   SELECT r.pipeline, t.id AS table_name, coalesce(r.started_at, r.created_at) AS load_date, r.reason,
          CASE WHEN n.newest THEN c.last_message END AS last_message,
          CASE WHEN coalesce(k.validated, false) OR r.state = 'succeeded' THEN 'Successful' WHEN r.state = 'failed' THEN 'Failed' WHEN r.state = 'cancelled' THEN 'Cancelled' ELSE 'Initial' END AS status,
          coalesce(k.preloaded, false) AS preloaded,
          CASE WHEN n.newest THEN s.rows_preloaded END AS rows_preloaded,
          coalesce(v.position, k.live_at) AS ending_offset,
          CASE WHEN n.newest THEN c.next_offset END AS next_offset,
          v.differences = 0 AND v.unverified = 0 AS validated,
          v.finished_at AS validated_date,
          CASE WHEN n.newest THEN s.phase END AS phase,
          coalesce(CASE WHEN n.newest THEN s.error END, r.error) AS error,
          r.id AS run_id
     FROM ${S}.run AS r
    CROSS JOIN LATERAL jsonb_array_elements_text(r.tables) AS t(id)
    CROSS JOIN LATERAL (
      SELECT NOT EXISTS (SELECT FROM ${S}.run AS later WHERE later.pipeline = r.pipeline AND later.seq > r.seq AND later.tables ? t.id) AS newest) AS n
     LEFT JOIN LATERAL (
      SELECT bool_or(kind = 'finish-table') AS preloaded, bool_or(kind = 'finish-validation') AS validated, max(result ->> 'liveAt') AS live_at
        FROM ${S}.task WHERE run_id = r.id AND table_id = t.id AND kind IN ('finish-table', 'finish-validation') AND state = 'done') AS k ON true
     LEFT JOIN ${S}.table_state AS s ON s.pipeline = r.pipeline AND s.table_id = t.id
     LEFT JOIN LATERAL (
      SELECT timestamptz 'epoch' + max(committed_at_us) * interval '1 microsecond' AS last_message, string_agg(next_offset, ', ' ORDER BY ${checkpoints.order}) AS next_offset
        FROM ${S}.checkpoint WHERE pipeline = r.pipeline ${checkpoints.where}) AS c ON true
     LEFT JOIN ${S}.validation AS v ON v.pipeline = r.pipeline AND v.table_id = t.id AND v.run_id = r.id`,
  `COMMENT ON VIEW ${S}.load_history IS 'One row per table and run. SELECT * FROM ${S}.load_history ORDER BY table_name, load_date'`,
  ...Object.entries({
    table_name: 'Table of the source',
    load_date: 'When the run began',
    reason: 'Why it was started: initial, manual, schedule, repair, reset, …',
    last_message: 'Newest run of the table: commit time, at the source, of the newest change applied',
    status: 'Initial: begun; Successful, Failed or Cancelled: ended',
    preloaded: 'The run has copied the whole table',
    rows_preloaded: 'Newest run of the table: rows copied by the last preload',
    ending_offset: 'Log position of the source, hex, up to which the row speaks: where its validation began, else where its preload ended',
    next_offset: 'Newest run of the table: where the stream goes on, per partition',
    validated: 'Every row looked at was found equal; NULL: the run has compared none',
    validated_date: 'When that was',
    phase: 'Newest run of the table: new, preloading, catching-up, live or stopped',
    error: 'Why table or run stopped',
  }).map(([column, text]) => `COMMENT ON COLUMN ${S}.load_history.${column} IS '${text}'`),
];
