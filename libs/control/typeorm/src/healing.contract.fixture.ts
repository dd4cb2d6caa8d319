import { randomUUID } from 'node:crypto';
import { encodeDeadLetterRow, type EventCell, type TableMapping } from '@elstream/core';
import type { ControlStore, SchemaChangeRecord, ValidationRecord } from '@elstream/control';
import { literal, type TestControlDatabase, type TestProduct } from './product.fixture';
import { withStore } from './store.fixture';

export const healingContract = (product: TestProduct): void => describe('what proving and healing keep', () => {
  let db: TestControlDatabase;
  let store: ControlStore;
  let pipeline: string;
  withStore(product, 'healing', (fixture) => ({ db, store, pipeline } = fixture));

  async function park(table = 't', code = 'VALUE_REFUSED', row: readonly EventCell[] | null = ['1', null, undefined]): Promise<string> {
    const id = randomUUID();
    const json = row === null ? 'NULL' : literal(JSON.stringify(encodeDeadLetterRow(row)));
    await db.query(
      `INSERT INTO elstream.dead_letter (id, pipeline, table_id, origin, op, "key", "row", bytes, code, reason, position, committed_at_us, epoch)
       VALUES ('${id}', ${literal(pipeline)}, ${literal(table)}, 'stream', 'insert', '["1"]', ${json}, ${product.bytes('0102')}, ${literal(code)}, 'why', '0a', 1700000000123456, 3)`,
    );
    return id;
  }

  describe('dead letters', () => {
    it('are read with bytes and a row that tells unknown from NULL, and listed without either', async () => {
      const id = await park();
      const read = await store.readDeadLetter(id);
      expect(read).toMatchObject({ id, pipeline, table: 't', state: 'parked', origin: 'stream', op: 'insert', key: ['1'], oldKey: null, position: '0a', replays: 0, settledAt: null, note: null });
      expect(read?.row).toEqual(['1', null, undefined]);
      expect([...read!.bytes]).toEqual([1, 2]);
      expect(read?.committedAt?.toISOString()).toBe('2023-11-14T22:13:20.123Z');
      const [listed] = await store.readDeadLetters({ pipeline, limit: 10 });
      expect({ ...listed, bytes: null, row: null }).toEqual({ ...read, bytes: null, row: null });
      expect([listed?.bytes.length, listed?.row]).toEqual([0, null]);
      expect(await store.readDeadLetter('00000000-0000-0000-0000-000000000000')).toBeNull();
    });

    it('are listed newest first, page by page, and filtered by all that tells them apart', async () => {
      const ids = [await park('a'), await park('a', 'OTHER'), await park('b'), await park('b', 'OTHER')].reverse();
      const idsOf = async (more: object): Promise<string[]> => (await store.readDeadLetters({ pipeline, limit: 10, ...more })).map((d) => d.id);
      expect(await idsOf({})).toEqual(ids);
      expect(await idsOf({ limit: 2 })).toEqual(ids.slice(0, 2));
      expect(await idsOf({ limit: 2, after: ids[1] })).toEqual(ids.slice(2));
      expect(await idsOf({ table: 'a' })).toEqual(ids.slice(2));
      expect(await idsOf({ table: 'a', code: 'OTHER' })).toEqual([ids[2]]);
      expect(await idsOf({ ids: [ids[0], ids[3]] })).toEqual([ids[0], ids[3]]);
      expect(await idsOf({ ids: [] })).toEqual([]);
      expect(await idsOf({ state: 'replayed' })).toEqual([]);
    });

    it('are counted by table, code and state, and discarded once, with the reason', async () => {
      const [a] = [await park('a'), await park('a'), await park('b', 'OTHER')];
      expect(await store.discardDeadLetters({ pipeline, ids: [a] }, 'not needed')).toBe(1);
      expect(await store.discardDeadLetters({ pipeline, ids: [a] }, 'again')).toBe(0);
      expect(await store.countDeadLetters(pipeline)).toEqual([
        { table: 'a', code: 'VALUE_REFUSED', state: 'discarded', count: 1 },
        { table: 'a', code: 'VALUE_REFUSED', state: 'parked', count: 1 },
        { table: 'b', code: 'OTHER', state: 'parked', count: 1 },
      ]);
      expect(await store.readDeadLetter(a)).toMatchObject({ state: 'discarded', note: 'not needed', settledAt: expect.any(Date) });
      expect(await store.discardDeadLetters({ pipeline: 'another', table: 'a' }, 'x')).toBe(0);
      expect(await store.discardDeadLetters({ pipeline, table: 'a', state: 'parked' }, 'x')).toBe(1);
      expect(await store.discardDeadLetters({ pipeline }, 'x')).toBe(1);
    });

    it('of one code that can be replayed are told by table, with when the newest was parked', async () => {
      const [older, newer] = [await park('a'), await park('a')];
      await park('a', 'OTHER');
      const settled = await park('b');
      const keyless = await park('c');
      await db.query(`UPDATE elstream.dead_letter SET "key" = NULL WHERE id = '${keyless}'`);
      await store.discardDeadLetters({ pipeline, ids: [settled] }, 'not needed');
      await store.noteReplay(older, 'still too long');
      const [first, second] = [(await store.readDeadLetter(older))?.parkedAt, (await store.readDeadLetter(newer))?.parkedAt];
      expect(second!.getTime()).toBeGreaterThanOrEqual(first!.getTime());
      expect(await store.replayableTables(pipeline, 'VALUE_REFUSED')).toEqual([{ table: 'a', newestParkedAt: second, leastReplays: 0 }]);
      await store.noteReplay(newer, 'still too long');
      expect(await store.replayableTables(pipeline, 'VALUE_REFUSED')).toMatchObject([{ leastReplays: 1 }]);
      expect(await store.replayableTables(pipeline, 'NONE')).toEqual([]);
      expect(await store.replayableTables('another', 'VALUE_REFUSED')).toEqual([]);
    });

    it('stay parked when a replay fails, with what it came to; a settled one keeps its note', async () => {
      const id = await park();
      await store.noteReplay(id, 'still too long');
      await store.noteReplay(id, 'still\0too long');
      expect(await store.readDeadLetter(id)).toMatchObject({ state: 'parked', note: 'still\ufffdtoo long', replays: 2 });
      await store.discardDeadLetters({ pipeline }, 'given up');
      await store.noteReplay(id, 'late');
      expect(await store.readDeadLetter(id)).toMatchObject({ state: 'discarded', note: 'given up', replays: 2 });
    });
  });

  describe('schema changes', () => {
    const change = (added: string[], obstacles: string[] = []): SchemaChangeRecord['change'] => ({ added, dropped: [], widened: [], obstacles });
    const add = (state: SchemaChangeRecord['state'], what: SchemaChangeRecord['change'], table = 't') => store.addSchemaChange({ pipeline, table, state, change: what });

    product.itLocks('are noted once while undecided or followed last, whoever notices them', async () => {
      const noted = await Promise.all(Array.from({ length: 6 }, () => add('followed', change(['x']))));
      expect(new Set(noted.map((n) => n.id)).size).toBe(1);
      await add('followed', change(['y']));
      const again = await add('followed', change(['x']));
      expect(again.id).not.toBe(noted[0]!.id);
      expect((await store.readSchemaChanges({ pipeline, limit: 10 })).map((c) => c.change.added[0])).toEqual(['x', 'y', 'x']);
      expect(await add('followed', change(['x']), 'other')).toMatchObject({ pipeline, table: 'other', decidedAt: null, noticedAt: expect.any(Date) });
    });

    it('are decided once; a proposal that another change overtakes is obsolete', async () => {
      const first = await add('proposed', change([], ['the key was (id)']));
      expect((await add('proposed', change([], ['the key was (id)']))).id).toBe(first.id);
      const second = await add('proposed', change([], ['the key was (id, b)']));
      expect(await store.readSchemaChange(first.id)).toMatchObject({ state: 'obsolete', decidedAt: expect.any(Date) });
      expect(await store.decideSchemaChange(first.id, 'accepted')).toBe(false);
      const decided = await Promise.all([store.decideSchemaChange(second.id, 'accepted'), store.decideSchemaChange(second.id, 'declined')]);
      expect(decided.filter(Boolean)).toHaveLength(1);
      expect((await add('proposed', change([], ['the key was (id, b)']))).id).not.toBe(second.id);
      expect(await store.readSchemaChanges({ pipeline, table: 't', state: 'proposed', limit: 10 })).toHaveLength(1);
      expect(await store.readSchemaChanges({ pipeline, limit: 1 })).toHaveLength(1);
    });
  });

  describe('validations', () => {
    const record = (more: Partial<ValidationRecord> = {}): Omit<ValidationRecord, 'finishedAt'> => ({
      pipeline, table: 't', runId: '00000000-0000-0000-0000-000000000001', scope: 'full', position: '0a', rowsCompared: 5_000_000_000, confirmedEqual: 4, unverified: 0, differences: 0, ...more,
    });

    it('are kept once per run and table, newest first, the good ones told from the others', async () => {
      await store.saveValidation(record({ differences: 3 }));
      await store.saveValidation(record());
      await store.saveValidation(record({ runId: '00000000-0000-0000-0000-000000000002', unverified: 1, scope: 'changed' }));
      await store.saveValidation(record({ table: 'u', runId: '00000000-0000-0000-0000-000000000002' }));
      const all = await store.readValidations({ pipeline, table: 't', limit: 10 });
      expect(all).toEqual([expect.objectContaining({ unverified: 1, scope: 'changed' }), { ...record(), finishedAt: expect.any(Date) }]);
      expect(await store.readValidations({ pipeline, table: 't', good: true, limit: 1 })).toMatchObject([{ scope: 'full' }]);
      expect(await store.readValidations({ pipeline, good: false, limit: 10 })).toMatchObject([{ table: 't', unverified: 1 }]);
      expect(await store.readValidations({ pipeline, limit: 10 })).toHaveLength(3);
    });
  });

  it('forgets all of it with the pipeline, and nothing of another', async () => {
    const kept = pipeline;
    const run = '00000000-0000-0000-0000-000000000001';
    for (const name of [kept, `${kept} removed`]) {
      pipeline = name;
      await store.registerPipeline(name);
      await park();
      await store.addSchemaChange({ pipeline, table: 't', state: 'proposed', change: { added: [], dropped: [], widened: [], obstacles: ['x'] } });
      await store.saveValidation({ pipeline, table: 't', runId: run, scope: 'full', position: '0a', rowsCompared: 1, confirmedEqual: 1, unverified: 0, differences: 0 });
      await db.query(`INSERT INTO elstream.open_use (pipeline, table_id, run_id) VALUES (${literal(name)}, 't', '${run}')`);
      await db.query(`INSERT INTO elstream.history_due (pipeline, table_id, "key") VALUES (${literal(name)}, 't', '["1"]')`);
    }
    await store.removePipeline(pipeline);
    for (const table of ['dead_letter', 'open_use', 'history_due', 'schema_change', 'validation']) {
      expect(await db.query(`SELECT DISTINCT pipeline FROM elstream.${table} WHERE pipeline IN (${literal(kept)}, ${literal(pipeline)})`)).toEqual([{ pipeline: kept }]);
    }
  });

  describe('replacing one mapping', () => {
    const mapping = (secret: string, more: Partial<TableMapping> = {}): TableMapping => ({
      id: 'public.t',
      source: { schema: 'public', name: 't' },
      target: { schema: 'public', name: 't' },
      columns: [
        { source: 'id', target: 'id', type: { kind: 'integer', bits: 64 }, targetType: 'bigint', nullable: false, mask: null },
        { source: 'e', target: 'e', type: { kind: 'text', maxLength: null, padded: false }, targetType: 'text', nullable: true, mask: { kind: 'hash', secret } },
      ],
      key: [0],
      chunkRows: 10,
      ...more,
    });

    product.itLocks('happens only while it stands as it was seen, and keeps secrets out; of two at once one wins', async () => {
      await store.saveMappings(pipeline, [mapping('top-secret')]);
      const tries = await Promise.all([11, 12].map((chunkRows) => store.replaceMapping(pipeline, mapping('top-secret'), mapping('top-secret', { chunkRows }))));
      expect(tries.filter(Boolean)).toHaveLength(1);
      const [now] = await store.readMappings(pipeline);
      expect(await store.replaceMapping(pipeline, now!, { ...now!, halted: 'the key changed' })).toBe(true);
      expect(await store.readMappings(pipeline)).toEqual([{ ...now, halted: 'the key changed' }]);
      const { halted: _, ...resumed } = (await store.readMappings(pipeline))[0]!;
      expect(await store.replaceMapping(pipeline, { ...now!, halted: 'the key changed' }, resumed)).toBe(true);
      expect(await store.readMappings(pipeline)).toEqual([now]);
      expect(JSON.stringify(await db.query('SELECT * FROM elstream.pipeline_table'))).not.toContain('top-secret');
    });

    it('does nothing for a table that is not stored', async () => {
      expect(await store.replaceMapping(pipeline, mapping(''), mapping(''))).toBe(false);
      expect(await store.readMappings(pipeline)).toEqual([]);
    });
  });
});
