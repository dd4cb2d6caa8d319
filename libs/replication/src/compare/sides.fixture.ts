import { createHash } from 'node:crypto';
import { directMark, directMoment } from '@elstream/change-stream';
import type { Task } from '@elstream/control';
import { DIRECT_PARTITION, LogPosition, StreamOffset, silentLogger, type BucketChecksum, type Cell, type KeyDigest, type KeyRange, type TableMapping } from '@elstream/core';
import type { ReplicationDeps } from '../deps';
import { silentObserver } from '../observer';
import type { PipelineHandle } from '../pipeline';
import type { TaskContext } from '../tasks/task-context';
import type { StandingRows } from '@elstream/warehouse';

const POSITION = LogPosition.fromBigInt(50n, 8);
export const PASSED = StreamOffset.direct(LogPosition.fromBigInt(100n, 8), 0);

export const TABLE: TableMapping = {
  id: 'public.t',
  source: { schema: 'public', name: 't' },
  target: { schema: 'public', name: 't' },
  columns: ['id', 'name'].map((name, i) => ({
    source: name,
    target: name,
    type: i === 0 ? ({ kind: 'integer', bits: 64 } as const) : ({ kind: 'text', maxLength: null, padded: false } as const),
    targetType: i === 0 ? 'bigint' : 'text',
    nullable: i > 0,
    mask: null,
  })),
  key: [0],
  chunkRows: 1_000,
};

const known = new Map<string, Buffer>();

function md5(text: string): Buffer {
  const digest = known.get(text) ?? createHash('md5').update(text).digest();
  known.set(text, digest);
  return digest;
}

/** A table in memory that counts what it is asked; ids are whole numbers. */
export class Side {
  readonly calls: string[] = [];
  /** The most keys one answer of `digests` held. */
  mostDigests = 0;

  constructor(readonly rows: Map<string, Cell>) {}

  async checksums(_mapping: TableMapping, range: KeyRange, buckets: number): Promise<BucketChecksum[]> {
    this.calls.push('checksums');
    const found = new Map<number, { rows: number; sum: bigint }>();
    for (const [id, name] of this.within(range)) {
      const bucket = bucketOf(id, buckets);
      const { rows, sum } = found.get(bucket) ?? { rows: 0, sum: 0n };
      found.set(bucket, { rows: rows + 1, sum: BigInt.asUintN(64, sum + rowDigest(id, name).readBigUInt64BE()) });
    }
    return [...found].map(([bucket, { rows, sum }]) => ({ bucket, rows, checksum: sum.toString(16).padStart(16, '0') }));
  }

  async digests(_mapping: TableMapping, range: KeyRange, { of, which }: { readonly of: number; readonly which: readonly number[] }): Promise<KeyDigest[]> {
    this.calls.push('digests');
    const wanted = new Set(which);
    const found = this.within(range).filter(([id]) => wanted.has(bucketOf(id, of)));
    this.mostDigests = Math.max(this.mostDigests, found.length);
    return found.map(([id, name]) => ({ key: [id], digest: rowDigest(id, name).toString('hex') }));
  }

  rowsOf(keys: readonly (readonly string[])[]): Cell[][] {
    this.calls.push('readByKeys');
    return keys.flatMap(([id = '']) => (this.rows.has(id) ? [[id, this.rows.get(id) ?? null]] : []));
  }

  private within({ from, to }: KeyRange): [string, Cell][] {
    return [...this.rows].filter(([id]) => (from === null || Number(id) >= Number(from[0])) && (to === null || Number(id) < Number(to[0])));
  }
}

const bucketOf = (id: string, buckets: number): number => md5(id).readUInt32BE() % buckets;
const rowDigest = (id: string, name: Cell): Buffer => md5(`${id}=${name ?? '~'}`);

export interface Given {
  readonly source: Side;
  readonly warehouse: Side;
  readonly payload: Task['payload'];
  readonly compareRows: number;
  /** The stream stands still. */
  readonly paused?: boolean;
  /** Of the warehouse's table by now; the task is of epoch 1. */
  readonly epoch?: number;
  readonly phase?: string;
  /** Most rows per second. */
  readonly rate?: number;
  readonly showValues?: boolean;
  readonly more?: Partial<TaskContext>;
}

function standingAt(row: Cell[] | null): StandingRows['at'][number] {
  return { row, standing: row === null ? { is: 'nothing' } : { is: 'row', version: { epoch: 1, kind: 'preload', position: LogPosition.ZERO } } };
}

/** A task on two tables in memory, with a stream that has passed everything or stands still. */
export function contextOf({ source, warehouse, payload, compareRows, paused = false, epoch = 1, phase = 'live', rate, showValues = false, more = {} }: Given): TaskContext {
  const ofSource = {
    checksums: source.checksums.bind(source),
    digests: source.digests.bind(source),
    readByKeys: async (_: TableMapping, keys: readonly (readonly string[])[]) => source.rowsOf(keys),
    endOfLog: async () => POSITION,
    transactionsInProgress: async () => [],
    replicaHasApplied: async () => true,
  };
  const ofWarehouse = {
    checksums: warehouse.checksums.bind(warehouse),
    digests: warehouse.digests.bind(warehouse),
    readByKeys: async (_: TableMapping, keys: readonly (readonly string[])[]) => warehouse.rowsOf(keys).map((row) => ({ row, epoch: 1, position: null })),
    readStanding: async (_: TableMapping, keys: readonly (readonly string[])[]) => ({ epoch, phase, truncated: null, at: keys.map((key) => standingAt(warehouse.rowsOf([key])[0] ?? null)) }),
    readCheckpoints: async () => (paused ? [] : [{ pipeline: 'p', partition: DIRECT_PARTITION, generation: 1, next: PASSED, highest: null, counter: null }]),
  };
  const pipeline = {
    name: 'p',
    settings: { compareRows, maxRereads: 1, transactionWaitMs: 1_000, validationWaitMs: 1_000, validateRowsPerSecond: rate ?? null, showValues },
    warehouse: ofWarehouse,
    source: async () => ofSource,
    stream: async () => ({ mark: async (position: LogPosition) => directMark(position), moment: async (position: LogPosition) => directMoment(position) }),
    mappings: async () => new Map([[TABLE.id, TABLE]]),
  };
  const deps = { clock: () => 0, observer: silentObserver, store: { readPipeline: async () => ({ paused, gapReason: null, streamError: null }) } };
  return {
    deps: deps as unknown as ReplicationDeps,
    pipeline: pipeline as unknown as PipelineHandle,
    task: { kind: 'validate-chunk', table: TABLE.id, payload } as unknown as Task,
    claim: { taskId: 't', runId: 'r', attempt: 1, epoch: 1 } as unknown as TaskContext['claim'],
    signal: new AbortController().signal,
    logger: silentLogger,
    moved: () => undefined,
    longStep: (step) => step(),
    ...more,
  };
}
