import type { Cell, ChangeEvent, TableMapping } from '@elstream/core';
import { event, mappingOf, type WarehouseFixture } from '../warehouse.fixture';

/** `public.items (id, name, body)` with derived history by commit times. Event n commits at n microseconds. */
export const items: TableMapping = {
  ...mappingOf('items', [['id', 'int8', { kind: 'integer', bits: 64 }], ['name', 'text'], ['body', 'text']]),
  history: { kind: 'derived', target: { schema: 'target', name: 'items_archive' }, source: null, period: null },
};

export interface Version {
  readonly row: readonly Cell[];
  /** Microseconds; null: unknown. */
  readonly from: number | null;
  readonly to: number;
  readonly deleted: boolean;
  readonly approximate: boolean;
}

const micros = (column: string): string => `(extract(epoch FROM ${column}) * 1000000)::int8::float8`;

/** The archive, without padding, in the order of keys and times. */
export async function versions(fx: WarehouseFixture): Promise<Version[]> {
  return fx.db.query<Version & Record<string, unknown>>(
    `SELECT ARRAY[id::text, name, body] AS row, ${micros('valid_from')} AS "from", CASE WHEN valid_to < '1971-01-01' THEN ${micros('valid_to')} END AS "to", deleted, __elstream_approximate AS approximate
       FROM target.items_archive WHERE name IS DISTINCT FROM 'pad' ORDER BY id, valid_to, valid_from NULLS FIRST, name`,
  );
}

export async function asOf(fx: WarehouseFixture, us: number): Promise<Cell[][]> {
  const rows = await fx.db.query<{ row: Cell[] }>(`SELECT ARRAY[id::text, name, body] AS row FROM target.items_as_of('1970-01-01 00:00:00+00'::timestamptz + $1 * interval '1 microsecond') WHERE name IS DISTINCT FROM 'pad' ORDER BY id`, [us]);
  return rows.map((r) => r.row);
}

export async function begins(fx: WarehouseFixture): Promise<Record<string, number | null>> {
  const rows = await fx.db.query<{ id: string; begin: number | null }>(`SELECT id::text AS id, ${micros('__elstream_valid_from')} AS begin FROM target.items WHERE name IS DISTINCT FROM 'pad' ORDER BY items.id`);
  return Object.fromEntries(rows.map((r) => [r.id, r.begin]));
}

/** Loads rows as one preload, to its end: live, unless `open`. */
export async function preload(fx: WarehouseFixture, mapping: TableMapping, rows: readonly (readonly Cell[])[], open = false): Promise<{ runId: string; epoch: number }> {
  const begun = await fx.beginPreload(mapping);
  await fx.loadChunk(mapping, await fx.claimTask(begun.runId, mapping, begun.epoch), rows);
  if (!open) await fx.finish(mapping, begun.runId, begun.epoch);
  return begun;
}

/** Inserts that make a batch a bulk one, far away from the keys under test. */
export function padding(position: number, rows: number): ChangeEvent[] {
  return Array.from({ length: rows }, (_, i) => event.insert(items, position, [String(1_000_000 + position * 1_000 + i), 'pad', null]));
}
