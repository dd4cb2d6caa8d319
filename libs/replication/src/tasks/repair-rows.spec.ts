import type { DeadLetter } from '@elstream/control';
import { CAPTURE_RESUMED, DIRECT_PARTITION, ElstreamError, LogPosition, type Cell, type Standing, type TableMapping } from '@elstream/core';
import type { RepairEntry, RepairOutcome, RepairWrite } from '@elstream/warehouse';
import { PASSED, TABLE } from '../compare/sides.fixture';
import { repairRows } from './repair-rows';
import { doneBy, each, taskContext, type World } from './tasks.fixture';

const refused = (): never => {
  throw new ElstreamError('VALUE_REFUSED', 'park', 'the column cannot hold it');
};

interface Tables {
  readonly source: Map<string, Cell>;
  /** A number that grows with each write is the version. */
  readonly warehouse: Map<string, { readonly name: Cell; readonly version: number; readonly epoch?: number }>;
  /** Called before a write is judged. */
  readonly meanwhile?: (tables: Tables, write: RepairWrite) => void;
  readonly phase?: string;
  /** Called when it is asked how far the stream is. */
  readonly streams?: (tables: Tables) => void;
  readonly paused?: boolean;
  readonly letters?: readonly Partial<DeadLetter>[];
}

/** R9 on tables in memory: `bad` is a value the warehouse cannot hold, `none` no key. */
function mending(tables: Tables, payload: Record<string, unknown>, more: World = {}) {
  const log: string[] = [];
  const notes: string[] = [];
  const settled: string[] = [];
  const standing = (key: readonly string[]): Standing => {
    const row = tables.warehouse.get(key[0] ?? '');
    return row === undefined ? { is: 'nothing' } : { is: 'row', version: { epoch: row.epoch ?? 1, kind: 'stream', position: LogPosition.fromBigInt(BigInt(row.version), 8) } };
  };
  const rowAt = ([id = '']: readonly string[]): readonly Cell[] | null => {
    const row = tables.warehouse.get(id);
    return row === undefined ? null : [id, row.name];
  };
  const judge = ({ key, expect: read, row, settles }: RepairEntry): RepairOutcome => {
    const id = key[0] ?? '';
    if (JSON.stringify(standing(key)) !== JSON.stringify(read)) return 'moved';
    if (settles !== undefined) settled.push(settles);
    const stands = tables.warehouse.get(id);
    if (row === null) return tables.warehouse.delete(id) ? 'deleted' : 'unchanged';
    if (stands?.name === row[1]) return 'unchanged';
    tables.warehouse.set(id, { name: row[1] ?? null, version: (stands?.version ?? 0) + 1 });
    return 'written';
  };
  const context = taskContext({
    task: { kind: 'repair-rows', payload },
    source: {
      readByKeys: async (_: TableMapping, keys: readonly string[][]) => (log.push('source'), keys.flatMap(([id = '']) => (tables.source.has(id) ? [[id, tables.source.get(id) ?? null]] : []))),
      transactionsInProgress: async () => (log.push('wait'), []),
    },
    warehouse: {
      openUse: async () => log.push('use'),
      readStanding: async (_: TableMapping, keys: readonly string[][]) => {
        log.push('target');
        if (keys.some(([id]) => id === 'none')) refused();
        return { epoch: 1, phase: tables.phase ?? 'live', truncated: null, at: keys.map((key) => ({ standing: standing(key), row: rowAt(key) })) };
      },
      readCheckpoints: async () => {
        log.push('stream');
        tables.streams?.(tables);
        return tables.paused === true ? [] : [{ pipeline: 'p', partition: DIRECT_PARTITION, generation: 1, next: PASSED, highest: null, counter: null }];
      },
      repairRows: async (write: RepairWrite) => {
        log.push(`write ${String(write.entries.length)}`);
        tables.meanwhile?.(tables, write);
        if (write.entries.some((e) => e.row?.[1] === 'bad')) refused();
        return write.entries.map(judge);
      },
    },
    store: { readDeadLetter: async (id: string) => ({ table: TABLE.id, state: 'parked', code: 'X', oldKey: null, key: null, ...tables.letters?.find((l) => l.id === id), id }), noteReplay: async (id: string, note: string) => notes.push(`${id}: ${note}`), readPipeline: async () => ({ paused: tables.paused === true, gapReason: null, streamError: null }) },
    ...more,
  });
  return { run: () => doneBy(repairRows(context)).then(({ result }) => result), log, notes, settled };
}

const rows = (all: Record<string, Cell>): Tables['source'] => new Map(Object.entries(all));
const standing = (all: Record<string, Cell>): Tables['warehouse'] => new Map(Object.entries(all).map(([id, name]) => [id, { name, version: 1 }]));
const names = ({ warehouse }: Tables): Record<string, Cell> => Object.fromEntries([...warehouse].map(([id, { name }]) => [id, name]));

describe('mending rows', () => {
  it('reads the target, waits, reads the source and writes, in that order', async () => {
    const tables = { source: rows({ 1: 'a', 2: 'b', 3: 'c' }), warehouse: standing({ 1: 'x', 3: 'c', 4: 'extra' }) };
    const world = mending(tables, { keys: [['1'], ['2'], ['3'], ['4'], ['5'], ['1']], of: 'row' });
    expect(await world.run()).toEqual({ repaired: 2, deleted: 1, unchanged: 2, moved: 0, failed: 0, refused: [] });
    expect(world.log).toEqual(['use', 'target', 'wait', 'source', 'write 5']);
    expect(names(tables)).toEqual({ 1: 'a', 2: 'b', 3: 'c' });
  });

  it('tries again what the stream writes to meanwhile, and names it when it never rests', async () => {
    let writes = 0;
    const meanwhile = ({ warehouse }: Tables): void => {
      writes += 1;
      warehouse.set('1', { name: 'streamed', version: 100 + writes });
      if (writes === 1) warehouse.set('2', { name: 'streamed once', version: 100 });
    };
    const tables = { source: rows({ 1: 'a', 2: 'b' }), warehouse: standing({ 1: 'x', 2: 'y' }), meanwhile };
    expect(await mending(tables, { keys: [['1'], ['2']], of: 'row' }).run()).toEqual({
      repaired: 1,
      deleted: 0,
      unchanged: 0,
      moved: 1,
      failed: 0,
      refused: [{ key: 'id=1', reason: expect.stringContaining('try again') }],
    });
    expect(writes).toBe(3);
  });

  it('mends all but the keys whose value is refused, or that are none', async () => {
    const tables = { source: rows({ 1: 'a', 2: 'bad', 3: 'c' }), warehouse: standing({ 1: 'x' }) };
    const result = await mending(tables, { keys: [['1'], ['2'], ['none'], ['3']], of: 'row' }).run();
    expect(result).toMatchObject({ repaired: 2, failed: 2, refused: [{ key: 'id=2', reason: expect.stringContaining('cannot hold') }, { key: 'id=none' }] });
    expect(names(tables)).toEqual({ 1: 'a', 3: 'c' });
  });

  it.each(['new', 'stopped'])('of a table that is %s is refused', async (phase) => {
    await expect(mending({ source: rows({}), warehouse: standing({}), phase }, { keys: [['1']], of: 'row' }).run()).rejects.toMatchObject({ code: 'TABLE_NOT_LIVE', recovery: 'refuse' });
  });

  it('ends for now when the worker stops', async () => {
    const world = mending({ source: rows({}), warehouse: standing({}) }, { keys: [['1']], of: 'row' }, { signal: AbortSignal.abort() });
    await expect(world.run()).rejects.toMatchObject({ recovery: 'retry' });
  });
});

describe('mending copied history', () => {
  it('merges what the source has of the keys, after the wait, and key by key where a value is refused', async () => {
    const merged: string[] = [];
    const order: string[] = [];
    const context = taskContext({
      task: { kind: 'repair-rows', payload: { keys: [['1'], ['2'], ['3']], of: 'history' } },
      source: {
        transactionsInProgress: async () => (order.push('wait'), []),
        readHistory: async (_: unknown, { keys }: { keys: string[][] }) => (order.push('read'), { rows: each([Buffer.from(keys.join())]), count: () => 1 }),
      },
      warehouse: {
        mergeHistory: async ({ rows: pieces }: { rows: AsyncIterable<Uint8Array> }) => {
          for await (const piece of pieces) merged.push(Buffer.from(piece).toString());
          return merged.at(-1)?.includes('3') === true ? refused() : merged.at(-1) === '1' ? 2 : 0;
        },
      },
    });
    expect((await doneBy(repairRows(context))).result).toEqual({ repaired: 2, unchanged: 0, deleted: 0, moved: 0, failed: 1, refused: [{ key: 'id=3', reason: expect.stringContaining('cannot hold') }] });
    expect(merged).toEqual(['1,2,3', '1', '2', '3', '3\n']);
    expect(order.slice(0, 2)).toEqual(['wait', 'read']);
  });
});

describe('replaying dead letters', () => {
  it('mends their keys, settles what is right then and notes what is not', async () => {
    const tables: Tables = {
      source: rows({ 1: 'a', 2: 'bad', 8: 'moved here' }),
      warehouse: standing({ 1: 'x', 7: 'moved away', 5: 'deleted since' }),
      letters: [
        { id: '10', key: ['1'] },
        { id: '11', key: ['2'] },
        { id: '12', key: ['8'], oldKey: ['7'] },
        { id: '13', key: null },
        { id: '14', key: ['1'], state: 'replayed' },
        { id: '15', key: ['5'] },
        { id: '16', key: ['1'] },
      ],
    };
    const world = mending(tables, { deadLetters: ['10', '11', '12', '13', '14', '15', '16'] });
    expect(await world.run()).toMatchObject({ repaired: 2, deleted: 1, unchanged: 1, moved: 0, failed: 3 });
    expect(world.settled).toEqual(['10', '12', '15', '16']);
    expect(world.notes.map((note) => note.slice(0, 20))).toEqual(['13: its key is not k', '11: the column canno']);
    expect(names(tables)).toEqual({ 1: 'a', 8: 'moved here' });
  });

  describe('of rows that capture may have left out', () => {
    const lost = (...ids: string[]): readonly Partial<DeadLetter>[] => ids.map((id) => ({ id: `l${id}`, key: [id], code: CAPTURE_RESUMED }));

    it('waits for the stream between the read and the write, and writes only where it has brought no row', async () => {
      let asked = 0;
      const streams = ({ warehouse }: Tables): void => {
        asked += 1;
        if (asked === 1) warehouse.set('3', { name: 'by its own event', version: 9 });
      };
      const tables: Tables = { source: rows({ 1: 'newer, in flight', 2: 'left out', 3: 'newer' }), warehouse: standing({ 1: 'a' }), streams, letters: lost('1', '2', '3', '4') };
      const world = mending(tables, { deadLetters: ['l1', 'l2', 'l3', 'l4'] });
      expect(await world.run()).toMatchObject({ repaired: 1, unchanged: 3, failed: 0 });
      expect(world.log.slice(0, 6)).toEqual(['use', 'target', 'wait', 'source', 'stream', 'write 4']);
      expect(names(tables)).toEqual({ 1: 'a', 2: 'left out', 3: 'by its own event' });
      expect([...world.settled].sort()).toEqual(['l1', 'l2', 'l3', 'l4']);
    });

    it('waits for nothing where all of them stand', async () => {
      const tables: Tables = { source: rows({ 1: 'newer' }), warehouse: standing({ 1: 'a' }), paused: true, letters: lost('1') };
      const world = mending(tables, { deadLetters: ['l1'] });
      expect(await world.run()).toMatchObject({ unchanged: 1, failed: 0 });
      expect(world.log).toEqual(['use', 'target', 'write 1']);
    });

    it('replaces what stands since the load before: it goes when this one ends', async () => {
      const tables: Tables = { source: rows({ 1: 'left out' }), warehouse: new Map([['1', { name: 'of old', version: 1, epoch: 0 }]]), phase: 'preloading', letters: lost('1') };
      expect(await mending(tables, { deadLetters: ['l1'] }).run()).toMatchObject({ repaired: 1 });
      expect(names(tables)).toEqual({ 1: 'left out' });
    });

    it('leaves the letter parked, with the reason, while the stream stands still', async () => {
      const tables: Tables = { source: rows({ 1: 'left out' }), warehouse: standing({}), paused: true, letters: lost('1') };
      const world = mending(tables, { deadLetters: ['l1'] });
      expect(await world.run()).toMatchObject({ repaired: 0, failed: 1, refused: [{ key: 'id=1', reason: expect.stringContaining('stream did not pass') }] });
      expect([world.settled, world.notes, names(tables)]).toEqual([[], [expect.stringMatching(/^l1: the stream did not pass/)], {}]);
    });
  });

  it('leaves a moved row’s letter parked while the key it moved from cannot be mended', async () => {
    const tables: Tables = { source: rows({ 7: 'bad', 8: 'moved here' }), warehouse: standing({ 7: 'old' }), letters: [{ id: '12', key: ['8'], oldKey: ['7'] }] };
    const world = mending(tables, { deadLetters: ['12'] });
    expect(await world.run()).toMatchObject({ repaired: 0, failed: 1 });
    expect([world.settled, world.notes.length]).toEqual([[], 1]);
  });
});
