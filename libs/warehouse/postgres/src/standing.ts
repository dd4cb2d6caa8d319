import { ElstreamError, LogPosition, type Cell, type Standing, type Version } from '@elstream/core';
import type { Sql } from '@elstream/database';
import { truncateOf, type StandingRows, type TableState } from '@elstream/warehouse';
import { keysAsArrays } from './keys-as-arrays';
import { EPOCH_COLUMN, POSITION_COLUMN, type EntityColumn, type Target } from './target';

/**
 * A column's value in its canonical text (R1), read by a plain SELECT: `concat` gives the type's own output, as COPY
 * does; a cast to text would strip the blanks of `bpchar`. IS DISTINCT FROM NULL: a composite value of NULLs alone is a value.
 */
export function textOf(alias: string, column: EntityColumn): string {
  return `CASE WHEN ${alias}.${column.quoted} IS DISTINCT FROM NULL THEN pg_catalog.concat(${alias}.${column.quoted}) END`;
}

/** Of epoch and position as a row or marker has them: NULL is of kind *preload*. */
export function versionOf(row: { readonly epoch: number; readonly position: Buffer | null }): Version {
  return row.position === null
    ? { epoch: row.epoch, kind: 'preload', position: LogPosition.ZERO }
    : { epoch: row.epoch, kind: 'stream', position: LogPosition.parse(row.position.toString('hex')) };
}

type StandingRow = {
  readonly epoch: number;
  readonly phase: TableState['phase'];
  readonly truncate_epoch: number | null;
  readonly truncate_position: string | null;
  readonly ord: number | null;
  readonly row_epoch: number | null;
  readonly row_position: Buffer | null;
  readonly marker_epoch: number | null;
  readonly marker_position: Buffer | null;
} & Readonly<Record<`v${number}`, string | null>>;

/**
 * What stands at the keys, in their order, with the table's epoch, phase and truncate: one statement, hence one snapshot (R9).
 *
 * @throws ElstreamError `TABLE_NOT_PREPARED` (stop); `park` if a key is no value of its column
 */
export async function readStandingRows(sql: Sql, pipeline: string, target: Target, keys: readonly (readonly string[])[]): Promise<StandingRows> {
  const { from, values, same } = keysAsArrays(target, keys, 3);
  const rows = await sql.query<StandingRow>(
    `SELECT s.epoch, s.phase, s.truncate_epoch, s.truncate_position, u.ord::int AS ord, t.${EPOCH_COLUMN} AS row_epoch, t.${POSITION_COLUMN} AS row_position,
            m.${EPOCH_COLUMN} AS marker_epoch, m.${POSITION_COLUMN} AS marker_position, ${target.columns.map((c, i) => `${textOf('t', c)} AS v${i}`).join(', ')}
       FROM elstream.table_state AS s
       LEFT JOIN ${from} ON true
       LEFT JOIN ${target.sql} AS t ON ${same('t')} LEFT JOIN ${target.markerSql} AS m ON ${same('m')}
      WHERE s.pipeline = $1 AND s.table_id = $2`,
    [pipeline, target.mapping.id, ...values],
  );
  const [state] = rows;
  if (state === undefined) throw new ElstreamError('TABLE_NOT_PREPARED', 'stop', 'the table has no state in elstream.table_state; start a run to prepare it', { place: { pipeline, table: target.mapping.id } });
  const at: { standing: Standing; row: readonly Cell[] | null }[] = keys.map(() => ({ standing: { is: 'nothing' }, row: null }));
  for (const row of rows) {
    if (row.ord === null) continue;
    if (row.row_epoch !== null) at[row.ord - 1] = { standing: { is: 'row', version: versionOf({ epoch: row.row_epoch, position: row.row_position }) }, row: target.columns.map((_, i) => row[`v${i}`] ?? null) };
    else if (row.marker_epoch !== null) at[row.ord - 1] = { standing: { is: 'marker', version: versionOf({ epoch: row.marker_epoch, position: row.marker_position }) }, row: null };
  }
  return { epoch: state.epoch, phase: state.phase, truncated: truncateOf(state), at };
}

/** Keys of rows and markers of the current epoch that the stream wrote above `since`: at most `limit` and one more. */
export async function readChangedKeys(sql: Sql, of: { readonly pipeline: string; readonly target: Target; readonly since: LogPosition; readonly limit: number }): Promise<string[][]> {
  const { pipeline, target, since, limit } = of;
  const from = (table: string): string =>
    `SELECT ${target.key.map((c, i) => `${textOf('x', c)} AS k${i}`).join(', ')} FROM ${table} AS x
      WHERE x.${POSITION_COLUMN} > $3 AND x.${EPOCH_COLUMN} = (SELECT s.epoch FROM elstream.table_state AS s WHERE s.pipeline = $1 AND s.table_id = $2)`;
  const rows = await sql.query<Record<string, string | null>>(`(${from(target.sql)}) UNION (${from(target.markerSql)}) LIMIT $4`, [pipeline, target.mapping.id, since.toBytes(), limit + 1]);
  return rows.map((row) => target.key.map((_, i) => row[`k${i}`] ?? ''));
}
