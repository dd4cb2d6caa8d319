import { type Cell, type EventCell, type TableMapping } from '@elstream/core';
import { CANONICAL_SETTINGS } from '@elstream/database';
import { createTestDatabase, createTypesTable, insertTypeRows, OWN_TYPES, POSTGRES_TYPES, rotateTypeRows } from '@elstream/testing';
import { event, WarehouseFixture } from './warehouse.fixture';

const COLUMNS = ['id', ...POSTGRES_TYPES.map((t) => t.name)];
const FAR = 1_000_000;
/** More rows than small writes take. */
const PADDING = Array.from({ length: 300 }, (_, i) => String(FAR + i));

function typesMapping(name: string): TableMapping {
  const types = [{ name: 'id', type: 'int8' }, ...POSTGRES_TYPES];
  return {
    id: `public.${name}`,
    source: { schema: 'public', name },
    target: { schema: 'target', name },
    columns: types.map((t) => ({ source: t.name, target: t.name, type: { kind: 'other' }, targetType: ('carried' in t ? t.carried : undefined) ?? `pg_catalog.${t.type}`, nullable: true, mask: null })),
    key: [0],
    chunkRows: 1000,
  };
}

/** The canonical text of all values, as first inserted and after every column was updated. */
async function typeRows(): Promise<{ readonly first: Cell[][]; readonly second: Cell[][] }> {
  await using db = await createTestDatabase('types');
  await db.query(OWN_TYPES + createTypesTable('public.t'));
  for (const insert of insertTypeRows('public.t')) await db.query(insert);
  for (const [name, value] of Object.entries(CANONICAL_SETTINGS)) await db.query('SELECT set_config($1, $2, false)', [name, value]);
  const read = async (): Promise<Cell[][]> => (await db.queryText('SELECT * FROM public.t ORDER BY id')).map((row) => COLUMNS.map((name) => row[name] ?? null));
  const first = await read();
  await db.query(rotateTypeRows('public.t'));
  return { first, second: await read() };
}

/** Says which columns of which rows differ instead of printing megabytes. */
function differing(found: readonly (readonly Cell[] | undefined)[], wanted: readonly (readonly Cell[])[]): string[] {
  const byId = new Map(found.map((row) => [row?.[0], row]));
  const short = (cell: Cell | undefined): string => JSON.stringify(cell)?.slice(0, 60) ?? 'nothing';
  return [
    ...(found.length === wanted.length ? [] : [`${String(found.length)} rows of ${String(wanted.length)}`]),
    ...wanted.flatMap((row) => row.flatMap((cell, i) => (byId.get(row[0])?.[i] === cell ? [] : [`row ${row[0] ?? ''} ${COLUMNS[i] ?? ''}: ${short(byId.get(row[0])?.[i])} for ${short(cell)}`]))),
  ];
}

describe('a value of any type', () => {
  let fx: WarehouseFixture;
  let rows: Awaited<ReturnType<typeof typeRows>>;
  const ways = ['small', 'bulk', 'chunk'] as const;
  const tables = new Map(ways.map((way) => [way, typesMapping(way)]));
  const table = (way: (typeof ways)[number]): TableMapping => tables.get(way) as TableMapping;
  const nulls: Cell[] = POSTGRES_TYPES.map(() => null);
  const pad = (way: 'small' | 'bulk', position: number) => (way === 'small' ? [] : PADDING.map((id) => event.insert(table(way), position, [id, ...nulls])));
  const written = async (way: (typeof ways)[number]): Promise<(readonly Cell[] | undefined)[]> => (await fx.rows(table(way))).filter((row) => Number(row?.[0]) < FAR);

  beforeAll(async () => {
    rows = await typeRows();
    fx = await WarehouseFixture.create();
    for (const way of ways) {
      const { runId, epoch } = await fx.beginPreload(table(way));
      if (way === 'chunk') await fx.loadChunk(table(way), await fx.claimTask(runId, table(way), epoch), rows.first);
      else await fx.apply(table(way), [...rows.first.map((row) => event.insert(table(way), 10, row)), ...pad(way, 10)]);
      await fx.finish(table(way), runId, epoch);
    }
  });
  afterAll(async () => {
    await fx.drop();
  });

  it.each(ways)('arrives by the %s way as the source printed it', async (way) => {
    expect(differing(await written(way), rows.first)).toEqual([]);
  });

  it.each(['small', 'bulk'] as const)('replaces any other by the %s way, NULL included', async (way) => {
    const result = await fx.apply(table(way), [...rows.second.map((row) => event.update(table(way), 20, row)), ...pad(way, 20)]);
    expect(result.outcome).toBe('applied');
    expect(differing(await written(way), rows.second)).toEqual([]);
  });

  it.each(['small', 'bulk'] as const)('stays what it was by the %s way where an event of a moved row does not carry it', async (way) => {
    const moved = (id: Cell): string => String(Number(id) + 1000);
    const unknown: EventCell[] = POSTGRES_TYPES.map(() => undefined);
    const result = await fx.apply(table(way), [...rows.second.map(([id]) => event.update(table(way), 30, [moved(id ?? null), ...unknown], [id ?? ''])), ...pad(way, 30)]);
    expect(result.outcome).toBe('applied');
    expect(differing(await written(way), rows.second.map(([id, ...cells]) => [moved(id ?? null), ...cells]))).toEqual([]);
  });
});

describe('a warehouse type given by configuration', () => {
  const values: readonly (readonly [type: string, text: string])[] = [
    ['timestamp', '2024-01-01 00:00:00.000001'],
    ['timestamptz', 'infinity'],
    ['timestamp with time zone', '2024-01-01 00:00:00.000001+00'],
    ['timestamp without time zone', '0044-03-15 00:00:00 BC'],
    ['date', '5874897-12-31'],
    ['time', '24:00:00'],
    ['json', '{"a": 12345678901234567890, "a": "b"}'],
    ['jsonb', '"text"'],
    ['boolean', 't'],
    ['bigint', '9223372036854775807'],
    ['point', '(0.1,2)'],
    ['numeric(20,4)', 'NaN'],
    ['character varying(3)', 'a\tb'],
    ['text[]', '{a,NULL}'],
  ];

  it('holds the same text by the small and the bulk way, however TypeORM would treat a column of that name', async () => {
    const fx = await WarehouseFixture.create();
    try {
      for (const [turn, padding] of [0, 300].entries()) {
        const position = 10 + 10 * turn;
        const mapping: TableMapping = {
          id: `public.o${String(padding)}`,
          source: { schema: 'public', name: `o${String(padding)}` },
          target: { schema: 'target', name: `o${String(padding)}` },
          columns: [['bigint', ''] as const, ...values].map(([type], i) => ({ source: `s${String(i)}`, target: `s${String(i)}`, type: { kind: 'other' }, targetType: type, nullable: true, mask: null })),
          key: [0],
          chunkRows: 1000,
        };
        await fx.beginPreload(mapping);
        const row = ['1', ...values.map(([, text]) => text)];
        const pads = PADDING.slice(0, padding).map((id) => event.insert(mapping, position, [id, ...values.map(() => null)]));
        await fx.apply(mapping, [...pads, event.insert(mapping, position, row)]);
        expect((await fx.rows(mapping)).find((r) => r?.[0] === '1')).toEqual(row);
        await fx.apply(mapping, [event.update(mapping, position + 1, row.map((cell, i) => (i === 1 ? undefined : cell)))]);
        expect((await fx.rows(mapping)).find((r) => r?.[0] === '1')).toEqual(row);
      }
    } finally {
      await fx.drop();
    }
  });
});
