import { CAPTURE_RESUMED, LogPosition, type ParkedEvent } from '@elstream/core';
import { event, mappingOf, PIPELINE, WarehouseFixture, type WarehouseProduct } from './fixture';

/** R7 for a batch: what is parked, settled, discarded; trials. */
export function deadLettersContract(product: WarehouseProduct): void {
  const items = mappingOf(product, 'items', [['id', 'int8', { kind: 'integer', bits: 64 }], ['name', 'varchar(10)'], ['body', 'text']]);
  const other = mappingOf(product, 'other', [['id', 'int8', { kind: 'integer', bits: 64 }]]);

  const letter = (id: string, more: Partial<ParkedEvent> = {}): ParkedEvent => ({
    table: items.id,
    origin: 'stream',
    op: 'update',
    key: [id],
    oldKey: null,
    row: [id, 'much too long a name', undefined],
    bytes: Buffer.from(`${id}\tmuch too long a name\t\\N\n`),
    code: 'DB_22001',
    reason: 'a text is too long for its column',
    position: LogPosition.fromBigInt(30n, 8),
    committedAtUs: 30n,
    ...more,
  });

  /** A character that no text of PostgreSQL holds. */
  const holdsNul = product.product === 'mssql';
  const nulAs = holdsNul ? '\0' : '\ufffd';

  describe('dead letters (R7)', () => {
    let fx: WarehouseFixture;
    let runId: string;
    let epoch: number;

    beforeEach(async () => {
      fx = await WarehouseFixture.of(product);
      ({ runId, epoch } = await fx.beginPreload(items));
      await fx.loadChunk(items, await fx.claimTask(runId, items, epoch), [['1', 'one', 'b1'], ['2', 'two', 'b2']]);
      await fx.finish(items, runId, epoch);
    });
    afterEach(async () => {
      await fx.drop();
    });
    const state = async (table = items.id): Promise<unknown> => (await fx.warehouse.readTableStates(PIPELINE)).find((s) => s.table === table);
    const states = async (): Promise<string[]> => (await fx.deadLetters()).map((d) => d.state);

    it('are parked in the transaction of the rest of their batch, with bytes, reason, place in the log and the table’s epoch', async () => {
      expect(await fx.apply(items, [event.update(items, 30, ['1', 'eins', 'b1'])], new Map(), { parked: [letter('2', { oldKey: ['3'] })] })).toMatchObject({ outcome: 'applied', rowsWritten: 1 });
      expect(await fx.deadLetters()).toMatchObject([
        {
          table_id: items.id, state: 'parked', origin: 'stream', op: 'update', key: ['2'], old_key: ['3'], row: ['2', 'much too long a name', { unknown: true }],
          bytes: '2\tmuch too long a name\t\\N\n', code: 'DB_22001', reason: 'a text is too long for its column', position: '000000000000001e', committed_at_us: '30', epoch, settled_at: null, note: null,
        },
      ]);
      expect((await fx.rows(items))[0]).toEqual(['1', 'eins', 'b1']);
    });

    it('are not there when another process moved the checkpoint', async () => {
      const stale = fx.checkpoint;
      await fx.apply(items, []);
      fx.checkpoint = stale;
      expect(await fx.apply(items, [], new Map(), { parked: [letter('2')] })).toEqual({ outcome: 'lost' });
      expect(await fx.deadLetters()).toEqual([]);
    });

    product.itWith('nul-characters', 'of what cannot be read have neither key nor row, and text that not every product holds hinders nothing', async () => {
      const poison = letter('x', { op: 'poison', key: null, row: null });
      const nul = letter('x', { op: 'insert', key: ['a\0b'], oldKey: ['c'], row: ['a\0b', '\ud800', null], reason: 'key a\0b' });
      expect(await fx.apply(items, [], new Map(), { parked: [poison, nul] })).toMatchObject({ outcome: 'applied' });
      expect(await fx.deadLetters()).toMatchObject([
        { op: 'poison', key: null, row: null },
        { key: holdsNul ? ['a\0b'] : null, old_key: ['c'], row: [`a${nulAs}b`, '\ufffd', null], reason: `key a${nulAs}b` },
      ]);
    });

    it.each(['new', 'stopped'])('are passed over, as all events are, where the table is %s', async (phase) => {
      await fx.test.query(`UPDATE elstream.table_state SET phase = '${phase}'`);
      expect(await fx.apply(items, [], new Map(), { parked: [letter('2'), letter('1', { table: 'public.unheard_of' })] })).toMatchObject({ outcome: 'applied' });
      expect(await fx.deadLetters()).toEqual([]);
    });

    product.itWith('nul-characters', 'note versions of their keys that the source has all the same, where history is copied', async () => {
      await fx.apply(items, [], new Map(), { parked: [letter('2', { dueHistory: [['2'], ['a\0b'], ['3']] })] });
      expect((await fx.warehouse.dueHistory(PIPELINE, 10)).map((due) => [due.table, due.key])).toEqual([[items.id, ['2']], ...(holdsNul ? [[items.id, ['a\0b']]] : []), [items.id, ['3']]]);
    });

    it('keep delete markers while they are parked', async () => {
      await fx.apply(items, [], new Map(), { parked: [letter('2')] });
      await fx.apply(items, [event.delete(items, 40, '1')]);
      expect(await fx.markers(items)).toBe(1);
    });

    it('stop the table above the limit for one code, and say what, how many and what to do; the other table goes on', async () => {
      const second = await fx.beginPreload(other);
      const many = Array.from({ length: 3 }, (_, i) => letter(String(i)));
      await fx.apply(items, [], new Map(), { parked: [...many, letter('8', { code: 'DB_22003' })], parkLimit: 3 });
      expect(await state()).toMatchObject({ phase: 'live', error: null });
      await fx.apply(items, [event.update(items, 31, ['1', 'eins', 'b1'])], new Map(), { parked: [letter('9'), letter('1', { table: other.id })], parkLimit: 3 });
      expect(await state()).toMatchObject({ phase: 'stopped', error: expect.stringMatching(/^4 events or rows are parked for DB_22001, more than the limit of 3; the last: a text is too long for its column.*start a run/) as unknown });
      expect(await state(other.id)).toMatchObject({ phase: 'preloading', epoch: second.epoch });
      expect(await fx.deadLetters()).toHaveLength(6);
      expect(await fx.apply(items, [event.update(items, 32, ['1', 'passed over', 'b1'])])).toMatchObject({ outcome: 'applied', rowsWritten: 0 });
    });

    it('stop no table as rows that capture may have left out, however many', async () => {
      const left = Array.from({ length: 5 }, (_, i) => letter(String(i), { op: 'poison', row: null, code: CAPTURE_RESUMED }));
      await fx.apply(items, [], new Map(), { parked: [...left, letter('8')], parkLimit: 3 });
      expect(await state()).toMatchObject({ phase: 'live', error: null });
      expect(await fx.deadLetters()).toHaveLength(6);
      await fx.apply(items, [], new Map(), { parked: Array.from({ length: 3 }, (_, i) => letter(String(i))), parkLimit: 3 });
      expect(await state()).toMatchObject({ phase: 'stopped', error: expect.stringMatching(/^4 events or rows are parked for DB_22001/) as unknown });
    });

    it('take thousands at once', async () => {
      await fx.apply(items, [], new Map(), { parked: Array.from({ length: 1_201 }, (_, i) => letter(String(i))), parkLimit: 5_000 });
      expect((await fx.deadLetters()).map((d) => (d.key as string[])[0])).toEqual(Array.from({ length: 1_201 }, (_, i) => String(i)));
    });

    it('of an older epoch are discarded when the table is preloaded again: it reads the rows anew', async () => {
      await fx.apply(items, [], new Map(), { parked: [letter('2')] });
      const again = await fx.beginPreload(items);
      expect(await fx.deadLetters()).toMatchObject([{ state: 'discarded', note: 'the table was preloaded again', settled_at: expect.any(Date) as unknown }]);
      await fx.apply(items, [], new Map(), { parked: [letter('2')] });
      expect(await fx.warehouse.beginPreload(PIPELINE, items, again.runId)).toBe(again.epoch);
      expect(await states()).toEqual(['discarded', 'parked']);
    });

    describe('are settled together with the repair of their key', () => {
      const settle = async (id: string, key: string, cells: [string, string, string] | null): Promise<unknown> => {
        const stands = await fx.warehouse.readStanding(items, [[key]]);
        return fx.warehouse.repairRows({
          pipeline: PIPELINE, mapping: items, epoch, truncated: stands.truncated, readUntil: LogPosition.fromBigInt(50n, 8),
          entries: [{ key: [key], expect: stands.at[0]!.standing, row: cells, settles: id }],
        });
      };
      const replay = async (cells: [string, string, string] | null): Promise<unknown> => {
        await fx.apply(items, [], new Map(), { parked: [letter('2')] });
        return settle((await fx.deadLetters())[0]!.id, '2', cells);
      };

      it.each([
        ['written', ['2', 'mended', 'b2'] as [string, string, string]],
        ['unchanged', ['2', 'two', 'b2'] as [string, string, string]],
        ['deleted', null],
      ])('%s', async (outcome, cells) => {
        expect(await replay(cells)).toEqual([outcome]);
        expect(await fx.deadLetters()).toMatchObject([{ state: 'replayed', settled_at: expect.any(Date) as unknown, note: expect.any(String) as unknown }]);
      });

      it('the last one takes the delete markers with it, unless a use is open', async () => {
        await fx.apply(items, [], new Map(), { parked: [letter('2'), letter('3'), letter('4')] });
        const [first, second, third] = (await fx.deadLetters()).map((d) => d.id);
        await fx.apply(items, [event.delete(items, 40, '1')]);
        const use = await fx.openUse(items);
        await settle(first!, '2', ['2', 'mended', 'b2']);
        await fx.warehouse.closeUse(use);
        await settle(second!, '3', null);
        expect(await fx.markers(items)).toBe(1);
        await settle(third!, '4', null);
        expect(await fx.markers(items)).toBe(0);
      });

      it('stay parked where the value still does not fit', async () => {
        await expect(replay(['2', 'much too long a name', 'b2'])).rejects.toMatchObject({ recovery: 'park' });
        expect(await states()).toEqual(['parked']);
      });
    });

    /** Small batches go through TypeORM, large ones by staged SQL: a trial judges both. */
    describe.each([['small', 0], ['bulk', 300]])('trials of %s batches', (_name, padding) => {
      const padded = Array.from({ length: padding }, (_, i) => event.insert(items, 30, [String(10_000 + i), 'pad', null]));
      const trial = (...events: Parameters<WarehouseFixture['apply']>[1]): ReturnType<WarehouseFixture['apply']> => fx.apply(items, [...padded, ...events], new Map(), { trial: true });

      it('do everything and leave nothing, wherever the checkpoint stands', async () => {
        const before = fx.checkpoint;
        await fx.apply(items, [event.insert(items, 25, ['3', 'three', null])]);
        fx.checkpoint = before;
        const rows = await fx.rows(items);
        expect(await trial(event.insert(items, 30, ['4', 'four', null]), event.delete(items, 30, '1'), event.truncate(items, 30), event.insert(items, 30, ['5', 'five', null]))).toEqual({ outcome: 'tried' });
        expect(await fx.rows(items)).toEqual(rows);
        expect(await fx.warehouse.readCheckpoint(PIPELINE, '0')).not.toEqual(before);
      });

      it('ask for no row to be read again: what is unknown counts as NULL', async () => {
        await fx.beginPreload(items);
        expect(await trial(event.update(items, 30, ['1', 'eins', undefined]), event.update(items, 30, ['7', undefined, undefined], ['2']))).toEqual({ outcome: 'tried' });
      });

      it('fail as the batch would, by a value or by a constraint of the target', async () => {
        await expect(trial(event.insert(items, 30, ['4', 'much too long a name', null]))).rejects.toMatchObject({ code: product.codes.tooLong, recovery: 'park' });
        await expect(trial(event.delete(items, 30, '99999999999999999999'))).rejects.toMatchObject({ code: product.codes.outOfRange, recovery: 'park' });
        await fx.test.query(`ALTER TABLE target.items ADD CHECK (name <> 'bad')`);
        await expect(trial(event.update(items, 30, ['1', 'bad', undefined]))).rejects.toMatchObject({ code: product.codes.check, recovery: 'park' });
        expect(await trial(event.update(items, 30, ['1', 'good', undefined]))).toEqual({ outcome: 'tried' });
      });

      it('name a key too large for its index as something to park', async () => {
        const texts = mappingOf(product, 'texts', [['id', 'text', { kind: 'text', maxLength: null, padded: false }], ['name', 'text'], ['body', 'text']]);
        await fx.beginPreload(texts);
        let random = '';
        for (let x = 1; random.length < 12_000; x = (x * 48_271) % 2_147_483_647) random += x.toString(36);
        const many = Array.from({ length: padding }, (_, i) => event.insert(texts, 30, [String(i), 'pad', null]));
        await expect(fx.apply(texts, [...many, event.insert(texts, 30, [random, 'x', null])], new Map(), { trial: true })).rejects.toMatchObject({ code: product.codes.keyTooLong, recovery: 'park' });
      });
    });
  });
}
