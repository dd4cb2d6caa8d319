import { LogPosition, type ChangeEvent } from '@elstream/core';
import { event, WarehouseFixture, type WarehouseProduct } from '../fixture';
import { asOf, begins, itemsWithHistory, padding, preload, versions } from './history.fixture';

/** R13: versions derived from every event. */
export function derivedHistoryContract(product: WarehouseProduct): void {
  const items = itemsWithHistory(product);

  describe.each([
    ['small writes', 0],
    ['bulk writes', 300],
  ])('derived history by %s', (_name, pads) => {
    let fx: WarehouseFixture;
    beforeEach(async () => {
      fx = await WarehouseFixture.of(product);
      await preload(fx, items, [['1', 'one', 'b1'], ['2', 'two', 'b2'], ['3', 'three', null]]);
    });
    afterEach(async () => {
      await fx.drop();
    });
    const apply = async (...events: ChangeEvent[]): Promise<unknown> => {
      const [first] = events;
      if (first === undefined || first.op === 'counter') throw new Error('no events');
      return fx.apply(items, [...padding(items, Number(first.tx.committedAtUs), pads), ...events]);
    };

    it('keeps every version of a key that changes several times in one batch', async () => {
      await apply(event.update(items, 10, ['1', 'a', 'b1']), event.update(items, 11, ['1', 'b', 'b1']), event.update(items, 12, ['1', 'c', 'b1']));
      expect(await versions(fx)).toEqual([
        { row: ['1', 'one', 'b1'], from: null, to: 10, deleted: false, approximate: false },
        { row: ['1', 'a', 'b1'], from: 10, to: 11, deleted: false, approximate: false },
        { row: ['1', 'b', 'b1'], from: 11, to: 12, deleted: false, approximate: false },
      ]);
      expect(await begins(fx)).toEqual({ 1: 12, 2: null, 3: null });
      expect(await fx.warehouse.checkHistory(items)).toEqual({ versions: 3, holes: 0, approximate: 0 });
    });

    it('goes on where the batch before stopped', async () => {
      await apply(event.update(items, 10, ['1', 'a', 'b1']));
      await apply(event.update(items, 20, ['1', 'b', 'b1']));
      await apply(event.delete(items, 30, '1'));
      expect((await versions(fx)).map((v) => [v.row[1], v.from, v.to, v.deleted])).toEqual([['one', null, 10, false], ['a', 10, 20, false], ['b', 20, 30, true]]);
    });

    product.itWith('hundred-nanoseconds', 'a row deleted and inserted again in one batch leaves a hole between its versions, and no other', async () => {
      await apply(event.delete(items, 10, '1'), event.insert(items, 15, ['1', 'again', null]));
      expect((await versions(fx)).map((v) => [v.row[1], v.from, v.to, v.deleted])).toEqual([['one', null, 10, true]]);
      expect(await begins(fx)).toMatchObject({ 1: 15 });
      expect(await asOf(fx, 12)).toEqual([['2', 'two', 'b2'], ['3', 'three', null]]);
      expect(await fx.warehouse.checkHistory(items)).toMatchObject({ holes: 0 });
    });

    it('a row inserted and deleted in one batch is kept', async () => {
      await apply(event.insert(items, 10, ['7', 'short', 'life']), event.delete(items, 12, '7'));
      expect(await versions(fx)).toEqual([{ row: ['7', 'short', 'life'], from: 10, to: 12, deleted: true, approximate: false }]);
    });

    it('a row that moves ends at its old key and begins at the new one, with the columns the event does not carry', async () => {
      await apply(event.update(items, 10, ['9', 'moved', undefined], ['1']), event.update(items, 11, ['9', 'changed', undefined]));
      expect((await versions(fx)).map((v) => [...v.row, v.from, v.to, v.deleted, v.approximate])).toEqual([
        ['1', 'one', 'b1', null, 10, true, false],
        ['9', 'moved', 'b1', 10, 11, false, false],
      ]);
      expect(await fx.rows(items).then((rows) => rows.filter((r) => r?.[1] === 'changed'))).toEqual([['9', 'changed', 'b1']]);
    });

    it('takes columns that an event does not carry from the version before', async () => {
      await apply(event.update(items, 10, ['1', 'a', undefined]), event.update(items, 11, ['1', 'b', 'new']), event.update(items, 12, ['1', 'c', undefined]), event.delete(items, 13, '1'));
      expect((await versions(fx)).map((v) => v.row)).toEqual([['1', 'one', 'b1'], ['1', 'a', 'b1'], ['1', 'b', 'new'], ['1', 'c', 'new']]);
    });

    it('a truncate leaves one deleted version per removed row, of rows touched before it in the batch too', async () => {
      await apply(event.update(items, 10, ['1', 'a', 'b1']), event.insert(items, 11, ['4', 'four', null]), event.delete(items, 12, '3'), event.truncate(items, 20), event.insert(items, 21, ['1', 'after', null]), event.insert(items, 21, ['2', 'after', null]));
      expect((await versions(fx)).map((v) => [v.row[0], v.row[1], v.from, v.to, v.deleted])).toEqual([
        ['1', 'one', null, 10, false],
        ['1', 'a', 10, 20, true],
        ['2', 'two', null, 20, true],
        ['3', 'three', null, 12, true],
        ['4', 'four', 11, 20, true],
      ]);
      expect(await begins(fx)).toEqual({ 1: 21, 2: 21 });
    });

    it('versions do not go back in time when the source’s clock does', async () => {
      await apply(event.update(items, 100, ['1', 'a', 'b1']));
      const back = { ...event.update(items, 110, ['1', 'b', 'b1']), tx: { position: LogPosition.fromBigInt(110n, 8), committedAtUs: 90n } } as ChangeEvent;
      await fx.apply(items, [...padding(items, 110, pads), back]);
      await apply(event.delete(items, 120, '1'));
      expect((await versions(fx)).map((v) => [v.row[1], v.from, v.to])).toEqual([['one', null, 100], ['a', 100, 100], ['b', 100, 120]]);
      expect(await fx.warehouse.checkHistory(items)).toMatchObject({ holes: 0 });
    });

    it('a batch that another process has applied already doubles nothing', async () => {
      const before = fx.checkpoint;
      const events = [event.update(items, 10, ['1', 'a', 'b1']), event.delete(items, 11, '2')];
      await apply(...events);
      const once = await versions(fx);
      const after = fx.checkpoint;
      fx.checkpoint = before;
      expect(await apply(...events)).toEqual({ outcome: 'lost' });
      fx.checkpoint = after;
      // sent again: below the highest position they are recognised, at it they are not of this batch any more
      await fx.apply(items, [...padding(items, 12, pads), event.update(items, 12, ['3', 'x', null]), ...events]);
      expect((await versions(fx)).filter((v) => v.row[0] !== '3')).toEqual(once);
    });

    it('a trial leaves no version', async () => {
      const all = [...padding(items, 10, pads), event.update(items, 10, ['1', 'a', 'b1'])];
      expect(await fx.apply(items, all, new Map(), { trial: true })).toEqual({ outcome: 'tried' });
      expect(await versions(fx)).toEqual([]);
    });

    describe('while the table preloads', () => {
      it('a preload row may have been read after the event that ends it, and leaves none until the table is live', async () => {
        await fx.drop();
        fx = await WarehouseFixture.of(product);
        const { runId, epoch } = await preload(fx, items, [['1', 'read later', 'b']], true);
        await apply(event.update(items, 10, ['1', 'a', 'b']));
        await apply(event.update(items, 11, ['1', 'b', 'b']));
        expect((await versions(fx)).map((v) => [v.row[1], v.from, v.to])).toEqual([['a', 10, 11]]);
        await fx.finish(items, runId, epoch);
      });

      it('a row that took cells from a preload row leaves versions that say so, until the table is live', async () => {
        await fx.drop();
        fx = await WarehouseFixture.of(product);
        const { runId, epoch } = await preload(fx, items, [['1', 'one', 'read later']], true);
        await apply(event.update(items, 10, ['1', 'a', undefined]));
        await apply(event.update(items, 11, ['1', 'b', undefined]));
        await apply(event.update(items, 12, ['1', 'c', 'read later']));
        expect((await versions(fx)).map((v) => [...v.row, v.from, v.to, v.approximate])).toEqual([['1', 'a', 'read later', 10, 11, true], ['1', 'b', 'read later', 11, 12, true]]);
        await fx.finish(items, runId, epoch);
        await apply(event.update(items, 20, ['1', 'd', undefined]));
        expect((await versions(fx)).at(-1)).toEqual({ row: ['1', 'c', 'read later'], from: 12, to: 20, deleted: false, approximate: false });
      });

      product.itWith(['index-names', 'hundred-nanoseconds'], 'a row the next preload finds unchanged goes on; a changed and a swept one leave an approximate version', async () => {
        await apply(event.update(items, 10, ['1', 'a', 'b1']), event.update(items, 10, ['2', 'b', 'b2']), event.update(items, 10, ['3', 'c', null]));
        await preload(fx, items, [['1', 'a', 'b1'], ['2', 'changed meanwhile', 'b2']]);
        const all = await versions(fx);
        expect(all.filter((v) => v.approximate).map((v) => [v.row[0], v.row[1], v.from, v.deleted])).toEqual([['2', 'b', 10, false], ['3', 'c', 10, true]]);
        expect((await begins(fx))['1']).toBe(10);
        expect(await fx.warehouse.checkHistory(items)).toMatchObject({ holes: 0, approximate: pads === 0 ? 2 : 2 + pads });
        expect(await asOf(fx, 11)).toEqual([['1', 'a', 'b1'], ['2', 'b', 'b2'], ['3', 'c', null]]);
      });

      product.itWith('index-names', 'an event over a row that the next preload found unchanged leaves it, marked: it is what stood before the event, whenever it was read', async () => {
        await apply(event.update(items, 10, ['1', 'a', 'b1']), event.update(items, 10, ['2', 'b', 'b2']), event.update(items, 10, ['3', 'c', null]));
        const { runId, epoch } = await preload(fx, items, [['1', 'a', 'b1'], ['2', 'read later', 'b2'], ['3', 'c', null], ['4', 'inserted', null]], true);
        await apply(event.update(items, 20, ['1', 'x', undefined]), event.update(items, 20, ['2', 'between', 'b2']), event.delete(items, 20, '3'), event.insert(items, 20, ['4', 'inserted', null]));
        await apply(event.update(items, 21, ['1', 'y', 'b1']), event.update(items, 21, ['2', 'read later', 'b2']));
        const found = (await versions(fx)).flatMap(({ row: [id, name], deleted, approximate }) => (['one', 'two', 'three'].includes(name ?? '') ? [] : [[id, name, deleted, approximate]]));
        expect(found).toEqual([['1', 'a', false, true], ['1', 'x', false, false], ['2', 'b', false, true], ['2', 'between', false, false], ['3', 'c', true, true]]);
        await fx.finish(items, runId, epoch);
        expect(await fx.warehouse.checkHistory(items)).toMatchObject({ holes: 0 });
      });

      product.itWith('index-names', 'an event over a row of an epoch before leaves it approximate where it differs, and lets it go on where it does not', async () => {
        await apply(event.update(items, 10, ['1', 'a', 'b1']), event.update(items, 10, ['2', 'b', 'b2']), event.update(items, 10, ['3', 'c', null]));
        await preload(fx, items, [], true);
        await apply(event.update(items, 20, ['1', 'a', 'b1']), event.update(items, 20, ['2', 'other', 'b2']), event.delete(items, 20, '3'));
        expect((await versions(fx)).filter((v) => v.approximate)).toEqual([
          { row: ['2', 'b', 'b2'], from: 10, to: 20, deleted: false, approximate: true },
          { row: ['3', 'c', null], from: 10, to: 20, deleted: true, approximate: true },
        ]);
        expect(await begins(fx)).toEqual({ 1: 10, 2: 20 });
      });

      product.itWith(['index-names', 'hundred-nanoseconds'], 'a row that the next preload finds again begins where its history ended, and is seen at no time twice', async () => {
        await apply(event.delete(items, 10, '1'));
        await preload(fx, items, [['1', 'back', 'b1'], ['2', 'two', 'b2'], ['3', 'three', null], ['4', 'unheard of', null]]);
        expect(await begins(fx)).toEqual({ 1: 10, 2: null, 3: null, 4: null });
        await apply(event.update(items, 20, ['1', 'x', 'b1']));
        expect([(await asOf(fx, 5))[0], (await asOf(fx, 15))[0], (await asOf(fx, 25))[0]]).toEqual([['1', 'one', 'b1'], ['1', 'back', 'b1'], ['1', 'x', 'b1']]);
      });

      product.itWith('index-names', 'a truncate leaves rows of an epoch before approximate, found again or not, and none of preload rows that may be newer', async () => {
        await apply(event.update(items, 10, ['1', 'a', 'b1']));
        await preload(fx, items, [['2', 'two', 'b2'], ['4', 'newer', null]], true);
        await apply(event.truncate(items, 20));
        expect((await versions(fx)).filter((v) => v.to === 20)).toEqual([
          { row: ['1', 'a', 'b1'], from: 10, to: 20, deleted: true, approximate: true },
          { row: ['2', 'two', 'b2'], from: null, to: 20, deleted: true, approximate: true },
          { row: ['3', 'three', null], from: null, to: 20, deleted: true, approximate: true },
        ]);
      });

      product.itWith('index-names', 'a row with an unknown column that stands in no epoch is read again, and its versions say that they are inexact', async () => {
        await preload(fx, items, [], true);
        const events = [event.update(items, 20, ['8', 'a', undefined]), event.update(items, 21, ['8', 'b', undefined])];
        expect(await apply(...events)).toMatchObject({ outcome: 'reread' });
        const reread = new Map([[items.id, { rows: [['8', 'later', 'read']], absent: [], readUntil: LogPosition.fromBigInt(30n, 8) }]]);
        await fx.apply(items, [...padding(items, 20, pads), ...events], reread);
        expect((await versions(fx)).filter((v) => v.row[0] === '8')).toEqual([{ row: ['8', 'a', 'read'], from: 20, to: 21, deleted: false, approximate: true }]);
        // until the log position of that read it may be newer than what comes
        await apply(event.update(items, 25, ['8', 'c', 'read']));
        await apply(event.update(items, 35, ['8', 'd', 'read']));
        expect((await versions(fx)).filter((v) => v.row[0] === '8').map((v) => [v.row[1], v.approximate])).toEqual([['a', true], ['b', true], ['c', false]]);
      });
    });
  });
}
