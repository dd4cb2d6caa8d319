import { ElstreamError, isWellFormed, LogPosition, silentLogger, silentTracer, StreamOffset, type Cell, type ChangeEvent, type EventRow, type TableMapping } from '@elstream/core';
import { fillReread, type BatchWrite } from '@elstream/warehouse';
import type { ReplicationDeps } from '../deps';
import { silentObserver } from '../observer';
import type { PipelineHandle } from '../pipeline';
import { applyBatch } from './apply-batch';

const TABLE: TableMapping = {
  id: 'dbo.a',
  source: { schema: 'dbo', name: 'a' },
  target: { schema: 'dbo', name: 'a' },
  columns: ['k', 'v', 'w'].map((c) => ({ source: c, target: c, type: { kind: 'text', maxLength: null, padded: false }, targetType: 'text', nullable: c !== 'k', mask: null })),
  key: [0],
  chunkRows: 1_000,
};
const MAPPINGS = new Map([[TABLE.id, TABLE]]);
const tx = (n: number) => ({ position: LogPosition.fromBigInt(BigInt(n), 8), committedAtUs: BigInt(n) });
const marked = (row: EventRow): { readonly doubtful?: number[] } => {
  const doubtful = row.flatMap((cell, i) => (cell?.includes('\ufffd') === true ? [i] : []));
  return doubtful.length === 0 ? {} : { doubtful };
};
const insert = (n: number, ...row: EventRow): ChangeEvent => ({ op: 'insert', table: TABLE.id, tx: tx(n), row, ...marked(row) });
const update = (n: number, ...row: EventRow): ChangeEvent => ({ op: 'update', table: TABLE.id, tx: tx(n), row, oldKey: null, ...marked(row) });

/** A source with these rows, and a warehouse that holds no text that is no Unicode. */
function world(source: readonly Cell[][], phase = 'live') {
  const asked = { reads: [] as string[][], waits: 0 };
  const applied: BatchWrite[] = [];
  const written = (write: BatchWrite): readonly (readonly (Cell | undefined)[])[] => write.tables.flatMap(({ mapping, fold }) => fillReread(mapping, fold.rows, write.reread.get(mapping.id)).flatMap((row) => (row.op === 'upsert' ? [row.cells] : [])));
  const pipeline = {
    name: 'shop',
    settings: { deadLetters: { policy: 'park', limit: 1_000 }, transactionWaitMs: 1_000 },
    source: async () => ({
      readByKeys: async (_: TableMapping, keys: readonly (readonly string[])[]) => {
        asked.reads.push(keys.map(([key = '']) => key));
        return source.filter(([key]) => keys.some(([wanted]) => wanted === key));
      },
      transactionsInProgress: async () => {
        asked.waits += 1;
        return [];
      },
      replicaHasApplied: async () => true,
      endOfLog: async () => LogPosition.fromBigInt(99n, 8),
    }),
    stream: async () => ({ mark: async () => ({ bound: () => LogPosition.fromBigInt(99n, 8) }) }),
    warehouse: {
      readTableStates: async () => [{ table: TABLE.id, epoch: 1, phase, error: null }],
      applyBatch: async (write: BatchWrite) => {
        if (written(write).some((cells) => cells.some((cell) => typeof cell === 'string' && !isWellFormed(cell)))) throw new ElstreamError('VALUE_NOT_UNICODE', 'park', 'no Unicode');
        if (write.trial) return { outcome: 'tried' };
        applied.push(write);
        return { outcome: 'applied', checkpoint: write.checkpoint, rowsWritten: 0, rowsDeleted: 0 };
      },
    },
  } as unknown as PipelineHandle;
  const deps = { logger: silentLogger, tracer: silentTracer, clock: () => 0, observer: silentObserver, bus: { publish: async () => undefined }, store: {} } as unknown as ReplicationDeps;
  const offset = (n: number): StreamOffset => StreamOffset.direct(LogPosition.fromBigInt(BigInt(n), 8), 0);
  const apply = async (...events: ChangeEvent[]): Promise<unknown> => {
    await applyBatch({ deps, pipeline, signal: new AbortController().signal, moved: () => undefined, longStep: (step) => step() }, { batch: { partition: '0', from: offset(0), next: offset(1_000), events, bytes: 1 }, checkpoint: { pipeline: 'shop', partition: '0', generation: 1, next: offset(0), highest: null, counter: null }, mappings: MAPPINGS });
    const [write] = applied;
    return write === undefined ? null : { rows: written(write), parked: write.parked.map((p) => [p.op, p.key?.[0], p.code]) };
  };
  return { apply, asked };
}

describe('a text with a character that capture may have put there', () => {
  it('is applied as it is where the source has it, without a wait', async () => {
    const { apply, asked } = world([['1', 'a\ufffd', 'w']]);
    expect(await apply(insert(1, '1', 'a\ufffd', 'w'), insert(2, '2', 'b', 'w'))).toEqual({ rows: [['1', 'a\ufffd', 'w'], ['2', 'b', 'w']], parked: [] });
    expect(asked).toEqual({ reads: [['1']], waits: 0 });
  });

  it('parks its event where the source’s is no Unicode, as a preload parks the row; the others are applied', async () => {
    const { apply } = world([['1', 'a\ud83d', 'w'], ['3', '\ude00b', 'w']]);
    expect(await apply(update(1, '1', 'a\ufffd', 'w'), update(2, '2', 'b', 'w'), insert(3, '3', '\ufffdb', 'w'))).toEqual({ rows: [['2', 'b', 'w']], parked: [['update', '1', 'VALUE_NOT_UNICODE'], ['insert', '3', 'VALUE_NOT_UNICODE']] });
  });

  it('keeps what stood before it in the batch where it is parked', async () => {
    const { apply } = world([['1', 'a\ud83d', 'w']]);
    expect(await apply(insert(1, '1', 'good', 'w'), update(2, '1', 'a\ufffd', 'x'))).toEqual({ rows: [['1', 'good', 'w']], parked: [['update', '1', 'VALUE_NOT_UNICODE']] });
  });

  it('is the source’s by now where that is another, read after the wait', async () => {
    const { apply, asked } = world([['1', 'a\u0081', 'newer']]);
    expect(await apply(update(1, '1', 'a\ufffd', 'w'))).toEqual({ rows: [['1', 'a\u0081', 'w']], parked: [] });
    expect(asked).toEqual({ reads: [['1'], ['1']], waits: 1 });
  });

  it('gives way to what a later event of the batch says', async () => {
    const { apply } = world([['1', 'b', 'w']]);
    expect(await apply(update(1, '1', 'a\ufffd', 'w'), update(2, '1', 'b', 'w'))).toEqual({ rows: [['1', 'b', 'w']], parked: [] });
  });

  it('goes as it is where the row is gone: its delete is to come', async () => {
    expect(await world([]).apply(update(1, '1', 'a\ufffd', 'w'))).toEqual({ rows: [['1', 'a\ufffd', 'w']], parked: [] });
  });

  it('in a key is none of the source’s unless that has the key', async () => {
    expect(await world([['k\ud83d', 'v', 'w']]).apply(insert(1, 'k\ufffd', 'v', 'w'), insert(2, '2', 'v', 'w'))).toEqual({ rows: [['2', 'v', 'w']], parked: [['poison', undefined, 'VALUE_NOT_UNICODE']] });
    expect(await world([['k\ufffd', 'v', 'w']]).apply(insert(1, 'k\ufffd', 'v', 'w'))).toEqual({ rows: [['k\ufffd', 'v', 'w']], parked: [] });
    expect(await world([['k\ufffd', 'v\ud83d', 'w']]).apply(insert(1, 'k\ufffd', 'v\ufffd', 'w'))).toEqual({ rows: [], parked: [['insert', 'k\ufffd', 'VALUE_NOT_UNICODE']] });
  });

  it('of a table that takes no events is not looked at: it may be gone at the source', async () => {
    const { apply, asked } = world([], 'stopped');
    await apply(insert(1, '1', 'a\ufffd', 'w'));
    expect(asked.reads).toEqual([]);
  });
});
