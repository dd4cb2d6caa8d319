import type { Standing, TruncateMemory } from '@elstream/core';
import { EPOCH_COLUMN, POSITION_COLUMN } from './target';

/**
 * What stands at a key as one short text, the same from the server as from `Standing`: `n`, or `r` (row) or `m` (marker)
 * with epoch and position. For comparing inside a batch what was read before it.
 */
export function standingText(row: string, marker: string): string {
  return `CASE WHEN ${row}.${EPOCH_COLUMN} IS NOT NULL THEN ${version('r', row)} WHEN ${marker}.${EPOCH_COLUMN} IS NOT NULL THEN ${version('m', marker)} ELSE 'n' END`;
}

function version(letter: string, alias: string): string {
  const position = `${alias}.${POSITION_COLUMN}`;
  return `CONCAT('${letter}', ${alias}.${EPOCH_COLUMN}, CASE WHEN ${position} IS NULL THEN '-' ELSE CONCAT(':', LOWER(CONVERT(varchar(32), ${position}, 2))) END)`;
}

export function textOfStanding(standing: Standing): string {
  if (standing.is === 'nothing') return 'n';
  const { epoch, kind, position } = standing.version;
  return `${standing.is === 'row' ? 'r' : 'm'}${String(epoch)}${kind === 'preload' ? '-' : `:${position.hex}`}`;
}

/** A table's memory of its last truncate as text, the same from the server (of `elstream.table_state AS s`) as from `TruncateMemory`. */
export const TRUNCATE_TEXT = `CASE WHEN s.truncate_epoch IS NULL THEN N'n' ELSE CONCAT(s.truncate_epoch, N':', s.truncate_position) END`;

export function textOfTruncate(truncated: TruncateMemory): string {
  return truncated === null ? 'n' : `${String(truncated.epoch)}:${truncated.position.hex}`;
}
