import { compareMappings, LogPosition, type Cell, type ColumnType, type TableMapping } from '@elstream/core';
import type { TableState } from '@elstream/warehouse';
import { bytesOf, event, mappingOf, PIPELINE, WarehouseFixture, type ColumnLine, type WarehouseProduct } from './fixture';
import { preload as load } from './history/history.fixture';

const int: ColumnType = { kind: 'integer', bits: 32 };
const big: ColumnType = { kind: 'integer', bits: 64 };
const short = (maxLength: number): ColumnType => ({ kind: 'text', maxLength, padded: false });
const withHistory = (mapping: TableMapping): TableMapping => ({ ...mapping, history: { kind: 'derived', target: { schema: 'target', name: `${mapping.target.name}_archive` }, source: null, period: null } });

/** Following the source's schema, and beginning anew, of a table that keeps history. */
export function evolutionContract(product: WarehouseProduct): void {
  const items = (...columns: readonly ColumnLine[]): TableMapping => withHistory(mappingOf(product, 'items', columns));
  const narrow = items(['id', 'int4', int], ['name', 'varchar(10)', short(10)]);
  const wide = items(['id', 'int8', big], ['name', 'varchar(20)', short(20)], ['more', 'text']);

  // the function “as of” is made anew, and what hangs on a key's column
  const grown = ['alter-function'] as const;
  const retyped = ['alter-function', 'alter-column-null', 'index-names'] as const;

  describe('following and resetting a table that keeps history', () => {
    let fx: WarehouseFixture;
    beforeEach(async () => {
      fx = await WarehouseFixture.of(product);
      await load(fx, narrow, [['1', 'a'], ['2', 'b']]);
      await fx.apply(narrow, [event.update(narrow, 5, ['1', 'a2'])]);
    });
    afterEach(async () => {
      await fx.drop();
    });

    const state = async (): Promise<TableState | undefined> => (await fx.warehouse.readTableStates(PIPELINE)).find((s) => s.table === narrow.id);
    const evolve = async (from: TableMapping, to: TableMapping): Promise<void> => fx.warehouse.evolveTable(PIPELINE, to, compareMappings(from, to));
    const query = async (sql: string): Promise<unknown[][]> => (await fx.test.query(sql)).map((row) => Object.values(row).map((value) => (value === null || typeof value === 'boolean' ? value : String(value))));
    const archived = async (columns: string, table = 'items_archive'): Promise<unknown[][]> => query(`SELECT ${columns} FROM target.${table} AS h ORDER BY h.id, h.valid_to`);
    const FAR = '9999-01-01 00:00:00+00:00';

    product.itWith(retyped, 'adds and widens columns of rows, markers and versions, and the function “as of” returns them', async () => {
      await evolve(narrow, wide);
      expect(await fx.warehouse.checkTables([wide])).toEqual([]);
      expect(await archived('id, name, more')).toEqual([['1', 'a', null]]);
      await fx.openUse(wide);
      await fx.apply(wide, [event.update(wide, 6, ['2', 'longer than before', 'x']), event.delete(wide, 6, '9007199254740993')]);
      expect(await query(`SELECT id, name, more FROM target.items_as_of('${FAR}') AS f ORDER BY id`)).toEqual([['1', 'a2', null], ['2', 'longer than before', 'x']]);
      expect(await state()).toMatchObject({ phase: 'live', stale: 'columns were added at the source: ["more"]' });
    });

    product.itWith(retyped, 'a view of the table goes on, and shows what its columns are by then', async () => {
      await fx.test.query('CREATE VIEW target.seen AS SELECT id, name FROM target.items');
      await evolve(narrow, wide);
      await fx.apply(wide, [event.insert(wide, 6, ['9007199254740993', 'longer than before', null])]);
      expect(await query('SELECT id, name FROM target.seen ORDER BY id')).toContainEqual(['9007199254740993', 'longer than before']);
    });

    product.itWith(retyped, 'following a change twice does it once, and a process with an earlier mapping narrows nothing', async () => {
      await evolve(narrow, wide);
      await evolve(narrow, wide);
      await evolve(narrow, items(['id', 'int4', int], ['name', 'varchar(10)', short(10)]));
      expect(await fx.warehouse.checkTables([wide])).toEqual([]);
    });

    product.itWith(retyped, 'several processes that follow a change at once do it once, batches beside them or not', async () => {
      await Promise.all([...Array.from({ length: 3 }, async () => evolve(narrow, wide)), fx.apply(narrow, [event.insert(narrow, 6, ['3', 'c'])])]);
      expect(await fx.warehouse.checkTables([wide])).toEqual([]);
      expect(await fx.rows(wide)).toHaveLength(3);
    });

    product.itWith(['alter-function', 'bracket-escapes'], 'a preload that reads the added columns answers them; one planned with the earlier mapping does not', async () => {
      const longer = items(['id', 'int4', int], ['name', 'varchar(10)', short(10)], ['more', 'text'], ['"] x', 'text']);
      await evolve(narrow, longer);
      await load(fx, narrow, [['1', 'a2'], ['2', 'b']]);
      expect(await state()).toMatchObject({ stale: expect.stringContaining('more') as string });
      await load(fx, longer, [['1', 'a2', 'x', null], ['2', 'b', 'y', null]]);
      expect(await state()).toMatchObject({ stale: null });
    });

    product.itWith(grown, 'a column that is added and dropped again before a preload read it asks for none', async () => {
      const more = items(['id', 'int4', int], ['name', 'varchar(10)', short(10)], ['more', 'text']);
      const other = items(['id', 'int4', int], ['name', 'varchar(10)', short(10)], ['other', 'text']);
      await evolve(narrow, more);
      await evolve(more, other);
      await load(fx, other, [['1', 'a2', 'x']]);
      expect(await state()).toMatchObject({ stale: null });
      await evolve(other, more);
      await evolve(more, narrow);
      expect(await state()).toMatchObject({ stale: null });
    });

    describe('what was read with an earlier mapping than the stored one', () => {
      const added = items(['id', 'int4', int], ['name', 'varchar(10)', short(10)], ['more', 'text']);
      const followed = async (): Promise<void> => {
        await fx.store.saveMappings(PIPELINE, [narrow]);
        await fx.apply(narrow, [event.insert(narrow, 6, ['3', 'c'])]);
        await evolve(narrow, added);
        await fx.store.replaceMapping(PIPELINE, narrow, added);
      };

      product.itWith(grown, 'is no touch of the epoch that the preload for it begins: the stream begins again', async () => {
        await followed();
        const { runId, epoch } = await fx.beginPreload(added);
        expect(await fx.apply(narrow, [event.update(narrow, 20, ['1', 'a3'])])).toEqual({ outcome: 'lost' });
        await fx.loadChunk(added, await fx.claimTask(runId, added, epoch), [['1', 'a3', 'x']]);
        await fx.apply(added, [event.update(added, 20, ['1', 'a3', 'x'])]);
        expect(await fx.rows(added)).toContainEqual(['1', 'a3', 'x']);
      });

      product.itWith(grown, 'mends no row', async () => {
        await followed();
        await fx.openUse(narrow);
        const stands = await fx.warehouse.readStanding(narrow, [['9']]);
        const entry = { key: ['9'], expect: stands.at[0]?.standing ?? { is: 'nothing' as const }, row: ['9', 'z'] };
        await expect(fx.warehouse.repairRows({ pipeline: PIPELINE, mapping: narrow, epoch: stands.epoch, truncated: stands.truncated, entries: [entry], readUntil: LogPosition.ZERO })).rejects.toMatchObject({ code: 'MAPPING_OUTDATED', recovery: 'retry' });
      });

      it('halts no stream where the table was let go meanwhile', async () => {
        await fx.warehouse.forgetTables(PIPELINE, [narrow.id]);
        expect(await fx.apply(narrow, [event.update(narrow, 20, ['1', 'a3'])])).toEqual({ outcome: 'lost' });
        await fx.store.saveMappings(PIPELINE, [narrow]);
        await expect(fx.apply(narrow, [event.update(narrow, 20, ['1', 'a3'])])).rejects.toMatchObject({ code: 'TABLE_NOT_PREPARED' });
      });
    });

    product.itWith('index-names', 'a table that was stopped before it was ever prepared begins above the epochs of the rows it finds', async () => {
      await load(fx, narrow, [['1', 'a2'], ['2', 'b']]);
      await fx.warehouse.forgetTables(PIPELINE, [narrow.id]);
      await fx.warehouse.stopTable(PIPELINE, narrow.id, 'stopped first');
      await load(fx, narrow, [['1', 'newer']]);
      expect(await fx.rows(narrow)).toEqual([['1', 'newer']]);
    });

    product.itWith(retyped, 'a column dropped at the source stays; its return under another type takes what stands along', async () => {
      const less = items(['id', 'int4', int]);
      await evolve(narrow, less);
      expect(await fx.warehouse.checkTables([less])).toEqual([]);
      await fx.apply(less, [event.insert(less, 7, ['3'])]);
      expect(await query('SELECT id, name FROM target.items ORDER BY id')).toEqual([['1', 'a2'], ['2', 'b'], ['3', null]]);
      const returned = items(['id', 'int4', int], ['name', 'varchar(5)', short(5)]);
      await evolve(less, returned);
      expect(await fx.warehouse.checkTables([returned])).toEqual([]);
      expect(await fx.rows(returned)).toEqual([['1', 'a2'], ['2', 'b'], ['3', null]]);
    });

    product.itWith(retyped, 'reshaping keeps what was true as approximate versions, converts them, and gives markers and history the new key', async () => {
      const to: TableMapping = { ...items(['id', 'varchar(20)', short(20)], ['name', 'varchar(10)', short(10)]), key: [1] };
      await fx.warehouse.stopTable(PIPELINE, narrow.id, 'another key');
      await fx.warehouse.reshapeTable(PIPELINE, to);
      expect(await archived('id, name, deleted, __elstream_approximate')).toEqual([['1', 'a', false, false], ['1', 'a2', false, true], ['2', 'b', false, true]]);
      expect(await fx.warehouse.checkTables([to])).toEqual([]);
      await load(fx, to, [['x', 'k1'], [null, 'k2']]);
      expect(await query('SELECT id, name FROM target.items ORDER BY name')).toEqual([['x', 'k1'], [null, 'k2']]);
    });

    product.itWith(retyped, 'only a stopped table is reshaped', async () => {
      await expect(fx.warehouse.reshapeTable(PIPELINE, wide)).rejects.toMatchObject({ code: 'TABLE_NOT_STOPPED', recovery: 'refuse' });
      expect(await fx.rows(narrow)).toHaveLength(2);
    });

    product.itWith(retyped, 'versions that do not fit the new type keep their table, under another name', async () => {
      const to = items(['id', 'int4', int], ['name', 'int4', int]);
      await fx.warehouse.stopTable(PIPELINE, narrow.id, 'name is a number now');
      await fx.warehouse.reshapeTable(PIPELINE, to);
      expect(await archived('name')).toEqual([]);
      const [kept] = await query(`SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'items!_archive!_until!_%' ESCAPE '!'`);
      expect(await archived('name', String(kept?.[0]))).toEqual([['a'], ['a2'], ['b']]);
      expect(await fx.warehouse.checkTables([to])).toEqual([]);
      await load(fx, to, [['1', '7']]);
      await fx.apply(to, [event.update(to, 20, ['1', '8'])]);
      expect(await archived('name')).toEqual([['7']]);
    });

    it('a reset that drops the data takes history and the function “as of” along, and discards what is parked', async () => {
      await fx.test.query(`INSERT INTO elstream.dead_letter (pipeline, table_id, origin, op, bytes, code, reason, epoch) VALUES ('p', 'public.items', 'stream', 'insert', ${product.bytes(Buffer.from('x'))}, 'X', 'x', 1)`);
      await fx.test.query(`INSERT INTO elstream.history_due (pipeline, table_id) VALUES ('p', 'public.items')`);
      await fx.warehouse.resetTables(PIPELINE, [narrow], { dropData: true });
      expect(await query(`SELECT table_name FROM information_schema.tables WHERE table_schema = 'target'`)).toEqual([]);
      expect(await query(`SELECT routine_name FROM information_schema.routines WHERE routine_schema = 'target'`)).toEqual([]);
      expect(await query('SELECT state, note FROM elstream.dead_letter')).toEqual([['discarded', 'reset']]);
      expect(await fx.warehouse.dueHistory(PIPELINE, 10)).toEqual([]);
      await fx.apply(narrow, [event.insert(narrow, 9, ['9', 'late'])]);
      await load(fx, wide, [['1', 'anew', null]]);
      expect(await fx.rows(wide)).toEqual([['1', 'anew', null]]);
    });

    product.itWith('expression-dependencies', 'a reset does not drop the data that a view shows, and says so by its name', async () => {
      await fx.test.query('CREATE VIEW target.seen AS SELECT id, name FROM target.items');
      await expect(fx.warehouse.resetTables(PIPELINE, [narrow], { dropData: true })).rejects.toMatchObject({ code: 'RESET_BLOCKED', recovery: 'refuse', message: expect.stringContaining('target.seen') as string });
      expect(await fx.rows(narrow)).toHaveLength(2);
    });

    product.itWith('index-names', 'a reset that keeps the data leaves the rows until the next preload replaces and sweeps them', async () => {
      await fx.warehouse.resetTables(PIPELINE, [narrow], { dropData: false });
      expect(await state()).toMatchObject({ phase: 'new', rowsPreloaded: 0 });
      expect(await fx.rows(narrow)).toHaveLength(2);
      await load(fx, narrow, [['2', 'again']]);
      expect(await fx.rows(narrow)).toEqual([['2', 'again']]);
    });

    product.itWith('index-names', 'a forgotten table keeps its rows, and known again it is loaded over them', async () => {
      await load(fx, narrow, [['1', 'a2'], ['2', 'b']]);
      await fx.warehouse.forgetTables(PIPELINE, [narrow.id]);
      await fx.warehouse.forgetTables(PIPELINE, [narrow.id]);
      expect(await fx.warehouse.readTableStates(PIPELINE)).toEqual([]);
      expect(await query(`SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'marker!_%' ESCAPE '!'`)).toEqual([]);
      expect(await fx.warehouse.countRows(narrow)).toBe(2);
      await load(fx, narrow, [['1', 'newer']]);
      expect(await fx.rows(narrow)).toEqual([['1', 'newer']]);
    });

    product.itWith('index-names', 'stops a table under its preload: chunks and events write nothing, and only a preload brings it back', async () => {
      const { runId, epoch } = await fx.beginPreload(narrow);
      const claim = await fx.claimTask(runId, narrow, epoch);
      await fx.warehouse.stopTable(PIPELINE, narrow.id, 'renamed at the source');
      expect(await fx.loadChunk(narrow, claim, [['7', 'late']])).toEqual({ outcome: 'lost' });
      await fx.apply(narrow, [event.insert(narrow, 30, ['8', 'late'])]);
      expect(await fx.rows(narrow)).toEqual([['1', 'a2'], ['2', 'b']]);
      await load(fx, narrow, [['7', 'now']]);
      expect(await state()).toMatchObject({ phase: 'live', error: null });
    });

    product.itWith(grown, 'copied versions that lack an added column give way to what the source says of them now; purged ones stay', async () => {
      const timestamp: ColumnType = { kind: 'timestamp', zone: true };
      const period: readonly ColumnLine[] = [['valid_from', 'timestamptz', timestamp], ['valid_to', 'timestamptz', timestamp]];
      const copied = (...columns: readonly ColumnLine[]): TableMapping => ({
        ...mappingOf(product, 'orders', columns),
        history: { kind: 'copied', target: { schema: 'target', name: 'orders_archive' }, source: { schema: 'public', name: 'orders_archive' }, period: { from: 1, to: 2 } },
      });
      const before = copied(['id', 'int4', int], ...period);
      const now = copied(['id', 'int4', int], ...period, ['added', 'int4', int]);
      const merge = async (mapping: TableMapping, rows: Cell[][]): Promise<number> => fx.warehouse.mergeHistory({ pipeline: PIPELINE, mapping, rows: bytesOf(rows), settles: [] });
      const version = (day: number): string[] => ['1', `2026-01-0${String(day)} 00:00:00+00`, `2026-01-0${String(day + 1)} 00:00:00+00`];
      await load(fx, before, []);
      await merge(before, [[...version(1), 'f'], [...version(2), 'f']]);
      await evolve(before, now);
      await expect(merge(before, [[...version(3), 'f']])).rejects.toMatchObject({ code: 'MAPPING_OUTDATED', recovery: 'retry' });
      expect(await merge(now, [[...version(2), '5', 'f']])).toBe(1);
      expect(await merge(now, [[...version(2), '5', 'f']])).toBe(0);
      expect(await archived('added, __elstream_approximate', 'orders_archive')).toEqual([[null, true], ['5', false]]);
    });
  });
}
