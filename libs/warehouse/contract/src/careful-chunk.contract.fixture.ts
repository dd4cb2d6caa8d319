import { encodeRow, type Cell } from '@elstream/core';
import type { ChunkResult } from '@elstream/warehouse';
import { bytesOf, event, mappingOf, PIPELINE, WarehouseFixture, type WarehouseProduct } from './fixture';

/** R7 for a chunk: bad rows are parked, the others filled. */
export function carefulChunkContract(product: WarehouseProduct): void {
  const { codes } = product;
  const items = mappingOf(product, 'items', [['id', 'int8', { kind: 'integer', bits: 64 }], ['name', 'varchar(10)'], ['small', 'int2', { kind: 'integer', bits: 16 }]]);
  const rowsOf = (count: number, bad: Readonly<Record<number, Cell[]>> = {}): Cell[][] => Array.from({ length: count }, (_, i) => bad[i] ?? [String(i), `n${i}`, '1']);

  describe('loading a chunk with rows the warehouse cannot hold (R7)', () => {
    let fx: WarehouseFixture;
    let runId: string;
    let epoch: number;

    beforeEach(async () => {
      fx = await WarehouseFixture.of(product);
      ({ runId, epoch } = await fx.beginPreload(items));
    });
    afterEach(async () => {
      await fx.drop();
    });
    const claim = (): ReturnType<WarehouseFixture['claimTask']> => fx.claimTask(runId, items, epoch);
    const careful = async (rows: readonly Cell[][], limit = 1_000): Promise<ChunkResult> => fx.loadChunk(items, await claim(), rows, { park: { limit } });
    const state = async (): Promise<unknown> => (await fx.warehouse.readTableStates(PIPELINE))[0];

    it('fails to be parked when it is loaded as a whole, and leaves nothing', async () => {
      await expect(fx.loadChunk(items, await claim(), rowsOf(3, { 1: ['1', 'much too long', '1'] }))).rejects.toMatchObject({ code: codes.tooLong, recovery: 'park' });
      expect(await fx.rows(items)).toEqual([]);
    });

    it('without bad rows is what loading it is', async () => {
      expect(await careful(rowsOf(1_234))).toEqual({ outcome: 'done', rowsRead: 1_234, rowsFilled: 1_234, rowsParked: 0 });
      expect(await fx.rows(items)).toHaveLength(1_234);
      expect(await state()).toMatchObject({ rowsPreloaded: 1_234 });
    });

    it.each([0, 1])('of no row at all, or of one bad row (%i)', async (count) => {
      expect(await careful(rowsOf(count, { 0: ['x', 'y', 'z'] }))).toEqual({ outcome: 'done', rowsRead: count, rowsFilled: 0, rowsParked: count });
    });

    it('parks exactly the rows whose values do not fit, in their own text, and fills all others', async () => {
      const bad = { 0: ['0', 'tab\tin a long name', '1'], 499: ['499', null, '70000'], 500: ['five hundred', 'x', null], 1_100: ['1100', 'x', 'no number'] };
      expect(await careful(rowsOf(1_101, bad))).toEqual({ outcome: 'done', rowsRead: 1_101, rowsFilled: 1_097, rowsParked: 4 });
      expect(await fx.rows(items)).toHaveLength(1_097);
      const parked = await fx.deadLetters();
      expect(parked.map((d) => [d.key, d.code, d.row])).toEqual([
        [['0'], codes.tooLong, bad[0]],
        [['499'], codes.outOfRange, bad[499]],
        [['five hundred'], codes.notOfType, bad[500]],
        [['1100'], codes.notOfType, bad[1_100]],
      ]);
      expect(parked[0]).toMatchObject({ table_id: items.id, state: 'parked', origin: 'preload', op: 'row', position: null, committed_at_us: null, epoch, bytes: encodeRow(bad[0]) });
      for (const letter of parked) expect(letter.reason).not.toMatch(/long name|70000|no number/);
    });

    it('parks rows with a text that is no Unicode, which no warehouse holds, by their keys', async () => {
      const bad = { 1: ['1', 'a\ud83d', '1'], 501: ['501', '\ude00b', null] };
      await expect(fx.loadChunk(items, await claim(), rowsOf(502, bad))).rejects.toMatchObject({ recovery: 'park' });
      await fx.store.releaseAbandoned({ olderThanMs: 0 });
      expect(await careful(rowsOf(502, bad))).toEqual({ outcome: 'done', rowsRead: 502, rowsFilled: 500, rowsParked: 2 });
      expect((await fx.deadLetters()).map((d) => [d.key, d.code, d.row, d.bytes])).toEqual([
        [['1'], 'VALUE_NOT_UNICODE', ['1', 'a\ufffd', '1'], encodeRow(bad[1])],
        [['501'], 'VALUE_NOT_UNICODE', ['501', '\ufffdb', null], encodeRow(bad[501])],
      ]);
      expect((await fx.deadLetters())[0]?.reason).toMatch(/^column name holds half of a surrogate pair.*correct the value at the source and replay/);
    });

    it('parks rows that a constraint of the target refuses, which only the fill meets', async () => {
      await fx.test.query(`ALTER TABLE target.items ADD CHECK (small > 0)`);
      const bad = { 3: ['3', 'tab\t\\', '0'], 600: ['600', null, '-1'], 601: ['601', 'much too long', '1'] };
      expect(await careful(rowsOf(1_002, bad))).toEqual({ outcome: 'done', rowsRead: 1_002, rowsFilled: 999, rowsParked: 3 });
      expect((await fx.deadLetters()).map((d) => [d.key, d.code, d.bytes])).toEqual([
        [['3'], codes.check, encodeRow(bad[3])],
        [['600'], codes.check, encodeRow(bad[600])],
        [['601'], codes.tooLong, encodeRow(bad[601])],
      ]);
    });

    it('fills only the places that the stream has not touched', async () => {
      await fx.apply(items, [event.insert(items, 5, ['1', 'streamed', '1']), event.delete(items, 6, '2')]);
      expect(await careful(rowsOf(5, { 4: ['4', 'much too long', '1'] }))).toEqual({ outcome: 'done', rowsRead: 5, rowsFilled: 2, rowsParked: 1 });
      expect((await fx.rows(items)).map((r) => r?.[1])).toEqual(['n0', 'streamed', 'n3']);
    });

    it('parks nothing of a chunk that was read before the table was truncated', async () => {
      await fx.apply(items, [event.truncate(items, 9)]);
      expect(await careful(rowsOf(3, { 1: ['1', 'much too long', '1'] }))).toEqual({ outcome: 'done', rowsRead: 3, rowsFilled: 0, rowsParked: 0 });
      expect(await fx.deadLetters()).toEqual([]);
    });

    it('leaves nothing when the task is no longer ours', async () => {
      const stalled = await claim();
      await fx.store.releaseAbandoned({ olderThanMs: 0 });
      await claim();
      expect(await fx.loadChunk(items, stalled, rowsOf(3, { 1: ['1', 'much too long', '1'] }), { park: { limit: 10 } })).toEqual({ outcome: 'lost' });
      expect([await fx.deadLetters(), await fx.rows(items)]).toEqual([[], []]);
    });

    it('stops the table where more than the limit do not fit for one reason, and the task fails with that', async () => {
      const held = await claim();
      const bad = Object.fromEntries(Array.from({ length: 4 }, (_, i) => [i, [String(i), 'much too long', '1']]));
      expect(await fx.loadChunk(items, held, rowsOf(2_000, bad), { park: { limit: 3 } })).toEqual({ outcome: 'lost' });
      expect(await state()).toMatchObject({ phase: 'stopped', error: expect.stringContaining(`4 events or rows are parked for ${codes.tooLong}, more than the limit of 3`) as unknown });
      expect(await fx.store.readTask(held.taskId)).toMatchObject({ state: 'failed', error: expect.stringContaining(codes.tooLong) as unknown });
    });

    it('counts the limit by reason: as many of another one do not stop the table, nor end the reading', async () => {
      await fx.test.query(`ALTER TABLE target.items ADD CHECK (small > 0)`);
      const bad = { 0: ['0', 'much too long', '1'], 1: ['1', 'much too long', '1'], 2: ['2', 'x', '0'], 3: ['3', 'x', '0'] };
      expect(await careful(rowsOf(700, bad), 2)).toEqual({ outcome: 'done', rowsRead: 700, rowsFilled: 696, rowsParked: 4 });
    });

    it('counts what other chunks and the stream have parked', async () => {
      const task = { kind: 'preload-chunk', table: items.id, epoch, payload: {} } as const;
      await fx.store.addTasks(runId, [task, task]);
      expect(await careful(rowsOf(2, { 1: ['1', 'much too long', '1'] }), 1)).toMatchObject({ outcome: 'done', rowsParked: 1 });
      expect(await careful([['7', 'much too long', '1']], 1)).toEqual({ outcome: 'lost' });
      expect(await state()).toMatchObject({ phase: 'stopped' });
    });

    product.itWith('error-208', 'an error that is no value’s fails the chunk as ever', async () => {
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield* bytesOf(rowsOf(10));
        throw new Error('the source went away');
      }
      const held = await claim();
      await expect(fx.warehouse.loadChunk({ pipeline: PIPELINE, mapping: items, claim: held, rows: broken(), park: { limit: 10 } })).rejects.toThrow('the source went away');
      await fx.test.query('DROP TABLE target.items');
      await expect(fx.loadChunk(items, held, rowsOf(3), { park: { limit: 10 } })).rejects.toMatchObject({ code: codes.noTable, recovery: 'stop' });
    });
  });
}
