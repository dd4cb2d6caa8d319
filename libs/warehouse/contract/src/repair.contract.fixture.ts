import { LogPosition, type Cell } from '@elstream/core';
import type { RepairEntry, RepairOutcome, StandingRows } from '@elstream/warehouse';
import { event, mappingOf, PIPELINE, WarehouseFixture, type WarehouseProduct } from './fixture';

const row = (id: string, name: string | null): Cell[] => [id, name, 'a   ', 't'];
const at = (n: number): LogPosition => LogPosition.fromBigInt(BigInt(n), 8);
const READ_UNTIL = at(90);

/** R9: standing rows, repairs, uses of markers. */
export function repairContract(product: WarehouseProduct): void {
  const items = mappingOf(product, 'items', [['id', 'int8', { kind: 'integer', bits: 64 }], ['name', 'text'], ['code', 'bpchar(4)', { kind: 'text', maxLength: 4, padded: true }], ['ok', 'bool', { kind: 'boolean' }]]);

  describe('repairing rows (R9)', () => {
    let fx: WarehouseFixture;
    let runId: string;
    let epoch: number;

    beforeEach(async () => {
      fx = await WarehouseFixture.of(product);
      ({ runId, epoch } = await fx.beginPreload(items));
      await fx.loadChunk(items, await fx.claimTask(runId, items, epoch), [row('1', 'one'), row('2', 'two'), row('3', 'three')]);
      await fx.finish(items, runId, epoch);
      await fx.apply(items, [event.update(items, 20, row('2', 'zwei'))]);
    });
    afterEach(async () => {
      await fx.drop();
    });

    const read = (...keys: string[]): Promise<StandingRows> => fx.warehouse.readStanding(items, keys.map((key) => [key]));
    const repair = (read_: StandingRows, entries: readonly RepairEntry[]): Promise<readonly RepairOutcome[]> =>
      fx.warehouse.repairRows({ pipeline: PIPELINE, mapping: items, epoch: read_.epoch, truncated: read_.truncated, entries, readUntil: READ_UNTIL });
    /** Repairs keys, as read now, to these rows. */
    const repairNow = async (rows: Readonly<Record<string, Cell[] | null>>, settles?: string): Promise<readonly RepairOutcome[]> => {
      const keys = Object.keys(rows);
      const stands = await read(...keys);
      return repair(stands, entriesOf(stands, rows, settles));
    };
    const entriesOf = (stands: StandingRows, rows: Readonly<Record<string, Cell[] | null>>, settles?: string): RepairEntry[] =>
      Object.entries(rows).map(([key, cells], i) => ({ key: [key], expect: stands.at[i]?.standing ?? { is: 'nothing' }, row: cells, ...(settles === undefined ? {} : { settles }) }));
    const standing = async (key: string): Promise<StandingRows['at'][number] | undefined> => (await read(key)).at[0];

    it('reads rows, markers, epoch and phase together, cells in the text that readByKeys gives', async () => {
      await fx.openUse(items);
      await fx.apply(items, [event.delete(items, 30, '3')]);
      const stands = await read('2', '9', '1', '3');
      expect(stands).toEqual({
        epoch,
        phase: 'live',
        truncated: null,
        at: [
          { standing: { is: 'row', version: { epoch, kind: 'stream', position: at(20) } }, row: row('2', 'zwei') },
          { standing: { is: 'nothing' }, row: null },
          { standing: { is: 'row', version: { epoch, kind: 'preload', position: LogPosition.ZERO } }, row: row('1', 'one') },
          { standing: { is: 'marker', version: { epoch, kind: 'stream', position: at(30) } }, row: null },
        ],
      });
      expect((await fx.warehouse.readByKeys(items, [['1']]))[0]?.row).toEqual(stands.at[2]?.row);
    });

    it('asked for no key, says epoch, phase and the last truncate', async () => {
      expect(await fx.warehouse.readStanding(items, [])).toEqual({ epoch, phase: 'live', truncated: null, at: [] });
      await fx.apply(items, [event.truncate(items, 30)]);
      expect(await fx.warehouse.readStanding(items, [])).toEqual({ epoch, phase: 'live', truncated: { epoch, position: at(30) }, at: [] });
    });

    it('writes, deletes and leaves alone what is equal, exactly', async () => {
      await fx.openUse(items);
      expect(await repairNow({ 1: row('1', 'mended'), 2: null, 3: row('3', 'three'), 4: row('4', 'was missing'), 5: null })).toEqual(['written', 'deleted', 'unchanged', 'written', 'unchanged']);
      expect(await fx.rows(items)).toEqual([row('1', 'mended'), row('3', 'three'), row('4', 'was missing')]);
      expect((await standing('3'))?.standing).toMatchObject({ version: { kind: 'preload' } });
    });

    it('refuses a text that is no Unicode as the value’s fault, and writes the row once it is mended at the source', async () => {
      await fx.openUse(items);
      await expect(repairNow({ 1: row('1', 'a\ud83d'), 2: row('2', 'mended') })).rejects.toMatchObject({ recovery: 'park' });
      expect((await fx.rows(items)).map((r) => r?.[1])).toEqual(['one', 'zwei', 'three']);
      expect(await repairNow({ 1: row('1', 'a\ud83d\ude00') })).toEqual(['written']);
      expect((await standing('1'))?.row).toEqual(row('1', 'a😀'));
    });

    it('keeps the version the stream gave a row or marker of this epoch, and takes the lowest otherwise', async () => {
      await fx.openUse(items);
      await fx.apply(items, [event.delete(items, 30, '3')]);
      await repairNow({ 1: row('1', 'mended'), 2: row('2', 'mended'), 3: row('3', 'back'), 4: row('4', 'was missing') });
      const versions = (await read('1', '2', '3', '4')).at.map((a) => (a.standing.is === 'row' ? [a.standing.version.kind, a.standing.version.position.hex] : a.standing.is));
      expect(versions).toEqual([['stream', ''], ['stream', at(20).hex], ['stream', at(30).hex], ['stream', '']]);
      expect(await fx.markers(items)).toBe(0);
    });

    it('a repaired delete leaves a marker at the version it keeps, so that an older event does not bring the row back', async () => {
      await fx.openUse(items);
      await repairNow({ 2: null });
      expect((await standing('2'))?.standing).toEqual({ is: 'marker', version: { epoch, kind: 'stream', position: at(20) } });
    });

    it('an event that is still to come is applied over a repaired row', async () => {
      await fx.openUse(items);
      await repairNow({ 1: row('1', 'mended'), 3: null });
      await fx.apply(items, [event.update(items, 40, row('1', 'newer')), event.insert(items, 40, row('3', 'inserted again'))]);
      expect(await fx.rows(items)).toEqual([row('1', 'newer'), row('2', 'zwei'), row('3', 'inserted again')]);
    });

    describe('writes nothing where something moved between reading and writing', () => {
      const changed: readonly (readonly [what: string, key: string, change: () => Promise<unknown>, after: string | null])[] = [
        ['the row was changed', '1', async () => fx.apply(items, [event.update(items, 30, row('1', 'newer'))]), 'newer'],
        ['the row was deleted', '1', async () => fx.apply(items, [event.delete(items, 30, '1')]), null],
        ['a row appeared', '7', async () => fx.apply(items, [event.insert(items, 30, row('7', 'newer'))]), 'newer'],
        ['the table was truncated, which leaves no marker where nothing stood', '7', async () => fx.apply(items, [event.truncate(items, 30)]), null],
        ['a row came and went: only its marker tells', '7', async () => { await fx.apply(items, [event.insert(items, 30, row('7', 'x'))]); return fx.apply(items, [event.delete(items, 31, '7')]); }, null],
      ];
      it.each(changed)('%s', async (_what, key, change, after) => {
        await fx.openUse(items);
        const stands = await read(key);
        await change();
        expect(await repair(stands, entriesOf(stands, { [key]: row(key, 'as read at the source before') }))).toEqual(['moved']);
        expect((await standing(key))?.row?.[1] ?? null).toBe(after);
      });

      it('a row that the source no longer had is not taken away when the stream has just written it', async () => {
        await fx.openUse(items);
        const stands = await read('7');
        await fx.apply(items, [event.insert(items, 30, row('7', 'newer'))]);
        expect(await repair(stands, entriesOf(stands, { 7: null }))).toEqual(['moved']);
        expect((await standing('7'))?.row?.[1]).toBe('newer');
      });

      it('the table was loaded again: another epoch', async () => {
        const stands = await read('7');
        await fx.beginPreload(items);
        expect(await repair(stands, entriesOf(stands, { 7: row('7', 'of the epoch before') }))).toEqual(['moved']);
        expect((await standing('7'))?.standing).toEqual({ is: 'nothing' });
      });

      it('others of the same repair are written, and the one that moved settles nothing', async () => {
        await fx.openUse(items);
        const stands = await read('1', '3');
        await fx.apply(items, [event.update(items, 30, row('1', 'newer'))]);
        expect(await repair(stands, entriesOf(stands, { 1: row('1', 'older'), 3: row('3', 'mended') }))).toEqual(['moved', 'written']);
        expect(await fx.rows(items)).toEqual([row('1', 'newer'), row('2', 'zwei'), row('3', 'mended')]);
      });
    });

    it('a worker that slept until its run had ended brings no row back that came and went unmarked', async () => {
      const use = await fx.openUse(items);
      const stands = await read('7');
      await fx.warehouse.closeUse(use);
      await fx.apply(items, [event.insert(items, 30, row('7', 'x'))]);
      await fx.apply(items, [event.delete(items, 31, '7')]);
      const late = fx.warehouse.repairRows({ pipeline: PIPELINE, mapping: items, runId: use.runId, epoch, truncated: stands.truncated, entries: entriesOf(stands, { 7: row('7', 'as read at the source before') }), readUntil: READ_UNTIL });
      await expect(late).rejects.toMatchObject({ code: 'TASK_LOST', recovery: 'lost' });
      expect(await standing('7')).toEqual({ standing: { is: 'nothing' }, row: null });
    });

    it('a repair while the table preloads counts as a touch: no chunk fills over it, neither row nor absence', async () => {
      const again = await fx.beginPreload(items);
      await fx.openUse(items);
      expect(await repairNow({ 1: row('1', 'mended'), 2: null })).toEqual(['written', 'deleted']);
      await fx.loadChunk(items, await fx.claimTask(again.runId, items, again.epoch), [row('1', 'read before'), row('2', 'read before'), row('3', 'three')]);
      await fx.finish(items, again.runId, again.epoch);
      expect(await fx.rows(items)).toEqual([row('1', 'mended'), row('3', 'three')]);
    });

    it('notes until when rows may be newer than the events that still come, and never earlier than noted before', async () => {
      const noted = async (): Promise<string | null | undefined> => (await fx.test.query<{ reread_until: string | null }>('SELECT reread_until FROM elstream.table_state'))[0]?.reread_until;
      await repairNow({ 1: row('1', 'one') });
      expect(await noted()).toBeNull();
      await repairNow({ 1: row('1', 'mended') });
      expect(await noted()).toBe(READ_UNTIL.hex);
      await fx.test.query(`UPDATE elstream.table_state SET reread_until = '${at(200).hex}'`);
      await repairNow({ 1: row('1', 'again') });
      expect(await noted()).toBe(at(200).hex);
    });

    it.each(['new', 'stopped'])('refuses a table that is %s', async (phase) => {
      await fx.test.query(`UPDATE elstream.table_state SET phase = '${phase}'`);
      await expect(repairNow({ 1: row('1', 'x') })).rejects.toMatchObject({ code: 'TABLE_NOT_LIVE', recovery: 'refuse' });
    });

    it('a value the warehouse cannot hold is an error to park, and nothing of the call was written', async () => {
      await expect(repairNow({ 1: row('1', 'mended'), 2: ['2', 'x', 'too long', 't'] })).rejects.toMatchObject({ recovery: 'park' });
      expect(await fx.rows(items)).toEqual([row('1', 'one'), row('2', 'zwei'), row('3', 'three')]);
    });

    it('repairs many wide rows at once, and one key named twice once', async () => {
      const rows = Object.fromEntries(Array.from({ length: 6_000 }, (_, i) => [String(1_000 + i), row(String(1_000 + i), 'many')]));
      expect(new Set(await repairNow(rows))).toEqual(new Set(['written']));
      const stands = await read('1', '1');
      const twice = stands.at.map(({ standing: expect_ }) => ({ key: ['1'], expect: expect_, row: row('1', 'mended') }));
      expect(await repair(stands, twice)).toEqual(['written', 'unchanged']);
    });

    describe('uses of markers (R5)', () => {
      it('while a use is open deletes leave markers; closing the last one drops them', async () => {
        await fx.apply(items, [event.delete(items, 30, '3')]);
        expect(await fx.markers(items)).toBe(0);
        const [one, two] = [await fx.openUse(items), await fx.openUse(items, 'validate')];
        await fx.warehouse.openUse(one);
        await fx.apply(items, [event.delete(items, 31, '2')]);
        expect(await fx.markers(items)).toBe(1);
        await fx.warehouse.closeUse(one);
        await fx.warehouse.closeUse(one);
        expect(await fx.markers(items)).toBe(1);
        await fx.warehouse.closeUse(two);
        expect(await fx.markers(items)).toBe(0);
        await fx.apply(items, [event.delete(items, 32, '1')]);
        expect(await fx.markers(items)).toBe(0);
      });

      it('closing a use while the table preloads, or with a dead letter parked, drops no marker', async () => {
        const again = await fx.beginPreload(items);
        const use = await fx.openUse(items);
        await fx.apply(items, [event.delete(items, 31, '2')]);
        await fx.warehouse.closeUse(use);
        expect(await fx.markers(items)).toBe(1);
        await fx.test.query(`INSERT INTO elstream.dead_letter (pipeline, table_id, origin, op, bytes, code, reason, epoch) VALUES ('${PIPELINE}', '${items.id}', 'stream', 'insert', ${product.bytes(Buffer.from('x'))}, 'X', 'x', ${String(again.epoch)})`);
        await fx.finish(items, again.runId, again.epoch);
        await fx.warehouse.closeUse(use);
        expect(await fx.markers(items)).toBe(1);
      });

      it('a use whose run has ended, or is gone, is stale', async () => {
        const use = await fx.openUse(items);
        expect(await fx.warehouse.staleUses(PIPELINE)).toEqual([]);
        await fx.store.endRun(use.runId, 'failed', 'x');
        const gone = { ...use, runId: '00000000-0000-4000-8000-000000000000' };
        await fx.warehouse.openUse(gone);
        const stale = await fx.warehouse.staleUses(PIPELINE);
        expect(stale.map((s) => s.runId).sort()).toEqual([gone.runId, use.runId].sort());
        expect(stale[0]?.table).toBe(items.id);
      });

      it('of a table that was never prepared is refused', async () => {
        const other = { ...items, id: 'public.other' };
        await expect(fx.warehouse.openUse({ pipeline: PIPELINE, mapping: other, runId })).rejects.toMatchObject({ code: 'TABLE_NOT_PREPARED' });
      });
    });

    it('names the keys of rows and markers that the stream wrote above a position, up to a limit and one more', async () => {
      await fx.openUse(items);
      await fx.apply(items, [event.update(items, 30, row('1', 'x')), event.delete(items, 31, '3')]);
      const changed = async (since: number, limit: number): Promise<string[]> => (await fx.warehouse.changedKeys(items, at(since), limit)).map((key) => key.join()).sort();
      expect(await changed(10, 10)).toEqual(['1', '2', '3']);
      expect(await changed(20, 10)).toEqual(['1', '3']);
      expect(await changed(31, 10)).toEqual([]);
      expect(await changed(10, 1)).toHaveLength(2);
    });
  });
}
