import { LogPosition } from '@elstream/core';
import { event, mappingOf, PIPELINE, WarehouseFixture, type WarehouseProduct } from './fixture';

/** R2, R5, R6: what a batch does to rows, and when it does nothing. */
export function applyBatchContract(product: WarehouseProduct): void {
  /** Small writes go through TypeORM, large ones by staged SQL: both are held to the same sentences. */
  describe.each([
    ['small writes', 0],
    ['bulk writes', 300],
  ])('applying a batch by %s', (_name, padding) => {
    let fx: WarehouseFixture;
    const items = mappingOf(product, 'it"e.ms ünd', [['id', 'int8', { kind: 'integer', bits: 64 }], ['na"me', 'text'], ['body', 'text']]);
    const pad = Array.from({ length: padding }, (_, i) => String(1_000_000 + i));
    /** Rows that make the batch large, far away from the keys under test. */
    const padded = (position: number): ReturnType<typeof event.insert>[] => pad.map((id) => event.insert(items, position, [id, 'pad', null]));
    const rows = async (): Promise<unknown[]> => (await fx.rows(items)).filter((r) => (r?.[1] ?? '') !== 'pad');

    beforeEach(async () => {
      fx = await WarehouseFixture.of(product);
      const { runId, epoch } = await fx.beginPreload(items);
      await fx.loadChunk(items, await fx.claimTask(runId, items, epoch), [
        ['1', 'one', 'b1'],
        ['2', 'two', 'b2'],
        ['3', 'three', null],
      ]);
      await fx.finish(items, runId, epoch);
    });
    afterEach(async () => {
      await fx.drop();
    });

    it('inserts, updates and deletes, and moves the checkpoint with them', async () => {
      const before = fx.checkpoint;
      const result = await fx.apply(items, [...padded(10), event.insert(items, 10, ['4', 'four', 'b4']), event.update(items, 10, ['1', 'eins', 'b1']), event.delete(items, 10, '2')]);
      expect(result.outcome).toBe('applied');
      expect(await rows()).toEqual([['1', 'eins', 'b1'], ['3', 'three', null], ['4', 'four', 'b4']]);
      const standing = await fx.warehouse.readCheckpoint(PIPELINE, '0');
      expect(standing).toEqual(fx.checkpoint);
      expect(standing?.next.compare(before.next)).toBeGreaterThan(0);
    });

    it('leaves an unknown column of a row of this epoch as it stands, and never writes it as NULL', async () => {
      await fx.apply(items, [...padded(10), event.update(items, 10, ['1', 'eins', undefined])]);
      expect((await rows())[0]).toEqual(['1', 'eins', 'b1']);
    });

    it('carries the unknown columns of a moved row to its new key, also through a swap', async () => {
      await fx.apply(items, [
        ...padded(10),
        event.update(items, 10, ['9', 'one', undefined], ['1']),
        event.update(items, 10, ['1', 'two', undefined], ['2']),
        event.update(items, 10, ['2', 'one', undefined], ['9']),
      ]);
      expect(await rows()).toEqual([['1', 'two', 'b2'], ['2', 'one', 'b1'], ['3', 'three', null]]);
    });

    it('does not carry what a preload read: another row may have taken the old key since; the new key is read again', async () => {
      const { runId, epoch } = await fx.beginPreload(items);
      // At the source row 1 moved to 9, then another row 1 was inserted, then the chunk was read.
      await fx.loadChunk(items, await fx.claimTask(runId, items, epoch), [['1', 'another', 'b-other']]);
      const events = [...padded(50), event.update(items, 50, ['9', 'one', undefined], ['1'])];
      expect(await fx.apply(items, events)).toEqual({ outcome: 'reread', keys: new Map([[items.id, [['9']]]]) });
      const readUntil = LogPosition.fromBigInt(60n, 8);
      await fx.apply(items, events, new Map([[items.id, { rows: [['9', 'one', 'b1']], absent: [], readUntil }]]));
      await fx.finish(items, runId, epoch);
      expect(await rows()).toEqual([['9', 'one', 'b1']]);
      // Live, but not beyond what was read by key: row 9 might be another as well.
      expect(await fx.apply(items, [...padded(60), event.update(items, 60, ['8', 'one', undefined], ['9'])])).toMatchObject({ outcome: 'reread' });
      expect(await fx.apply(items, [...padded(61), event.update(items, 61, ['8', 'one', undefined], ['9'])])).toMatchObject({ outcome: 'applied' });
      expect(await rows()).toEqual([['8', 'one', 'b1']]);
    });

    it('asks for unknown columns of a row that is not of this epoch, then writes what was read again', async () => {
      const events = [...padded(10), event.update(items, 10, ['7', 'seven', undefined]), event.update(items, 10, ['8', 'eight', undefined])];
      const result = await fx.apply(items, events);
      expect(result).toEqual({ outcome: 'reread', keys: new Map([[items.id, [['7'], ['8']]]]) });
      expect(await rows()).toHaveLength(3);
      const again = await fx.apply(items, events, new Map([[items.id, { rows: [['7', 'later', 'b7']], absent: [['8']], readUntil: LogPosition.fromBigInt(40n, 8) }]]));
      expect(again.outcome).toBe('applied');
      expect(await rows()).toContainEqual(['7', 'seven', 'b7']);
      expect(await rows()).toHaveLength(4);
    });

    it.each<[string, readonly ReturnType<typeof event.insert>[]]>([
      ['an insert over a standing row', [event.insert(items, 10, ['1', 'anew', undefined])]],
      ['a delete and an insert in one batch', [event.delete(items, 10, '1'), event.insert(items, 10, ['1', 'anew', undefined])]],
      ['a delete, an insert and an update of it', [event.delete(items, 10, '1'), event.insert(items, 10, ['1', 'first', undefined]), event.update(items, 11, ['1', 'anew', undefined])]],
      ['an insert that moves on', [event.delete(items, 10, '1'), event.insert(items, 10, ['8', 'anew', undefined]), event.update(items, 11, ['1', 'anew', undefined], ['8'])]],
    ])('reads unknown columns again after %s: they are not those of the row that stood there', async (_what, events) => {
      const all = [...padded(10), ...events];
      expect(await fx.apply(items, all)).toEqual({ outcome: 'reread', keys: new Map([[items.id, [['1']]]]) });
      expect((await rows())[0]).toEqual(['1', 'one', 'b1']);
      await fx.apply(items, all, new Map([[items.id, { rows: [['1', 'anew', 'its own']], absent: [], readUntil: LogPosition.fromBigInt(40n, 8) }]]));
      expect((await rows())[0]).toEqual(['1', 'anew', 'its own']);
      expect(await rows()).toHaveLength(3);
    });

    it('a truncate empties the table, and rows inserted after it in the same batch stay', async () => {
      await fx.apply(items, [...padded(10), event.insert(items, 10, ['5', 'five', null]), event.truncate(items, 11), ...padded(12), event.insert(items, 12, ['6', 'six', null])]);
      expect(await rows()).toEqual([['6', 'six', null]]);
    });

    it('writes nothing when another process moved the checkpoint', async () => {
      const stale = fx.checkpoint;
      await fx.apply(items, [event.update(items, 10, ['1', 'first', null])]);
      fx.checkpoint = stale;
      expect(await fx.apply(items, [...padded(11), event.update(items, 11, ['1', 'zombie', null])])).toEqual({ outcome: 'lost' });
      expect((await rows())[0]).toEqual(['1', 'first', null]);
    });

    it('names table, key and position of a row the warehouse cannot hold, and writes nothing', async () => {
      await expect(fx.apply(items, [...padded(10), event.insert(items, 12, ['99999999999999999999', 'too big', null])])).rejects.toMatchObject({
        code: 'ROW_NOT_WRITABLE',
        recovery: 'park',
        place: { table: items.id, key: 'id=99999999999999999999', position: '000000000000000c' },
      });
      expect(await rows()).toHaveLength(3);
    });
  });
}
