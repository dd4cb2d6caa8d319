import { ElstreamError, isWellFormed } from '@elstream/core';
import { keyValue, t, type MssqlParam } from '@elstream/database';
import { columnDefinition, fullType, isText, keyEquals, keyOf, quotedOf, type EntityColumn, type Target } from './target';

/**
 * Keys of a statement as one JSON parameter, converted once into a table variable of the key's exact types, so that its
 * text does not depend on how many there are and the target's index is used.
 */
export interface KeyList {
  /** `DECLARE @k TABLE …; INSERT INTO @k …;` – `@k` has `ord` (from 0) and `k0`, `k1`, … */
  readonly declare: string;
  /** Name of the table variable. */
  readonly table: string;
  /** `t.[k] = u.k0 AND …` */
  same(target: string, list: string): string;
}

/** @param name of parameter (`@name`, text) and of the table variable (`@name_rows`) */
export function keyList(target: Pick<Target, 'key'>, name: string): KeyList {
  const rows = `@${name}_rows`;
  const names = target.key.map((_, i) => `k${String(i)}`);
  const columns = target.key.map((c, i) => `${columnDefinition(c, `k${String(i)}`)} NOT NULL`);
  return {
    declare: `DECLARE ${rows} TABLE (ord int NOT NULL PRIMARY KEY, ${columns.join(', ')});
INSERT INTO ${rows} (ord, ${names.join(', ')})
SELECT j.ord, ${target.key.map((c, i) => keyCell(c, `j.k${String(i)}`)).join(', ')}
  FROM OPENJSON(@${name}) WITH (ord int '$[0]', ${names.map((n, i) => `${n} nvarchar(max) '$[${String(i + 1)}]'`).join(', ')}) AS j;`,
    table: rows,
    same: (a, u) => keyEquals(target.key, quotedOf(a), keyOf(u)),
  };
}

/** For the parameter of `keyList`. Throws ElstreamError (park) for a key that is never written: it is none of JSON either. */
export function keysParam(keys: readonly (readonly string[])[]): MssqlParam {
  if (keys.some((key) => !key.every(isWellFormed))) throw new ElstreamError('VALUE_UNFIT', 'park', 'a key holds half of a surrogate pair, which is no Unicode character; correct it at the source');
  return t.json(keys.map((key, ord) => [ord, ...key]));
}

/**
 * A key cell's canonical text as a value of its column. Texts stay as they are: CONVERT would cut a longer one off and make
 * it another key, an INSERT refuses it.
 */
export function keyCell(column: EntityColumn, ref: string): string {
  return isText(column.type) ? ref : keyValue({ type: column.kind, native: fullType(column) }, ref);
}
