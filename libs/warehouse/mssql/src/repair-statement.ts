import { ruleHolds } from '@elstream/core';
import { written } from './bulk-writes';
import { imageDigest, rowDigest } from './exact-text';
import { BEGIN_COLUMN, greatest, timeOfMicroseconds } from './history/archive';
import { archiveRows, UNKNOWN_POSITION } from './history/archive-rows';
import { commit, leave, serverTransaction } from './server-transaction';
import { standingText, TRUNCATE_TEXT } from './standing-text';
import { refuseOutdated } from './stored-guard';
import { EPOCH_COLUMN, keyEquals, keyOf, POSITION_COLUMN, POSITION_TYPE, quotedOf, stagedOf, type Target } from './target';
import type { TypedStage } from './typed-stage';

/**
 * R9 in one transaction: every entry is judged from what stands now, under exclusion of batches and fills, then written. A
 * write counts as a touch of the current epoch; it keeps the position of a row or marker that the stream wrote in this
 * epoch and else takes the lowest, so that every event that has not been applied yet is applied over it.
 *
 * `#repair`: one row per key – `expected` (`textOfStanding`), `present` (the source has a row), key and cells; `outcome` and
 * `position` are judged. Parameters: `@pipeline`, `@table`, `@epoch` and `@truncated` (`textOfTruncate`) as read, `@run`, `@until` (hex), `@mapping_hash`, and
 * `@settles`: JSON of `[n, ord, same, id]` – the dead letters of all entries, also of those whose key came before (`ord`;
 * `same`: 1 the entry itself, 0 another row for that key, 2 the same row).
 */
export function repairStage(target: Target): TypedStage {
  return {
    table: REPAIR,
    columns: [
      { name: 'expected', type: 'nvarchar(60)', collation: 'Latin1_General_100_BIN2' },
      { name: 'present', type: 'bit', collation: null },
      { name: 'letter', type: 'uniqueidentifier', collation: null },
      ...target.key.map((c, i) => ({ name: `k${String(i)}`, type: c.type, collation: c.collation })),
      ...target.columns.map((c) => ({ name: c.property, type: c.type, collation: c.collation })),
    ],
    more: `outcome varchar(10) COLLATE Latin1_General_100_BIN2 NULL, position ${POSITION_TYPE} NULL`,
  };
}

const REPAIR = '#repair';

export interface RepairShape {
  readonly lockMs: number;
  readonly pipeline: string;
  /** The repair rests on a run's use. */
  readonly ofRun: boolean;
  readonly settles: boolean;
}

/** Outcomes: `not-live` (with `phase`), `no-use`, `outdated`, `done` with result set `ord, outcome`. */
export function repairStatement(target: Target, shape: RepairShape): string {
  return serverTransaction({
    lockMs: shape.lockMs,
    pipeline: shape.pipeline,
    exclusion: { by: 'switch' },
    tables: [target.mapping.id],
    declare: 'DECLARE @epoch0 int, @phase0 nvarchar(64), @truncated0 nvarchar(160);',
    body: [
      `SELECT @epoch0 = s.epoch, @phase0 = s.phase, @truncated0 = ${TRUNCATE_TEXT} FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = @table;`,
      `IF @phase0 IS NULL OR @phase0 IN (N'new', N'stopped')\n${leave('not-live', '@phase0 AS phase')}`,
      ...(shape.ofRun && ruleHolds('R9-guard') ? [`IF NOT EXISTS (SELECT 1 FROM elstream.open_use AS u WHERE u.pipeline = @pipeline AND u.table_id = @table AND u.run_id = @run)\n${leave('no-use')}`] : []),
      refuseOutdated,
      judge(target),
      ...(shape.settles ? [recordReplays(target)] : []),
      ...writes(target),
      ...(shape.settles ? [beginReplays(target)] : []),
      beginMissing(target),
      `IF EXISTS (SELECT 1 FROM ${REPAIR} WHERE outcome IN ('written', 'deleted'))
UPDATE elstream.table_state SET reread_until = CASE WHEN reread_until >= @until THEN reread_until ELSE @until END, updated_at = @now WHERE pipeline = @pipeline AND table_id = @table;`,
      ...(shape.settles ? [settle, dropUnneededMarkers(target)] : []),
      commit('done'),
      `SELECT s.ord, s.outcome FROM ${REPAIR} AS s ORDER BY s.ord;`,
    ].filter((line) => line !== '').join('\n'),
  });
}

const same = (alias: string, target: Target): string => keyEquals(target.key, quotedOf(alias), keyOf('s'));

function judge(target: Target): string {
  const moved = ruleHolds('R9-guard') ? `@epoch0 <> @epoch OR @truncated0 <> @truncated OR s.expected <> CONVERT(nvarchar(60), ${standingText('t', 'm')}) COLLATE Latin1_General_100_BIN2` : '1 = 0';
  const equal = `s.present = 1 AND t.${EPOCH_COLUMN} IS NOT NULL AND ${rowDigest(target, 't')} = ${imageDigest(target.columns, stagedOf('s'))}`;
  const ours = (alias: string): string => `${alias}.${EPOCH_COLUMN} = @epoch0 AND ${alias}.${POSITION_COLUMN} IS NOT NULL`;
  return `UPDATE s SET outcome = CASE WHEN ${moved} THEN 'moved' WHEN (s.present = 0 AND t.${EPOCH_COLUMN} IS NULL) OR (${equal}) THEN 'unchanged' WHEN s.present = 0 THEN 'deleted' ELSE 'written' END,
       position = CASE WHEN ${ours('t')} THEN t.${POSITION_COLUMN} WHEN t.${EPOCH_COLUMN} IS NULL AND ${ours('m')} THEN m.${POSITION_COLUMN} ELSE 0x END
  FROM ${REPAIR} AS s LEFT JOIN ${target.sql} AS t ON ${same('t', target)} LEFT JOIN ${target.markerSql} AS m ON ${same('m', target)};`;
}

function writes(target: Target): string[] {
  const keys = target.key.map((c) => c.quoted).join(', ');
  const stagedKeys = target.key.map((_, i) => `s.k${String(i)}`).join(', ');
  const sets = [...written(target).map((c) => `t.${c.quoted} = s.${c.property}`), `t.${EPOCH_COLUMN} = @epoch0`, `t.${POSITION_COLUMN} = s.position`];
  return [
    `DELETE t FROM ${target.sql} AS t JOIN ${REPAIR} AS s ON ${same('t', target)} WHERE s.outcome = 'deleted';`,
    // Always: nothing but the marker keeps a fill, or an event older than the repaired state, from bringing the row back.
    `UPDATE m SET m.${EPOCH_COLUMN} = @epoch0, m.${POSITION_COLUMN} = s.position FROM ${target.markerSql} AS m JOIN ${REPAIR} AS s ON ${same('m', target)} WHERE s.outcome = 'deleted';`,
    `INSERT INTO ${target.markerSql} (${keys}, ${EPOCH_COLUMN}, ${POSITION_COLUMN}) SELECT ${stagedKeys}, @epoch0, s.position FROM ${REPAIR} AS s
 WHERE s.outcome = 'deleted' AND NOT EXISTS (SELECT 1 FROM ${target.markerSql} AS m WHERE ${same('m', target)});`,
    `UPDATE t SET ${sets.join(', ')} FROM ${target.sql} AS t JOIN ${REPAIR} AS s ON ${same('t', target)} WHERE s.outcome = 'written';`,
    `INSERT INTO ${target.sql} (${target.columns.map((c) => c.quoted).join(', ')}, ${EPOCH_COLUMN}, ${POSITION_COLUMN}) SELECT ${target.columns.map(stagedOf('s')).join(', ')}, @epoch0, s.position FROM ${REPAIR} AS s
 WHERE s.outcome = 'written' AND NOT EXISTS (SELECT 1 FROM ${target.sql} AS t WHERE ${same('t', target)});`,
    `DELETE m FROM ${target.markerSql} AS m JOIN ${REPAIR} AS s ON ${same('m', target)} WHERE s.outcome = 'written';`,
  ];
}

/** Parked changes of single rows whose replay changes the row. Locked: nobody else settles them meanwhile. */
const REPLAYED = `JOIN elstream.dead_letter AS d WITH (UPDLOCK) ON d.id = s.letter AND d.pipeline = @pipeline AND d.state = N'parked' AND d.committed_at_us IS NOT NULL AND d.op IN (N'insert', N'update', N'delete')`;

/**
 * Before the row is replaced or deleted: it becomes one approximate version, since its successor is what the source holds
 * now and not the dead letter's image. Repairs leave no version, but a dead letter is a change that history would lack (R13).
 */
function recordReplays(target: Target): string {
  const { archive } = target;
  if (archive?.kind !== 'derived') return '';
  const end = { at: timeOfMicroseconds('d.committed_at_us'), deleted: `CASE WHEN s.outcome = 'deleted' THEN 1 ELSE 0 END`, approximate: '1', position: UNKNOWN_POSITION };
  return `${archiveRows(target, archive, end)} FROM ${target.sql} AS t JOIN ${REPAIR} AS s ON ${same('t', target)} ${REPLAYED}
 WHERE s.outcome IN ('written', 'deleted') AND d.op <> N'insert';`;
}

/** After the row is written: it begins where `recordReplays` ended the one before. */
function beginReplays(target: Target): string {
  if (!target.keepsBegin) return '';
  return `UPDATE t SET t.${BEGIN_COLUMN} = ${greatest(timeOfMicroseconds('d.committed_at_us'), `t.${BEGIN_COLUMN}`)}
  FROM ${target.sql} AS t JOIN ${REPAIR} AS s ON ${same('t', target)} ${REPLAYED} WHERE s.outcome = 'written';`;
}

/** A row that was brought back has no begin; it is there since the end of what is known of its key. */
function beginMissing(target: Target): string {
  const { archive } = target;
  if (archive === null || !target.keepsBegin) return '';
  return `UPDATE t SET t.${BEGIN_COLUMN} = (SELECT MAX(h.${archive.to.quoted}) FROM ${archive.sql} AS h WHERE ${keyEquals(target.key, quotedOf('h'), quotedOf('t'))})
  FROM ${target.sql} AS t JOIN ${REPAIR} AS s ON ${same('t', target)} WHERE s.outcome = 'written' AND t.${BEGIN_COLUMN} IS NULL;`;
}

/** Dead letters all of whose entries have been repaired, or found right, end. The first of the entries says how. */
const settle = `WITH entry AS (
  SELECT j.n, j.id, CASE j.same WHEN 1 THEN s.outcome WHEN 2 THEN CASE s.outcome WHEN 'moved' THEN 'moved' ELSE 'unchanged' END ELSE 'moved' END AS outcome
    FROM OPENJSON(@settles) WITH (n int '$[0]', ord int '$[1]', same int '$[2]', id uniqueidentifier '$[3]') AS j JOIN ${REPAIR} AS s ON s.ord = j.ord),
numbered AS (SELECT e.id, e.outcome, ROW_NUMBER() OVER (PARTITION BY e.id ORDER BY e.n) AS place, MAX(CASE e.outcome WHEN 'moved' THEN 1 ELSE 0 END) OVER (PARTITION BY e.id) AS moved FROM entry AS e)
UPDATE d SET d.state = N'replayed', d.settled_at = @now,
       d.note = CASE e.outcome WHEN 'written' THEN N'the source''s row was written' WHEN 'deleted' THEN N'the source has no such row; it was deleted' ELSE N'nothing had to be written' END
  FROM elstream.dead_letter AS d JOIN numbered AS e ON e.id = d.id AND e.place = 1 AND e.moved = 0 WHERE d.pipeline = @pipeline AND d.state = N'parked';`;

/** Markers go when nothing needs them any more: however many, by one lock of their table, which escalates none. */
export function dropUnneededMarkers(target: Target): string {
  return `IF NOT EXISTS (SELECT 1 FROM elstream.open_use AS u WHERE u.pipeline = @pipeline AND u.table_id = @table)
  AND NOT EXISTS (SELECT 1 FROM elstream.dead_letter AS d WHERE d.pipeline = @pipeline AND d.table_id = @table AND d.state = N'parked')
  AND EXISTS (SELECT 1 FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = @table AND s.phase <> N'preloading')
DELETE m FROM ${target.markerSql} AS m WITH (TABLOCKX);`;
}
