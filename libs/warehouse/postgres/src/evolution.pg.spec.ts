import { compareMappings, LogPosition, type ColumnType, type TableMapping } from '@elstream/core';
import { bytesOf, event, mappingOf, WarehouseFixture } from './warehouse.fixture';

const P = WarehouseFixture.pipeline;
const int: ColumnType = { kind: 'integer', bits: 32 };
const big: ColumnType = { kind: 'integer', bits: 64 };
const withHistory = (mapping: TableMapping): TableMapping => ({ ...mapping, history: { kind: 'derived', target: { schema: 'target', name: `${mapping.target.name}_archive` }, source: null, period: null } });

const narrow = withHistory(mappingOf('items', [['id', 'int4', int], ['name', 'text']]));
const wide = withHistory(mappingOf('items', [['id', 'int8', big], ['name', 'text'], ['more', 'text']]));

describe('following and resetting a table that keeps history', () => {
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
  const state = async () => (await fx.warehouse.readTableStates(P)).find((s) => s.table === narrow.id);
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

  it('several processes that follow a change at once do it once, batches beside them or not', async () => {
    const change = compareMappings(narrow, wide);
    await Promise.all([...Array.from({ length: 4 }, async () => fx.warehouse.evolveTable(P, wide, change)), fx.apply(narrow, [event.insert(narrow, 6, ['3', 'c'])])]);
    expect(await fx.warehouse.checkTables([wide])).toEqual([]);
    expect(await fx.rows(wide)).toHaveLength(3);
  });

  it('a view that counts on the primary key refuses another key by name, and no row is gone', async () => {
    await fx.db.query('CREATE VIEW target.grouped AS SELECT id, name, count(*) FROM target.items GROUP BY id');
    await fx.warehouse.stopTable(P, narrow.id, 'another key');
    await expect(fx.warehouse.reshapeTable(P, { ...narrow, key: [1] })).rejects.toMatchObject({ code: 'EVOLUTION_BLOCKED', message: expect.stringContaining('view target.grouped') });
    expect(await fx.rows(narrow)).toHaveLength(2);
    expect(await archive('name')).toEqual([{ name: 'a' }]);
  });

  it('a preload that reads the added columns answers them; one planned with the earlier mapping does not', async () => {
    const longer = withHistory(mappingOf('items', [['id', 'int4', int], ['name', 'text'], ['more', 'text'], ['"] x', 'text']]));
    await fx.warehouse.evolveTable(P, longer, compareMappings(narrow, longer));
    await load(narrow, [['1', 'a2'], ['2', 'b']]);
    expect(await state()).toMatchObject({ stale: expect.stringContaining('more') });
    await load(longer, [['1', 'a2', 'x', null], ['2', 'b', 'y', null]]);
    expect(await state()).toMatchObject({ stale: null });
  });

  it('a column that is added and dropped again before a preload read it asks for none', async () => {
    const [more, other] = ['more', 'other'].map((name) => withHistory(mappingOf('items', [['id', 'int4', int], ['name', 'text'], [name, 'text']])));
    await fx.warehouse.evolveTable(P, more!, compareMappings(narrow, more!));
    await fx.warehouse.evolveTable(P, other!, compareMappings(more!, other!));
    await load(other!, [['1', 'a2', 'x']]);
    expect(await state()).toMatchObject({ stale: null });
    await fx.warehouse.evolveTable(P, more!, compareMappings(other!, more!));
    await fx.warehouse.evolveTable(P, narrow, compareMappings(more!, narrow));
    expect(await state()).toMatchObject({ stale: null });
  });

  describe('what was read with an earlier mapping than the stored one', () => {
    const added = withHistory(mappingOf('items', [['id', 'int4', int], ['name', 'text'], ['more', 'text']]));
    const followed = async (): Promise<void> => {
      await fx.store.saveMappings(P, [narrow]);
      await fx.apply(narrow, [event.insert(narrow, 6, ['3', 'c'])]);
      await fx.warehouse.evolveTable(P, added, compareMappings(narrow, added));
      await fx.store.replaceMapping(P, narrow, added);
    };

    it('is no touch of the epoch that the preload for it begins: the stream begins again', async () => {
      await followed();
      const { runId, epoch } = await fx.beginPreload(added);
      expect(await fx.apply(narrow, [event.update(narrow, 20, ['1', 'a3'])])).toEqual({ outcome: 'lost' });
      await fx.loadChunk(added, await fx.claimTask(runId, added, epoch), [['1', 'a3', 'x']]);
      await fx.apply(added, [event.update(added, 20, ['1', 'a3', 'x'])]);
      expect(await fx.rows(added)).toContainEqual(['1', 'a3', 'x']);
    });

    it('mends no row', async () => {
      await followed();
      await fx.openUse(narrow);
      const stands = await fx.warehouse.readStanding(narrow, [['9']]);
      const entry = { key: ['9'], expect: stands.at[0]!.standing, row: ['9', 'z'] };
      await expect(fx.warehouse.repairRows({ pipeline: P, mapping: narrow, epoch: stands.epoch, entries: [entry], readUntil: LogPosition.ZERO })).rejects.toMatchObject({ code: 'MAPPING_OUTDATED', recovery: 'retry' });
    });

    it('halts no stream where the table was let go meanwhile', async () => {
      await fx.warehouse.forgetTables(P, [narrow.id]);
      expect(await fx.apply(narrow, [event.update(narrow, 20, ['1', 'a3'])])).toEqual({ outcome: 'lost' });
      await fx.store.saveMappings(P, [narrow]);
      await expect(fx.apply(narrow, [event.update(narrow, 20, ['1', 'a3'])])).rejects.toMatchObject({ code: 'TABLE_NOT_PREPARED' });
    });
  });

  it('a table that was stopped before it was ever prepared begins above the epochs of the rows it finds', async () => {
    await load(narrow, [['1', 'a2'], ['2', 'b']]);
    await fx.warehouse.forgetTables(P, [narrow.id]);
    await fx.warehouse.stopTable(P, narrow.id, 'stopped first');
    await load(narrow, [['1', 'newer']]);
    expect(await fx.rows(narrow)).toEqual([['1', 'newer']]);
  });

  it('a column dropped at the source stays and is no longer demanded; its return under another type casts what stands', async () => {
    await fx.db.query(`ALTER TABLE target.items ALTER COLUMN name SET NOT NULL`);
    const less = withHistory(mappingOf('items', [['id', 'int4', int]]));
    await fx.warehouse.evolveTable(P, less, compareMappings(narrow, less));
    expect(await fx.warehouse.checkTables([less])).toEqual([]);
    await fx.apply(less, [event.insert(less, 7, ['3'])]);
    expect(await fx.db.queryText('SELECT id, name FROM target.items ORDER BY id')).toEqual([{ id: '1', name: 'a2' }, { id: '2', name: 'b' }, { id: '3', name: null }]);
    const returned = withHistory(mappingOf('items', [['id', 'int4', int], ['name', 'varchar(5)']]));
    await fx.warehouse.evolveTable(P, returned, compareMappings(less, returned));
    expect(await fx.warehouse.checkTables([returned])).toEqual([]);
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

  it('versions that do not fit the new type keep their table, under another name', async () => {
    const to = withHistory(mappingOf('items', [['id', 'int4', int], ['name', 'int4', int]]));
    await fx.warehouse.stopTable(P, narrow.id, 'name is a number now');
    await fx.warehouse.reshapeTable(P, to);
    expect(await archive()).toEqual([]);
    const [kept] = await fx.db.query<{ name: string }>(`SELECT relname AS name FROM pg_class WHERE relname LIKE 'items\\_archive\\_until\\_%'`);
    expect((await archive('name', kept?.name)).map((r) => r['name'])).toEqual(['a', 'a2', 'b']);
    expect(await fx.warehouse.checkTables([to])).toEqual([]);
    await load(to, [['1', '7']]);
    await fx.apply(to, [event.update(to, 20, ['1', '8'])]);
    expect(await archive('name')).toEqual([{ name: '7' }]);
  });

  it('a reset that drops the data takes history and the function “as of” along, and discards what is parked', async () => {
    await fx.db.query(`INSERT INTO elstream.dead_letter (pipeline, table_id, origin, op, bytes, code, reason, epoch) VALUES ('p', 'public.items', 'stream', 'insert', '', 'X', 'x', 1);
      INSERT INTO elstream.history_due (pipeline, table_id) VALUES ('p', 'public.items')`);
    await fx.warehouse.resetTables(P, [narrow], { dropData: true });
    expect(await fx.db.queryText(`SELECT to_regclass('target.items') AS t, to_regclass('target.items_archive') AS a, to_regprocedure('target.items_as_of(timestamptz)') AS f`)).toEqual([{ t: null, a: null, f: null }]);
    expect(await fx.db.queryText('SELECT state, note FROM elstream.dead_letter')).toEqual([{ state: 'discarded', note: 'reset' }]);
    expect(await fx.warehouse.dueHistory(P, 10)).toEqual([]);
    await fx.apply(narrow, [event.insert(narrow, 9, ['9', 'passed over'])]);
    await load(wide, [['1', 'anew', null]]);
    expect(await fx.rows(wide)).toEqual([['1', 'anew', null]]);
  });

  it('a forgotten table keeps its rows, and known again it is loaded over them', async () => {
    await load(narrow, [['1', 'a2'], ['2', 'b']]);
    await fx.warehouse.forgetTables(P, [narrow.id]);
    await fx.warehouse.forgetTables(P, [narrow.id]);
    expect(await fx.warehouse.readTableStates(P)).toEqual([]);
    expect(await fx.db.queryText(`SELECT count(*) AS n FROM pg_tables WHERE tablename LIKE 'marker\\_%'`)).toEqual([{ n: '0' }]);
    expect(await fx.db.queryText('SELECT count(*) AS n FROM target.items')).toEqual([{ n: '2' }]);
    await load(narrow, [['1', 'newer']]);
    expect(await fx.rows(narrow)).toEqual([['1', 'newer']]);
  });

  it('stops a table under its preload: chunks and events write nothing, and only a preload brings it back', async () => {
    const { runId, epoch } = await fx.beginPreload(narrow);
    const claim = await fx.claimTask(runId, narrow, epoch);
    await fx.warehouse.stopTable(P, narrow.id, 'renamed at the source');
    expect(await fx.loadChunk(narrow, claim, [['7', 'late']])).toEqual({ outcome: 'lost' });
    await fx.apply(narrow, [event.insert(narrow, 30, ['8', 'passed over'])]);
    expect(await fx.rows(narrow)).toEqual([['1', 'a2'], ['2', 'b']]);
    await load(narrow, [['7', 'now']]);
    expect(await state()).toMatchObject({ phase: 'live', error: null });
  });

  it('copied versions that lack an added column give way to what the source says of them now; purged ones stay', async () => {
    const copied = (columns: Parameters<typeof mappingOf>[1]): TableMapping => ({
      ...mappingOf('orders', columns),
      history: { kind: 'copied', target: { schema: 'target', name: 'orders_archive' }, source: { schema: 'public', name: 'orders_archive' }, period: { from: 1, to: 2 } },
    });
    const before = copied([['id', 'int4', int], ['valid_from', 'timestamptz'], ['valid_to', 'timestamptz']]);
    const now = copied([['id', 'int4', int], ['valid_from', 'timestamptz'], ['valid_to', 'timestamptz'], ['added', 'int4', int]]);
    const merge = async (mapping: TableMapping, rows: string[][]): Promise<number> => fx.warehouse.mergeHistory({ pipeline: P, mapping, rows: bytesOf(rows), settles: [] });
    const [a, b] = [['1', '2026-01-01 00:00:00+00', '2026-01-02 00:00:00+00'], ['1', '2026-01-02 00:00:00+00', '2026-01-03 00:00:00+00']];
    await load(before, []);
    await merge(before, [[...a, 'f'], [...b, 'f']]);
    await fx.warehouse.evolveTable(P, now, compareMappings(before, now));
    const c = ['1', '2026-01-03 00:00:00+00', '2026-01-04 00:00:00+00'];
    await expect(merge(before, [[...c, 'f']])).rejects.toMatchObject({ code: 'MAPPING_OUTDATED', recovery: 'retry' });
    expect(await merge(now, [[...b, '5', 'f']])).toBe(1);
    expect(await merge(now, [[...b, '5', 'f']])).toBe(0);
    expect(await archive('added, __elstream_approximate AS lacks', 'orders_archive')).toEqual([{ added: null, lacks: 't' }, { added: '5', lacks: 'f' }]);
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
