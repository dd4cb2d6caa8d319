import type { TableMapping } from '@elstream/core';
import { mappingOf, WarehouseFixture } from '../warehouse.fixture';

const plain = mappingOf('it"e.ms', [['id', 'int8', { kind: 'integer', bits: 64 }], ['na"me', 'text'], ['doc', 'json']]);
const derived: TableMapping = { ...plain, history: { kind: 'derived', target: { schema: 'target', name: 'it"e.ms_archive' }, source: null, period: null } };

describe('the tables of history', () => {
  let fx: WarehouseFixture;
  beforeEach(async () => {
    fx = await WarehouseFixture.create();
  });
  afterEach(async () => {
    await fx.drop();
  });
  const prepare = async (mapping: TableMapping): Promise<void> => fx.warehouse.prepareTables(WarehouseFixture.pipeline, [mapping]);

  it('are made with the table, once, and pass the check afterwards', async () => {
    await prepare(derived);
    await prepare(derived);
    expect(await fx.warehouse.checkTables([derived])).toEqual([]);
    expect(await fx.db.query(`SELECT * FROM target."it""e.ms_as_of"(now())`)).toEqual([]);
  });

  it('come to a table that exists, when history is switched on later, and its begin goes when it is switched off', async () => {
    await prepare(plain);
    expect(await fx.warehouse.checkTables([derived])).toEqual([]);
    await prepare(derived);
    const begins = async (): Promise<number> => (await fx.db.query(`SELECT 1 FROM pg_attribute WHERE attname = '__elstream_valid_from' AND attrelid = 'target."it""e.ms"'::regclass AND NOT attisdropped`)).length;
    expect(await begins()).toBe(1);
    expect(await fx.warehouse.checkTables([plain])).toEqual([]);
    await prepare(plain);
    expect(await begins()).toBe(0);
  });

  it('keep the grants on the function when it is made again', async () => {
    await prepare(derived);
    await fx.db.query(`REVOKE EXECUTE ON FUNCTION target."it""e.ms_as_of" FROM PUBLIC`);
    await prepare(derived);
    expect(await fx.db.query(`SELECT proacl::text FROM pg_proc WHERE proname = 'it"e.ms_as_of' AND proacl::text LIKE '{=%'`)).toEqual([]);
  });

  it.each([
    ['another table in its place', 'CREATE TABLE target."it""e.ms_archive" (id int8)', 'has no column na"me'],
    ['a unique index', 'CREATE UNIQUE INDEX u ON target."it""e.ms_archive" (id)', 'unique index'],
  ])('are refused by name: %s', async (_name, statement, problem) => {
    await prepare(problem.startsWith('unique') ? derived : plain);
    await fx.db.query(statement);
    await expect(prepare(derived)).rejects.toMatchObject({ code: 'WAREHOUSE_TABLE_IN_THE_WAY', message: expect.stringContaining(problem) as string });
  });

  it('a column that would take the name of one of theirs is refused', async () => {
    const clash = mappingOf('clash', [['id', 'int8'], ['deleted', 'bool']]);
    const problems = await fx.warehouse.checkTables([{ ...clash, history: { kind: 'derived', target: { schema: 'target', name: 'clash_archive' }, source: null, period: null } }]);
    expect(problems).toEqual([expect.stringContaining('column deleted of public.clash')]);
  });
});
