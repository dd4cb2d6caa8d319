import { createTypesTable, insertTypeRows, OWN_TYPES, POSTGRES_TYPES, rotateTypeRows, TYPE_ROWS, type PostgresType } from '@elstream/testing';
import { idOf, RoundTrip, SLOW_TEST_MS } from './roundtrip.fixture';

/** Most columns of one key here; PostgreSQL takes 32, but an index row has to fit a third of a page. */
const KEY_COLUMNS = 16;
const KEY_ROWS = 250;

/** Types that can be part of a key, dealt out over tables, so that each table's key begins with another. */
const KEYS: readonly PostgresType[] = POSTGRES_TYPES.filter((t) => t.ordered !== false).map((t) => ({ ...t, values: t.values.filter((v) => !v.includes('repeat(')) }));
const KEY_TABLE_COUNT = Math.ceil(KEYS.length / KEY_COLUMNS);
const KEY_TABLES = Array.from({ length: KEY_TABLE_COUNT }, (_, i) => ({ name: `keyed ${String(i)}`, types: KEYS.filter((_type, k) => k % KEY_TABLE_COUNT === i) }));

function createKeyed({ name, types }: (typeof KEY_TABLES)[number]): string {
  const columns = types.map((t) => `"${t.name}"`);
  const row = (n: number): string => `(${[String(n), ...types.map((t, i) => t.values[(n + i) % t.values.length] ?? 'NULL'), `'note ${String(n)}'`].join(', ')})`;
  return [
    `CREATE TABLE "${name}" (n int4, ${types.map((t) => `"${t.name}" ${t.type}`).join(', ')}, note text, PRIMARY KEY (${[...columns, 'n'].join(', ')}))`,
    ...Array.from({ length: KEY_ROWS }, (_, n) => `INSERT INTO "${name}" VALUES ${row(n)}`),
  ].join(';\n');
}

/** Moves the keys of rows with `n` below `rows`: each gets the key of the row after it, and keeps the rest. */
function rotateKeys({ name, types }: (typeof KEY_TABLES)[number], rows: number): string {
  const set = types.map((t) => `"${t.name}" = o."${t.name}"`).join(', ');
  return `UPDATE "${name}" AS t SET ${set} FROM "${name}" AS o WHERE t.n < ${String(rows)} AND o.n = (t.n + 1) % ${String(KEY_ROWS)}`;
}

jest.setTimeout(SLOW_TEST_MS);

describe('every PostgreSQL type at its edges', () => {
  let trip: RoundTrip;
  const PRELOADED = idOf('preloaded');
  const STREAMED = idOf('streamed');

  beforeAll(async () => {
    trip = await RoundTrip.open(
      [
        OWN_TYPES,
        createTypesTable('preloaded'),
        createTypesTable('streamed'),
        ...insertTypeRows('preloaded'),
        ...KEY_TABLES.map(createKeyed),
      ],
      'defaults: { chunkRows: 100 }',
    );
  });
  afterAll(async () => {
    await trip[Symbol.asyncDispose]();
  });

  it('is preloaded with its stored text, as a value and as part of a key, and validated equal', async () => {
    const overview = await trip.preload();
    expect(overview).toMatchObject({ differences: 0, unverified: 0 });
    expect(overview.rowsCompared).toBeGreaterThanOrEqual(TYPE_ROWS + KEY_TABLES.length * KEY_ROWS);
    for (const table of await trip.tables()) expect(await trip.differences(table)).toEqual([]);
    expect(overview.tables.find((t) => t.table === idOf('keyed 0'))?.preload.total).toBe(3);
  });

  it('is streamed with its stored text by inserts and by updates that replace every value, NULL included', async () => {
    await trip.stream(...insertTypeRows('streamed'));
    expect(await trip.differences(STREAMED)).toEqual([]);
    await trip.stream(rotateTypeRows('streamed'), rotateTypeRows('preloaded'));
    expect(await trip.differences(STREAMED)).toEqual([]);
    expect(await trip.differences(PRELOADED)).toEqual([]);
  });

  it('goes with its row', async () => {
    await trip.stream('DELETE FROM streamed WHERE id % 2 = 0', 'DELETE FROM preloaded WHERE id % 3 = 0');
    expect(await trip.differences(STREAMED)).toEqual([]);
    expect(await trip.differences(PRELOADED)).toEqual([]);
  });

  it.each([
    ['few', 40],
    ['many', KEY_ROWS],
  ])('moves rows where it is part of their key, %s at once, and finds them again to update and delete', async (_name, rows) => {
    await trip.stream(...KEY_TABLES.map((table) => rotateKeys(table, rows)));
    await trip.stream(...KEY_TABLES.map(({ name }) => `UPDATE "${name}" SET note = note || '!' WHERE n % 2 = 0; DELETE FROM "${name}" WHERE n % 7 = ${String(rows % 7)}`));
    for (const { name } of KEY_TABLES) expect(await trip.differences(idOf(name))).toEqual([]);
  });
});
