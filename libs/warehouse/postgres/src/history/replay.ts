import { timestampText } from '@elstream/core';
import type { Sql } from '@elstream/database';
import type { Target } from '../target';
import { BEGIN_COLUMN } from './archive';
import { archiveRows } from './derive';
import { keysAsArrays } from '../keys-as-arrays';

/** To be called after repairs: a row that was brought back has no begin; it is there since the end of what is known of its key. */
export async function beginMissing(sql: Sql, target: Target, rows: readonly (readonly string[])[]): Promise<void> {
  const { archive } = target;
  if (archive === null || !target.keepsBegin || rows.length === 0) return;
  const keys = keysAsArrays(target, rows, 1);
  const last = `SELECT max(h.${archive.to.quoted}) FROM ${archive.sql} AS h WHERE ${target.key.map((c) => `h.${c.quoted} = t.${c.quoted}`).join(' AND ')}`;
  await sql.execute(`UPDATE ${target.sql} AS t SET ${BEGIN_COLUMN} = (${last}) FROM ${keys.from} WHERE ${keys.same('t')} AND t.${BEGIN_COLUMN} IS NULL`, keys.values);
}

/** A dead letter whose replay changes the row of a key: written, deleted or inserted. */
export interface ReplayedRow {
  readonly key: readonly string[];
  /** Commit time of its event. */
  readonly committedAtUs: bigint;
  /** True where the row goes. */
  readonly deleted: boolean;
}

/**
 * To be called *before* the row is replaced or deleted, in the same transaction: the standing row becomes one approximate
 * version, since its successor is what the source holds now and not the dead letter's image. Does nothing for a row that
 * does not stand or a table without derived history.
 */
export async function recordReplay(sql: Sql, target: Target, replayed: ReplayedRow): Promise<void> {
  const { archive } = target;
  if (archive?.kind !== 'derived') return;
  const keys = keysAsArrays(target, [replayed.key], 2);
  const values = [timestampText(replayed.committedAtUs, true), ...keys.values];
  const end = { at: '$1::timestamptz', deleted: replayed.deleted, approximate: 'true', position: 'NULL::pg_catalog.bytea' };
  await sql.execute(`${archiveRows(target, archive, end)} FROM ${target.sql} AS t JOIN ${keys.from} ON ${keys.same('t')}`, values);
}

/** To be called *after* the row is written: it begins where `recordReplay` ended the one before. */
export async function beginReplayed(sql: Sql, target: Target, replayed: ReplayedRow): Promise<void> {
  if (!target.keepsBegin || replayed.deleted) return;
  const keys = keysAsArrays(target, [replayed.key], 2);
  await sql.execute(`UPDATE ${target.sql} AS t SET ${BEGIN_COLUMN} = greatest(t.${BEGIN_COLUMN}, $1::timestamptz) FROM ${keys.from} WHERE ${keys.same('t')}`, [timestampText(replayed.committedAtUs, true), ...keys.values]);
}
