import { ElstreamError, LogPosition, type KeyRange, type TableMapping } from '@elstream/core';
import type { ChunkWrite } from '@elstream/warehouse';
import { TABLE } from '../compare/sides.fixture';
import { historyChunk } from './history-chunk';
import { openTable } from './open-table';
import { preloadChunk } from './preload-chunk';
import { doneBy, each, runOf, taskContext, type World } from './tasks.fixture';

const at = (n: number): LogPosition => LogPosition.fromBigInt(BigInt(n), 8);
const WHOLE: KeyRange = { from: null, to: null };
const archive = { schema: 'public', name: 'a' };
const COPIED: TableMapping = { ...TABLE, history: { kind: 'copied', target: archive, source: archive, period: null } };
const DERIVED: TableMapping = { ...TABLE, history: { kind: 'derived', target: archive, source: null, period: null } };

describe('opening a table', () => {
  it('raises the epoch, reads L0, waits for transactions, then until a replica has applied what the log held after them', async () => {
    const order: string[] = [];
    let end = 0;
    const world: World = {
      warehouse: { beginPreload: async () => (order.push('epoch'), 4) },
      source: {
        endOfLog: async () => (order.push(`end ${String((end += 10))}`), at(end)),
        transactionsInProgress: async () => (order.push('listed'), []),
        replicaHasApplied: async (position: LogPosition) => (order.push(`replica ${String(position.toBigInt())}`), true),
        planChunks: () => (order.push('planned'), each([WHOLE])),
      },
    };
    const { result, follow } = await doneBy(openTable(taskContext(world)));
    expect(order).toEqual(['epoch', 'end 10', 'listed', 'end 20', 'replica 20', 'planned']);
    expect(result).toEqual({ epoch: 4, l0: at(10).hex, chunks: 1, historyChunks: 0 });
    expect(follow).toEqual([{ kind: 'preload-chunk', table: TABLE.id, epoch: 4, payload: WHOLE }]);
  });

  it('is tried again while the replica lags', async () => {
    let now = 0;
    const source = { replicaHasApplied: async () => ((now += 600), false) };
    await expect(openTable(taskContext({ warehouse: { beginPreload: async () => 4 }, source, clock: () => now }))).rejects.toMatchObject({ code: 'REPLICA_BEHIND', recovery: 'retry' });
  });

  it('adds chunks of copied history', async () => {
    const source = { planChunks: () => each([WHOLE]), planHistory: () => each([WHOLE, WHOLE]) };
    const { follow } = await doneBy(openTable(taskContext({ mapping: COPIED, warehouse: { beginPreload: async () => 4 }, source })));
    expect(follow.map((t) => t.kind)).toEqual(['preload-chunk', 'history-chunk', 'history-chunk']);
  });

  it('tells the chunks of derived history which columns the standing rows never had', async () => {
    const change = (noticed: number, ...added: string[]) => ({ noticedAt: new Date(noticed), change: { added } });
    const store = {
      readSchemaChanges: async () => [change(900, 'name', 'gone by now'), change(100, 'id')],
      readRuns: async () => [runOf({}, { createdAt: new Date(700) }), runOf({}, { stages: ['prepare', 'preload', 'validate'], createdAt: new Date(500) })],
    };
    const { follow } = await doneBy(openTable(taskContext({ mapping: DERIVED, store, warehouse: { beginPreload: async () => 4 }, source: { planChunks: () => each([WHOLE]) } })));
    expect(follow.map((t) => t.payload)).toEqual([{ ...WHOLE, added: ['name'] }]);
  });
});

describe('loading a chunk', () => {
  function loading(policy: 'park' | 'stop') {
    const writes: Pick<ChunkWrite, 'park' | 'added'>[] = [];
    const parked: number[] = [];
    let reads = 0;
    const context = taskContext({
      task: { payload: { ...WHOLE, added: ['name'] } },
      settings: { deadLetters: { policy, limit: 9 } },
      observer: { eventsParked: (_p, _t, count) => parked.push(count) },
      source: { readChunk: async () => ((reads += 1), { rows: each([]), count: () => 0 }) },
      warehouse: {
        loadChunk: async ({ rows, park, added }: ChunkWrite) => {
          for await (const _ of rows);
          writes.push({ ...(park === undefined ? {} : { park }), ...(added === undefined ? {} : { added }) });
          if (park === undefined) throw new ElstreamError('VALUE_REFUSED', 'park', 'the column name cannot hold it');
          return { outcome: 'done', rowsRead: 10, rowsFilled: 8, rowsParked: 2 };
        },
      },
    });
    return { run: () => preloadChunk(context), writes, parked, reads: () => reads };
  }

  it('whose value is refused is read again and loaded with care, and says how many rows were parked', async () => {
    const world = loading('park');
    expect(await world.run()).toEqual({ outcome: 'completed' });
    expect(world.writes).toEqual([{ added: ['name'] }, { added: ['name'], park: { limit: 9 } }]);
    expect([world.reads(), world.parked]).toEqual([2, [2]]);
  });

  it('whose value is refused fails where the policy is to stop', async () => {
    const world = loading('stop');
    await expect(world.run()).rejects.toMatchObject({ code: 'VALUE_REFUSED' });
    expect(world.writes).toHaveLength(1);
  });
});

test('a chunk of history is merged and settles nothing', async () => {
  const merged: unknown[] = [];
  const context = taskContext({
    mapping: COPIED,
    task: { payload: { ...WHOLE } },
    source: { readHistory: async (_: unknown, of: unknown) => ({ rows: each([Buffer.from(JSON.stringify(of))]), count: () => 3 }) },
    warehouse: {
      mergeHistory: async ({ rows, settles }: { rows: AsyncIterable<Uint8Array>; settles: unknown }) => {
        for await (const piece of rows) merged.push(JSON.parse(Buffer.from(piece).toString()), settles);
        return 2;
      },
    },
  });
  expect((await doneBy(historyChunk(context))).result).toMatchObject({ rows: 3, added: 2 });
  expect(merged).toEqual([{ range: WHOLE }, []]);
});
