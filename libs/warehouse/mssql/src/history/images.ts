import type { StandingImage } from '@elstream/core';
import { t, type TSqlSession } from '@elstream/database';
import { selectCells } from '../cells';
import { rowDigest } from '../exact-text';
import { keyCell, keysParam } from '../keys';
import { versionOf } from '../standing';
import { standingText } from '../standing-text';
import { columnDefinition, EPOCH_COLUMN, keyEquals, keyOf, POSITION_COLUMN, quotedOf, SEEK, type Target } from '../target';
import { BEGIN_COLUMN } from './archive';

/**
 * What stands at the keys that a batch touches. The keys stay in a temporary table of the session, with what was read at
 * them: the transaction compares that (`imagesStand`), since no lock is held in between. By version *and* digest: a repair
 * keeps a row's version.
 */

/** The temporary table of keys: `ord` and `k0`, …, `stands`, `digest`. */
export function touchedOf(target: Target, n: number): { readonly table: string; same(target: string, touched: string): string } {
  return { table: `#touched${String(n)}`, same: (a, u) => keyEquals(target.key, quotedOf(a), keyOf(u)) };
}

export function createTouchedSql(target: Target, n: number): string {
  const { table } = touchedOf(target, n);
  const keys = target.key.map((c, i) => `${columnDefinition(c, `k${String(i)}`)} NOT NULL`);
  return `DROP TABLE IF EXISTS ${table}; CREATE TABLE ${table} (ord int NOT NULL PRIMARY KEY, ${keys.join(', ')}, stands varchar(60) COLLATE Latin1_General_100_BIN2 NULL, digest binary(32) NULL);`;
}

/** Adds keys (`@keys`, from number `@first` on) and notes what stands at them. */
export function noteTouchedSql(target: Target, n: number): string {
  const { table, same } = touchedOf(target, n);
  const names = target.key.map((_, i) => `k${String(i)}`);
  return `INSERT INTO ${table} (ord, ${names.join(', ')})
SELECT @first + j.ord, ${target.key.map((c, i) => keyCell(c, `j.k${String(i)}`)).join(', ')}
  FROM OPENJSON(@keys) WITH (ord int '$[0]', ${names.map((k, i) => `${k} nvarchar(max) '$[${String(i + 1)}]'`).join(', ')}) AS j;
UPDATE u SET u.stands = ${standingText('t', 'm')}, u.digest = CASE WHEN t.${EPOCH_COLUMN} IS NULL THEN NULL ELSE ${rowDigest(target, 't')} END
  FROM ${table} AS u LEFT JOIN ${target.sql} AS t ${SEEK} ON ${same('t', 'u')} LEFT JOIN ${target.markerSql} AS m ${SEEK} ON ${same('m', 'u')} WHERE u.ord >= @first;`;
}

/** Rows and markers at the keys from number `@first` on. A row that changed since they were noted is found out by `imagesStand`. */
export function imagesSql(target: Target, n: number): string {
  const { table, same } = touchedOf(target, n);
  const begin = target.keepsBegin ? `CONVERT(varchar(20), DATEDIFF_BIG(microsecond, CONVERT(datetime2(6), '1970-01-01'), t.${BEGIN_COLUMN}))` : 'CONVERT(varchar(20), NULL)';
  const cells = selectCells(target.columns, quotedOf('t'));
  return `SELECT u.ord, t.${EPOCH_COLUMN} AS row_epoch, t.${POSITION_COLUMN} AS row_position, m.${EPOCH_COLUMN} AS marker_epoch, m.${POSITION_COLUMN} AS marker_position, ${begin} AS begin_us, ${cells.list}
  FROM ${table} AS u LEFT JOIN ${target.sql} AS t ${SEEK} ON ${same('t', 'u')} LEFT JOIN ${target.markerSql} AS m ${SEEK} ON ${same('m', 'u')}
 WHERE u.ord >= @first AND (t.${EPOCH_COLUMN} IS NOT NULL OR m.${EPOCH_COLUMN} IS NOT NULL);`;
}

/** In the transaction: true if all that was read still stands. */
export function imagesStand(target: Target, n: number): string {
  const { table, same } = touchedOf(target, n);
  const same1 = `ISNULL(u.stands, '') = ${standingText('t', 'm')} COLLATE Latin1_General_100_BIN2 AND (t.${EPOCH_COLUMN} IS NULL OR u.digest = ${rowDigest(target, 't')})`;
  return `NOT EXISTS (SELECT 1 FROM ${table} AS u LEFT JOIN ${target.sql} AS t ${SEEK} ON ${same('t', 'u')} LEFT JOIN ${target.markerSql} AS m ${SEEK} ON ${same('m', 'u')}
   WHERE CASE WHEN ${same1} THEN 1 ELSE 0 END = 0)`;
}

type ImageRow = { readonly ord: number; readonly row_epoch: number | null; readonly row_position: Buffer | null; readonly marker_epoch: number | null; readonly marker_position: Buffer | null; readonly begin_us: string | null } & Readonly<Record<string, unknown>>;

const KEYS_PER_STATEMENT = 5_000;

/** What stands at the keys, by their identities; keys where nothing stands are absent. */
export async function readImages(session: TSqlSession, target: Target, n: number, keys: ReadonlyMap<string, readonly string[]>): Promise<Map<string, StandingImage>> {
  await session.batch(createTouchedSql(target, n));
  const images = new Map<string, StandingImage>();
  const all = [...keys];
  const cells = selectCells(target.columns, quotedOf('t'));
  for (let first = 0; first < all.length; first += KEYS_PER_STATEMENT) {
    const some = all.slice(first, first + KEYS_PER_STATEMENT);
    await session.execute(noteTouchedSql(target, n), { first: t.int(first), keys: keysParam(some.map(([, key]) => key)) });
    for (const row of await session.rows<ImageRow>(imagesSql(target, n), { first: t.int(first) })) {
      const id = all[row.ord]?.[0] ?? '';
      if (row.row_epoch !== null) images.set(id, { standing: { is: 'row', version: versionOf({ epoch: row.row_epoch, position: row.row_position }) }, cells: cells.row(row), beginUs: row.begin_us === null ? null : BigInt(row.begin_us) });
      else if (row.marker_epoch !== null) images.set(id, { standing: { is: 'marker', version: versionOf({ epoch: row.marker_epoch, position: row.marker_position }) }, cells: null, beginUs: null });
    }
  }
  return images;
}
