import type { Sql } from '@elstream/database';
import { EPOCH_COLUMN, type Target } from '../target';
import { BEGIN_COLUMN } from './archive';
import { archiveRows, imagesDiffer } from './derive';

/**
 * Rows of older epochs that a preload overwrites or sweeps. When they changed is not known: their versions end now and
 * are marked approximate (R13). `s` is the staged row, `t` the standing one, `$1` the current epoch.
 */

/** Before a fill: standing rows it will replace, where the image differs. `touched`: a subquery, true where nothing is filled. */
export async function archiveOverfilled(sql: Sql, target: Target, fill: { readonly stage: string; readonly epoch: number; readonly added: readonly string[]; readonly touched: string }): Promise<void> {
  const { archive } = target;
  if (archive?.kind !== 'derived') return;
  const next = archive.inRow ? target.columns.find((c) => c.quoted === archive.from.quoted)?.property : undefined;
  const end = { at: 'now()', deleted: false, approximate: 'true', position: 'NULL::pg_catalog.bytea', ...(next === undefined ? {} : { next: `s.${next}::${archive.to.type}` }) };
  await sql.execute(
    `${archiveRows(target, archive, end)} FROM ${target.sql} AS t JOIN ${fill.stage} AS s ON ${target.key.map((c) => `t.${c.quoted} = s.${c.property}`).join(' AND ')}
      WHERE t.${EPOCH_COLUMN} < $1 AND NOT EXISTS (${fill.touched}) AND ${imagesDiffer(target, fill.added, 's')}`,
    [fill.epoch],
  );
}

/**
 * The begin of rows that are filled. A row that is as it was goes on; a changed one begins where the version before it
 * ended; a `fresh` one where its key's history ends, or nobody knows when (NULL).
 */
export function fillBegin(target: Target, added: readonly string[]): { readonly standing: string; readonly fresh: string } {
  const { archive } = target;
  const differs = imagesDiffer(target, added, 'EXCLUDED');
  const same = target.key.map((c) => `h.${c.quoted} = s.${c.property}`).join(' AND ');
  return {
    standing: `CASE WHEN t.${EPOCH_COLUMN} < $1 AND ${differs} THEN greatest(now(), t.${BEGIN_COLUMN}) ELSE t.${BEGIN_COLUMN} END`,
    fresh: archive === null ? 'NULL::timestamptz' : `(SELECT max(h.${archive.to.quoted}) FROM ${archive.sql} AS h WHERE ${same})`,
  };
}

/**
 * Position of a standing row that is filled. One that is as it was goes on in its history too: as one of the stream at the
 * lowest place, which any event ends. As a preload row it would leave no version (`trustOf`).
 */
export function fillPosition(target: Target, added: readonly string[]): string {
  if (target.archive?.kind !== 'derived') return 'NULL::pg_catalog.bytea';
  return `CASE WHEN t.${EPOCH_COLUMN} < $1 AND NOT ${imagesDiffer(target, added, 'EXCLUDED')} THEN ''::pg_catalog.bytea END`;
}

/** Before the sweep: rows the source has no more. */
export async function archiveSwept(sql: Sql, target: Target, epoch: number): Promise<void> {
  const { archive } = target;
  if (archive?.kind !== 'derived') return;
  await sql.execute(`${archiveRows(target, archive, { at: 'now()', deleted: true, approximate: 'true', position: 'NULL::pg_catalog.bytea' })} FROM ${target.sql} AS t WHERE t.${EPOCH_COLUMN} < $1`, [epoch]);
}
