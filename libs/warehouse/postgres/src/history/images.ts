import type { StandingImage } from '@elstream/core';
import type { Sql } from '@elstream/database';
import { keysAsArrays } from '../keys-as-arrays';
import { textOf, versionOf } from '../standing';
import { EPOCH_COLUMN, POSITION_COLUMN, type Target } from '../target';
import { BEGIN_COLUMN } from './archive';

type ImageRow = { readonly ord: number; readonly epoch: number; readonly position: Buffer | null; readonly begin_us: string | null } & Readonly<Record<`v${number}`, string | null>>;

const KEYS_PER_STATEMENT = 5_000;

/** What stands at the keys, by their identities; keys where nothing stands are absent. */
export async function readImages(sql: Sql, target: Target, keys: ReadonlyMap<string, readonly string[]>): Promise<Map<string, StandingImage>> {
  const images = new Map<string, StandingImage>();
  const all = [...keys];
  for (let start = 0; start < all.length; start += KEYS_PER_STATEMENT) await readSome(sql, target, all.slice(start, start + KEYS_PER_STATEMENT), images);
  return images;
}

async function readSome(sql: Sql, target: Target, some: readonly (readonly [string, readonly string[]])[], images: Map<string, StandingImage>): Promise<void> {
  const keys = keysAsArrays(target, some.map(([, key]) => key), 1);
  const idAt = (ord: number): string => some[ord - 1]?.[0] ?? '';
  const version = `u.ord::int AS ord, t.${EPOCH_COLUMN} AS epoch, t.${POSITION_COLUMN} AS position`;
  for (const row of await sql.query<ImageRow>(`SELECT ${version} FROM ${keys.from} JOIN ${target.markerSql} AS t ON ${keys.same('t')}`, keys.values)) {
    images.set(idAt(row.ord), { standing: { is: 'marker', version: versionOf(row) }, cells: null, beginUs: null });
  }
  const begin = target.keepsBegin ? `(extract(epoch FROM t.${BEGIN_COLUMN}) * 1000000)::int8::text` : 'NULL::text';
  const cells = target.columns.map((c, i) => `${textOf('t', c)} AS v${String(i)}`).join(', ');
  for (const row of await sql.query<ImageRow>(`SELECT ${version}, ${begin} AS begin_us, ${cells} FROM ${keys.from} JOIN ${target.sql} AS t ON ${keys.same('t')}`, keys.values)) {
    images.set(idAt(row.ord), {
      standing: { is: 'row', version: versionOf(row) },
      cells: target.columns.map((_, i) => row[`v${i}`] ?? null),
      beginUs: row.begin_us === null ? null : BigInt(row.begin_us),
    });
  }
}

