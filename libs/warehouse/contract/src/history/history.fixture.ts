import type { Cell, ChangeEvent, TableMapping } from '@elstream/core';
import { event, mappingOf, type WarehouseFixture, type WarehouseProduct } from '../fixture';

/** `public.items (id, name, body)` with derived history by commit times. Event n commits at n microseconds. */
export function itemsWithHistory(product: Pick<WarehouseProduct, 'type'>): TableMapping {
  return {
    ...mappingOf(product, 'items', [['id', 'int8', { kind: 'integer', bits: 64 }], ['name', 'text'], ['body', 'text']]),
    history: { kind: 'derived', target: { schema: 'target', name: 'items_archive' }, source: null, period: null },
  };
}

export interface Version {
  readonly row: readonly Cell[];
  /** Microseconds; null: unknown. */
  readonly from: number | null;
  readonly to: number | null;
  readonly deleted: boolean;
  readonly approximate: boolean;
}

/** Microseconds of a time of elstream's own, as text. */
function micros({ test }: WarehouseFixture, column: string): string {
  return test.product === 'mssql' ? `CONVERT(nvarchar(20), DATEDIFF_BIG(microsecond, CONVERT(datetime2(6), '1970-01-01'), ${column}))` : `((extract(epoch FROM ${column}) * 1000000)::int8)::text`;
}

/** Texts, by a binary order in either product. */
const bytewise = ({ test }: WarehouseFixture, column: string): string => `${column} COLLATE ${test.product === 'mssql' ? 'Latin1_General_100_BIN2' : '"C"'}`;
const isNot = (column: string, value: string): string => `(${column} IS NULL OR ${column} <> '${value}')`;
const text = ({ test }: WarehouseFixture, column: string): string => (test.product === 'mssql' ? `CONVERT(nvarchar(20), ${column})` : `${column}::text`);

const EARLY = 86_400_000_000;
const number = (value: string | null): number | null => (value === null ? null : Number(value));

/** The archive, without padding, in the order of keys and times. */
export async function versions(fx: WarehouseFixture): Promise<Version[]> {
  const rows = await fx.test.query<{ id: string; name: Cell; body: Cell; since: string | null; until: string | null; deleted: boolean; approximate: boolean }>(
    `SELECT ${text(fx, 'h.id')} AS id, h.name AS name, h.body AS body, ${micros(fx, 'h.valid_from')} AS since, ${micros(fx, 'h.valid_to')} AS until, h.deleted AS deleted, h.__elstream_approximate AS approximate
       FROM target.items_archive AS h WHERE ${isNot('h.name', 'pad')} ORDER BY h.id, h.valid_to, CASE WHEN h.valid_from IS NULL THEN 0 ELSE 1 END, h.valid_from, ${bytewise(fx, 'h.name')}`,
  );
  // the end of what was swept or overwritten is now
  return rows.map((r) => ({ row: [r.id, r.name, r.body], from: number(r.since), to: Number(r.until) < EARLY ? number(r.until) : null, deleted: r.deleted, approximate: r.approximate }));
}

export async function asOf(fx: WarehouseFixture, us: number): Promise<Cell[][]> {
  const at = `1970-01-01 00:00:00.${String(us).padStart(6, '0')}+00:00`;
  const rows = await fx.test.query<{ id: string; name: Cell; body: Cell }>(`SELECT ${text(fx, 'f.id')} AS id, f.name AS name, f.body AS body FROM target.items_as_of('${at}') AS f WHERE ${isNot('f.name', 'pad')} ORDER BY f.id`);
  return rows.map((r) => [r.id, r.name, r.body]);
}

export async function begins(fx: WarehouseFixture): Promise<Record<string, number | null>> {
  const rows = await fx.test.query<{ id: string; since: string | null }>(`SELECT ${text(fx, 't.id')} AS id, ${micros(fx, 't.__elstream_valid_from')} AS since FROM target.items AS t WHERE ${isNot('t.name', 'pad')} ORDER BY t.id`);
  return Object.fromEntries(rows.map((r) => [r.id, number(r.since)]));
}

/** Loads rows as one preload, to its end: live, unless `open`. */
export async function preload(fx: WarehouseFixture, mapping: TableMapping, rows: readonly (readonly Cell[])[], open = false): Promise<{ runId: string; epoch: number }> {
  const begun = await fx.beginPreload(mapping);
  await fx.loadChunk(mapping, await fx.claimTask(begun.runId, mapping, begun.epoch), rows);
  if (!open) await fx.finish(mapping, begun.runId, begun.epoch);
  return begun;
}

/** Inserts that make a batch a bulk one, far away from the keys under test. */
export function padding(items: TableMapping, position: number, rows: number): ChangeEvent[] {
  return Array.from({ length: rows }, (_, i) => event.insert(items, position, [String(1_000_000 + position * 1_000 + i), 'pad', null]));
}
