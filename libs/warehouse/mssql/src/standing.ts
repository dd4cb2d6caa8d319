import { ElstreamError, LogPosition, type Cell, type Standing, type Version } from '@elstream/core';
import { t, type Mssql } from '@elstream/database';
import { truncateOf, type StandingRows, type StateRow, type TableState } from '@elstream/warehouse';
import { selectCells } from './cells';
import { keyList, keysParam } from './keys';
import { commit, leave, runTransaction, serverTransaction } from './server-transaction';
import { EPOCH_COLUMN, POSITION_COLUMN, quotedOf, type Target } from './target';

/** Of epoch and position as a row or marker has them: NULL is of kind *preload*. */
export function versionOf(row: { readonly epoch: number; readonly position: Buffer | null }): Version {
  return row.position === null
    ? { epoch: row.epoch, kind: 'preload', position: LogPosition.ZERO }
    : { epoch: row.epoch, kind: 'stream', position: LogPosition.parse(row.position.toString('hex')) };
}

export function notPrepared(pipeline: string, table: string): ElstreamError {
  return new ElstreamError('TABLE_NOT_PREPARED', 'stop', 'the table has no state in elstream.table_state; start a run to prepare it', { place: { pipeline, table } });
}

type StandingRow = {
  readonly ord: number;
  readonly row_epoch: number | null;
  readonly row_position: Buffer | null;
  readonly marker_epoch: number | null;
  readonly marker_position: Buffer | null;
} & Readonly<Record<string, unknown>>;

const STANDING = '#standing';

/**
 * Rows and markers at the keys (`@keys`). A statement is no snapshot here (Read Committed): a row deleted and its marker
 * made while it runs could both be missed, so batches of the table are excluded meanwhile, as a merge does it. They are told
 * after COMMIT: the server waits for a client that does not read, and a stopped one would exclude batches for ever (R2).
 */
export function standingSql(pipeline: string, target: Target, lockMs: number): string {
  const keys = keyList(target, 'keys');
  const cells = selectCells(target.columns, quotedOf('t'));
  const rows = `SELECT u.ord, t.${EPOCH_COLUMN} AS row_epoch, t.${POSITION_COLUMN} AS row_position, m.${EPOCH_COLUMN} AS marker_epoch, m.${POSITION_COLUMN} AS marker_position, ${cells.list}
  INTO ${STANDING} FROM ${keys.table} AS u LEFT JOIN ${target.sql} AS t ON ${keys.same('t', 'u')} LEFT JOIN ${target.markerSql} AS m ON ${keys.same('m', 'u')}
 WHERE t.${EPOCH_COLUMN} IS NOT NULL OR m.${EPOCH_COLUMN} IS NOT NULL;`;
  return serverTransaction({
    lockMs,
    pipeline,
    exclusion: { by: 'merge' },
    tables: [target.mapping.id],
    declare: `${keys.declare}\nDECLARE @epoch int, @phase nvarchar(64), @truncateEpoch int, @truncatePosition nvarchar(128);\nDROP TABLE IF EXISTS ${STANDING};`,
    body: [
      'SELECT @epoch = s.epoch, @phase = s.phase, @truncateEpoch = s.truncate_epoch, @truncatePosition = s.truncate_position FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = @table;',
      `IF @epoch IS NULL\n${leave('not-prepared')}`,
      rows,
      commit('read', '@epoch AS epoch, @phase AS phase, @truncateEpoch AS truncate_epoch, @truncatePosition AS truncate_position'),
      `SELECT s.* FROM ${STANDING} AS s;`,
    ].join('\n'),
  });
}

/**
 * What stands at the keys, in their order, with the table's epoch, phase and truncate, of one moment (R9).
 *
 * @throws ElstreamError `TABLE_NOT_PREPARED` (stop); `park` if a key is no value of its column
 */
export async function readStandingRows(db: Mssql, pipeline: string, target: Target, keys: readonly (readonly string[])[]): Promise<StandingRows> {
  const found = await runTransaction(db, standingSql(pipeline, target, db.lockMs), { pipeline: t.nvarchar(pipeline, 100), table: t.nvarchar(target.mapping.id, 300), keys: keysParam(keys) });
  if (found.outcome === 'not-prepared') throw notPrepared(pipeline, target.mapping.id);
  const cells = selectCells(target.columns, quotedOf('t'));
  const at: { standing: Standing; row: readonly Cell[] | null }[] = keys.map(() => ({ standing: { is: 'nothing' }, row: null }));
  for (const row of (found.sets[0] ?? []) as readonly StandingRow[]) {
    if (row.row_epoch !== null) at[row.ord] = { standing: { is: 'row', version: versionOf({ epoch: row.row_epoch, position: row.row_position }) }, row: cells.row(row) };
    else if (row.marker_epoch !== null) at[row.ord] = { standing: { is: 'marker', version: versionOf({ epoch: row.marker_epoch, position: row.marker_position }) }, row: null };
  }
  const state = found.row as Pick<StateRow, 'truncate_epoch' | 'truncate_position'>;
  return { epoch: Number(found.row['epoch']), phase: found.row['phase'] as TableState['phase'], truncated: truncateOf(state), at };
}

/** `@since` position, `@limit`. Keys of rows and markers of the current epoch that the stream wrote above it. */
export function changedKeysSql(target: Target): string {
  const cells = selectCells(target.key, (c) => `x.${c.quoted}`);
  const names = target.key.map((c) => c.quoted).join(', ');
  const from = (table: string): string =>
    `SELECT ${target.key.map((c) => `k.${c.quoted}`).join(', ')} FROM ${table} AS k WHERE k.${POSITION_COLUMN} > @since AND k.${EPOCH_COLUMN} = (SELECT s.epoch FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = @table)`;
  return `SELECT TOP (@limit) ${cells.list} FROM (${from(target.sql)} UNION ${from(target.markerSql)}) AS x (${names});`;
}

/** At most `limit` and one more. */
export async function readChangedKeys(db: Mssql, of: { readonly pipeline: string; readonly target: Target; readonly since: LogPosition; readonly limit: number }): Promise<string[][]> {
  const { pipeline, target, since, limit } = of;
  const rows = await db.rows(changedKeysSql(target), { pipeline: t.nvarchar(pipeline, 100), table: t.nvarchar(target.mapping.id, 300), since: t.varbinary(since.toBytes(), 16), limit: t.int(limit + 1) });
  const cells = selectCells(target.key, (c) => `x.${c.quoted}`);
  return rows.map((row) => cells.row(row).map((cell) => cell ?? ''));
}
