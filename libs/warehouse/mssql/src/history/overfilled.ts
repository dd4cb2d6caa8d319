import { EPOCH_COLUMN, keyEquals, POSITION_TYPE, quotedOf, SEEK, type EntityColumn, type Target } from '../target';
import { BEGIN_COLUMN, greatest, NOW, TIME_TYPE } from './archive';
import { archiveRows, imagesDiffer, UNKNOWN_POSITION } from './archive-rows';

/**
 * Rows of older epochs that a preload overwrites or sweeps. When they changed is not known: their versions end now and
 * are marked approximate (R13). `s` is the staged row, `t` the standing one.
 */

export interface FillText {
  /** Name of the staging table, aliased `s`. */
  readonly stage: string;
  /** Value of a staged column in the target's type, over `s`. */
  readonly value: (column: EntityColumn) => string;
  /** SQL of the current epoch. */
  readonly epoch: string;
  /** Target columns that rows of older epochs never had. */
  readonly added: readonly string[];
  /** A condition over `s`, true where nothing is filled. */
  readonly touched: string;
}

/** Before a fill: standing rows it will replace, where the image differs. Empty: nothing is kept. */
export function archiveOverfilled(target: Target, fill: FillText): string {
  const { archive } = target;
  if (archive?.kind !== 'derived') return '';
  const from = archive.inRow ? target.columns.find((c) => c.quoted === archive.from.quoted) : undefined;
  const end = { at: NOW, deleted: '0', approximate: '1', position: UNKNOWN_POSITION, ...(from === undefined ? {} : { next: `CONVERT(${archive.to.type}, ${fill.value(from)})` }) };
  return `${archiveRows(target, archive, end)}
  FROM ${target.sql} AS t ${SEEK} JOIN ${fill.stage} AS s ON ${keyEquals(target.key, quotedOf('t'), fill.value)}
 WHERE t.${EPOCH_COLUMN} < ${fill.epoch} AND NOT (${fill.touched}) AND ${imagesDiffer(target, fill.added, fill.value)};`;
}

/**
 * The begin of rows that are filled, as expressions. A `standing` row that is as it was goes on; a changed one begins where
 * the version before it ended; a `fresh` one where its key's history ends, or nobody knows when (NULL). Null: not kept.
 */
export function fillBegin(target: Target, fill: Pick<FillText, 'value' | 'epoch' | 'added'>): { readonly standing: string; readonly fresh: string } | null {
  const { archive } = target;
  if (!target.keepsBegin) return null;
  const begin = `t.${BEGIN_COLUMN}`;
  return {
    standing: `CASE WHEN t.${EPOCH_COLUMN} < ${fill.epoch} AND ${imagesDiffer(target, fill.added, fill.value)} THEN ${greatest(NOW, begin)} ELSE ${begin} END`,
    fresh: archive === null ? `CONVERT(${TIME_TYPE}, NULL)` : `(SELECT MAX(h.${archive.to.quoted}) FROM ${archive.sql} AS h WHERE ${keyEquals(target.key, quotedOf('h'), fill.value)})`,
  };
}

/**
 * Position of a standing row that is filled. One that is as it was goes on in its history too: as one of the stream at the
 * lowest place, which any event ends. As a preload row it would leave no version (`trustOf`).
 */
export function fillPosition(target: Target, fill: Pick<FillText, 'value' | 'epoch' | 'added'>): string {
  if (target.archive?.kind !== 'derived') return `CONVERT(${POSITION_TYPE}, NULL)`;
  return `CASE WHEN t.${EPOCH_COLUMN} < ${fill.epoch} AND NOT ${imagesDiffer(target, fill.added, fill.value)} THEN CONVERT(${POSITION_TYPE}, 0x) END`;
}

/** Before the sweep: rows the source has no more. Empty: nothing is kept. */
export function archiveSwept(target: Target, epoch: string): string {
  const { archive } = target;
  if (archive?.kind !== 'derived') return '';
  return `${archiveRows(target, archive, { at: NOW, deleted: '1', approximate: '1', position: UNKNOWN_POSITION }, true)} FROM ${target.sql} AS t WHERE t.${EPOCH_COLUMN} < ${epoch};`;
}
