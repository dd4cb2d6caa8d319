import { compareMappings, type ColumnType, type TableMapping } from '@elstream/core';
import { evolutionContract } from '@elstream/warehouse-contract';
import { postgres } from './product.fixture';
import { event, mappingOf, WarehouseFixture } from './warehouse.fixture';

evolutionContract(postgres);

const P = WarehouseFixture.pipeline;
const int: ColumnType = { kind: 'integer', bits: 32 };
const big: ColumnType = { kind: 'integer', bits: 64 };
const withHistory = (mapping: TableMapping): TableMapping => ({ ...mapping, history: { kind: 'derived', target: { schema: 'target', name: `${mapping.target.name}_archive` }, source: null, period: null } });

const narrow = withHistory(mappingOf('items', [['id', 'int4', int], ['name', 'text']]));
const wide = withHistory(mappingOf('items', [['id', 'int8', big], ['name', 'text'], ['more', 'text']]));

describe('following a table that keeps history, with what PostgreSQL knows of it', () => {
  let fx: WarehouseFixture;

  beforeEach(async () => {
    fx = await WarehouseFixture.create();
    await load(narrow, [['1', 'a'], ['2', 'b']]);
    await fx.apply(narrow, [event.update(narrow, 5, ['1', 'a2'])]);
  });
  afterEach(async () => {
    await fx.drop();
  });

  async function load(mapping: TableMapping, rows: (string | null)[][]): Promise<void> {
    const { runId, epoch } = await fx.beginPreload(mapping);
    await fx.loadChunk(mapping, await fx.claimTask(runId, mapping, epoch), rows);
    await fx.finish(mapping, runId, epoch);
  }
  const archive = async (columns = '*', table = 'items_archive') => fx.db.queryText(`SELECT ${columns} FROM target.${table} ORDER BY id::text, valid_to`);

  it('adds and widens columns of versions too, and the function “as of” returns them, its grants and a view on it kept', async () => {
    await fx.db.query(`GRANT EXECUTE ON FUNCTION target.items_as_of TO pg_monitor; CREATE VIEW target.now AS SELECT id, name FROM target.items_as_of(now())`);
    await fx.warehouse.evolveTable(P, wide, compareMappings(narrow, wide));
    expect(await archive('id, name, more, pg_typeof(id) AS type')).toEqual([{ id: '1', name: 'a', more: null, type: 'bigint' }]);
    await fx.apply(wide, [event.update(wide, 6, ['2', 'b2', 'x'])]);
    expect(await fx.db.queryText(`SELECT id, name, more FROM target.items_as_of(now()) ORDER BY id`)).toEqual([{ id: '1', name: 'a2', more: null }, { id: '2', name: 'b2', more: 'x' }]);
    expect(await fx.db.queryText('SELECT * FROM target.now ORDER BY id')).toEqual([{ id: '1', name: 'a2' }, { id: '2', name: 'b2' }]);
    expect(await fx.db.queryText(`SELECT has_function_privilege('pg_monitor', 'target.items_as_of(timestamptz)', 'EXECUTE') AS may`)).toEqual([{ may: 't' }]);
  });

  it('a view that counts on the primary key refuses another key by name, and no row is gone', async () => {
    await fx.db.query('CREATE VIEW target.grouped AS SELECT id, name, count(*) FROM target.items GROUP BY id');
    await fx.warehouse.stopTable(P, narrow.id, 'another key');
    await expect(fx.warehouse.reshapeTable(P, { ...narrow, key: [1] })).rejects.toMatchObject({ code: 'EVOLUTION_BLOCKED', message: expect.stringContaining('view target.grouped') });
    expect(await fx.rows(narrow)).toHaveLength(2);
    expect(await archive('name')).toEqual([{ name: 'a' }]);
  });

  it('reshaping keeps what was true as approximate versions, casts them, and gives markers and history the new key', async () => {
    const to: TableMapping = { ...withHistory(mappingOf('items', [['id', 'text'], ['name', 'text']])), key: [1] };
    await fx.warehouse.stopTable(P, narrow.id, 'another key');
    await fx.warehouse.reshapeTable(P, to);
    expect(await archive('id, name, deleted, __elstream_approximate AS approximate')).toEqual([
      { id: '1', name: 'a', deleted: 'f', approximate: 'f' },
      { id: '1', name: 'a2', deleted: 'f', approximate: 't' },
      { id: '2', name: 'b', deleted: 'f', approximate: 't' },
    ]);
    expect(await fx.warehouse.checkTables([to])).toEqual([]);
    expect(await fx.db.queryText(`SELECT indexdef FROM pg_indexes WHERE tablename = 'items_archive' ORDER BY indexname`)).toEqual([{ indexdef: expect.stringContaining('(__elstream_change)') }, { indexdef: expect.stringContaining('(name)') }]);
    await load(to, [['x', 'k1'], [null, 'k2']]);
    expect(await fx.db.queryText('SELECT id, name FROM target.items ORDER BY name')).toEqual([{ id: 'x', name: 'k1' }, { id: null, name: 'k2' }]);
  });

  it.each([
    ['a column of their own with a default', `ALTER TABLE target.items ADD COLUMN noted text NOT NULL DEFAULT 'by hand'`, []],
    ['a nullable column of their own', 'ALTER TABLE target.items ADD COLUMN noted text', []],
    ['a column that demands a value', 'ALTER TABLE target.items ADD COLUMN noted text NOT NULL DEFAULT 1; ALTER TABLE target.items ALTER COLUMN noted DROP DEFAULT', [expect.stringContaining('column noted')]],
    ['another primary key', 'ALTER TABLE target.items DROP CONSTRAINT items_pkey, ADD PRIMARY KEY (id, name)', [expect.stringContaining('expected (id)')]],
  ])('users may have added %s: checked', async (_what, ddl, problems) => {
    await fx.db.query(ddl);
    expect(await fx.warehouse.checkTables([narrow])).toEqual(problems);
    if (problems.length > 0) return;
    await fx.db.query(`UPDATE target.items SET noted = 'mine' WHERE id = 1`);
    await fx.apply(narrow, [event.update(narrow, 40, ['1', 'a3']), event.insert(narrow, 40, ['5', 'e'])]);
    expect(await fx.db.queryText('SELECT name, noted FROM target.items WHERE id = 1')).toEqual([{ name: 'a3', noted: 'mine' }]);
  });
});
