import { CAPTURE_RESUMED, ElstreamError, foldBatch, LogPosition, silentTracer, StreamOffset, type ChangeEvent, type Checkpoint, type PoisonEvent, type RowEvent, type TableMapping } from '@elstream/core';
import { capturingLogger } from '@elstream/testing';
import type { BatchWrite } from '@elstream/warehouse';
import type { ReplicationDeps } from '../deps';
import { silentObserver } from '../observer';
import type { PipelineHandle } from '../pipeline';
import { applyBatch } from './apply-batch';
import { acceptedEvents, findFailing, groupByKey } from './bisect';

const table = (name: string): TableMapping => ({
  id: `public.${name}`,
  source: { schema: 'public', name },
  target: { schema: 'public', name },
  columns: ['id', 'v'].map((c, i) => ({ source: c, target: c, type: i === 0 ? { kind: 'integer', bits: 64 } : { kind: 'text', maxLength: null, padded: false }, targetType: 'text', nullable: i > 0, mask: null })),
  key: [0],
  chunkRows: 1_000,
});
const MAPPINGS = new Map(['a', 'b'].map((name) => [`public.${name}`, table(name)]));
const tx = (n: number) => ({ position: LogPosition.fromBigInt(BigInt(n), 8), committedAtUs: BigInt(n) });
const insert = (n: number, id: number, v: string, of = 'a'): RowEvent => ({ op: 'insert', table: `public.${of}`, tx: tx(n), row: [String(id), v] });
const update = (n: number, id: number, v: string, old: number | null = null): RowEvent => ({ op: 'update', table: 'public.a', tx: tx(n), row: [String(id), v], oldKey: old === null ? null : [String(old)] });
const remove = (n: number, id: number): RowEvent => ({ op: 'delete', table: 'public.a', tx: tx(n), key: [String(id)] });
const truncate = (n: number): RowEvent => ({ op: 'truncate', table: 'public.a', tx: tx(n) });
const poison = (n: number, of = 'a'): PoisonEvent => ({ op: 'poison', table: `public.${of}`, tx: tx(n), key: ['9'], bytes: Buffer.from('?'), code: 'EVENT_UNREADABLE', reason: 'cannot be read' });

interface Setting {
  readonly policy?: 'park' | 'stop';
  readonly limit?: number;
  /** What a write is refused for, by the rows that are in it; null: it goes through. */
  readonly refuses?: (write: BatchWrite) => Error | null;
}

/** A warehouse that cannot hold the text `bad`. */
function world({ policy = 'park', limit = 1_000, refuses }: Setting = {}) {
  const seen = { trials: 0, long: [] as boolean[], within: 0, applied: [] as BatchWrite[], parked: [] as string[] };
  const isBad = (write: BatchWrite): Error | null => {
    const bad = write.tables.some((t) => t.fold.rows.some((row) => row.op === 'upsert' && row.cells.some((cell) => String(cell).startsWith('bad'))));
    return bad ? new ElstreamError('DB_22001', 'park', 'a text is too long for its column') : null;
  };
  const logger = capturingLogger();
  const deps = {
    logger,
    tracer: silentTracer,
    clock: () => 0,
    observer: { ...silentObserver, eventsParked: (_: string, of: string, count: number) => seen.parked.push(`${of} ${String(count)}`) },
    bus: { publish: () => Promise.resolve() },
  } as unknown as ReplicationDeps;
  const pipeline = {
    name: 'shop',
    settings: { deadLetters: { policy, limit } },
    warehouse: {
      readTableStates: () => Promise.resolve([...MAPPINGS.keys()].map((id) => ({ table: id, epoch: 1, phase: 'live', error: null }))),
      applyBatch: (write: BatchWrite) => {
        seen.long.push(seen.within > 0);
        if (write.trial) seen.trials += 1;
        const error = (refuses ?? isBad)(write);
        if (error !== null) return Promise.reject(error);
        if (write.trial) return Promise.resolve({ outcome: 'tried' });
        seen.applied.push(write);
        return Promise.resolve({ outcome: 'applied', checkpoint: { ...write.checkpoint, next: write.next, highest: write.highest }, rowsWritten: 0, rowsDeleted: 0 });
      },
    },
  } as unknown as PipelineHandle;
  const longStep = async <T>(step: () => Promise<T>): Promise<T> => {
    seen.within += 1;
    try {
      return await step();
    } finally {
      seen.within -= 1;
    }
  };
  const offset = (n: number): StreamOffset => StreamOffset.direct(LogPosition.fromBigInt(BigInt(n), 8), 0);
  const apply = (events: readonly ChangeEvent[], highest: LogPosition | null = null): Promise<Checkpoint | null> =>
    applyBatch({ deps, pipeline, signal: new AbortController().signal, moved: () => undefined, longStep }, { batch: { partition: '0', from: offset(0), next: offset(1_000_000), events, bytes: 1 }, checkpoint: { pipeline: 'shop', partition: '0', generation: 1, next: offset(0), highest, counter: null }, mappings: MAPPINGS });
  return { seen, apply, logger };
}

/** What was written, one line per row; then what was parked. */
function shown(write: BatchWrite | undefined): string {
  const rows = (write?.tables ?? []).flatMap(({ mapping, fold }) => fold.rows.map((row) => `${mapping.target.name} ${row.op} ${row.op === 'upsert' ? row.cells.join('=') : row.key.join()}`));
  const parked = (write?.parked ?? []).map((p) => `${p.op} ${String(p.key?.join())}@${String(p.position?.toBigInt())} ${p.code}`);
  return `${rows.join('; ')} | ${parked.join('; ')}`;
}

/** The fold's order of keys is none that matters. */
const sorted = (what: string): string => what.split(' | ').map((part) => part.split('; ').sort().join('; ')).join(' | ');

describe('a batch that the warehouse refuses', () => {
  it.each<[string, readonly ChangeEvent[], string, number]>([
    ['is applied without the one event at fault', [insert(1, 1, 'x'), insert(2, 2, 'bad'), insert(3, 3, 'y')], 'a upsert 1=x; a upsert 3=y | insert 2@2 DB_22001', 2],
    ['keeps what stood before the culprit of its key', [insert(1, 1, 'x'), update(2, 1, 'bad'), insert(3, 2, 'y')], 'a upsert 1=x; a upsert 2=y | update 1@2 DB_22001', 2],
    ['keeps what comes after it', [update(1, 1, 'bad'), update(2, 1, 'bad'), insert(3, 2, 'bad'), update(4, 1, 'z')], 'a upsert 1=z | insert 2@3 DB_22001', 3],
    ['parks several of one key', [update(1, 1, 'x'), update(2, 1, 'bad'), update(3, 1, 'bad'), remove(4, 2), update(5, 2, 'bad')], 'a upsert 1=x; a delete 2 | update 1@2 DB_22001; update 1@3 DB_22001; update 2@5 DB_22001', 2],
    ['follows a row that moves', [insert(1, 1, 'x'), update(2, 2, 'bad', 1), insert(3, 5, 'y')], 'a upsert 1=x; a upsert 5=y | update 2@2 DB_22001', 2],
    ['of several tables loses the rows of none', [insert(1, 1, 'bad'), insert(2, 1, 'bad', 'b'), insert(3, 2, 'y', 'b')], 'b upsert 2=y | insert 1@1 DB_22001; insert 1@2 DB_22001', 1],
    ['parks what cannot be decoded', [insert(1, 1, 'x'), poison(2)], 'a upsert 1=x | poison 9@2 EVENT_UNREADABLE', 1],
    ['does not blame what a truncate takes away', [insert(1, 1, 'bad'), truncate(2), insert(3, 2, 'bad'), insert(4, 3, 'y')], 'a upsert 3=y | insert 2@3 DB_22001', 3],
  ])('%s', async (_, events, expected, counted) => {
    const { seen, apply } = world();
    const checkpoint = await apply(events);
    expect(shown(seen.applied[0])).toBe(expected);
    expect(seen.applied[0]?.events).toBe(counted);
    expect(checkpoint?.highest?.toBigInt()).toBe(BigInt(events.length));
  });

  it('finds one of 4,096 in some dozen trials, and all of 2,000 in a few per event', async () => {
    const one = world();
    await one.apply(Array.from({ length: 4_096 }, (_, i) => insert(i + 1, i, i === 1_234 ? 'bad' : 'x')));
    expect(one.seen.applied[0]?.parked).toHaveLength(1);
    expect(one.seen.trials).toBeLessThan(26);
    const all = world({ limit: 10_000 });
    await all.apply(Array.from({ length: 2_000 }, (_, i) => insert(i + 1, i, 'bad')));
    expect(all.seen.applied[0]?.parked).toHaveLength(2_000);
    expect(all.seen.trials).toBeLessThan(2.1 * 2_000);
  });

  it('gives a table up once it has more than the limit for one reason, and looks for no more', async () => {
    const { seen, apply, logger } = world({ limit: 10 });
    await apply([...Array.from({ length: 500 }, (_, i) => insert(i + 1, i, 'bad')), insert(501, 1, 'y', 'b')]);
    expect(seen.applied[0]?.parked).toHaveLength(11);
    expect(seen.applied[0]?.tables.map((t) => t.mapping.id)).toEqual(['public.b']);
    expect(seen.trials).toBeLessThan(50);
    expect(logger.lines.filter((l) => l.level === 'warn')).toHaveLength(1);
    expect(logger.text()).not.toContain('bad');
  });

  it('passes re-emissions over as before', async () => {
    const { seen, apply } = world();
    await apply([insert(3, 1, 'bad'), insert(5, 2, 'bad'), insert(6, 3, 'x')], LogPosition.fromBigInt(4n, 8));
    expect(shown(seen.applied[0])).toBe('a upsert 3=x | insert 2@5 DB_22001');
  });

  it('stops under policy «stop», naming the row; a poisonous event stops it too', async () => {
    const { seen, apply } = world({ policy: 'stop' });
    const place = (n: number, key: string) => expect.objectContaining({ recovery: 'stop', place: expect.objectContaining({ table: 'public.a', key, position: tx(n).position.hex }) as unknown });
    await expect(apply([insert(1, 1, 'x'), insert(2, 2, 'bad')])).rejects.toEqual(place(2, 'id=2'));
    await expect(apply([insert(1, 1, 'x'), poison(2)])).rejects.toEqual(place(2, 'id=9'));
    expect(seen.applied).toEqual([]);
  });

  it.each(['park', 'stop'] as const)('parks rows that capture may have left out under policy «%s», and says what they are', async (policy) => {
    const { seen, apply, logger } = world({ policy });
    const left: PoisonEvent = { ...poison(2), code: CAPTURE_RESUMED };
    await apply([insert(1, 1, 'x'), left, insert(3, 2, 'y'), { ...left, tx: tx(4), key: ['10'] }]);
    expect(shown(seen.applied[0])).toBe('a upsert 1=x; a upsert 2=y | poison 9@2 CAPTURE_RESUMED; poison 10@4 CAPTURE_RESUMED');
    expect(logger.lines.filter((l) => l.level === 'warn')).toEqual([expect.objectContaining({ message: expect.stringContaining('replayed by themselves') as unknown, fields: expect.objectContaining({ parked: 'public.a CAPTURE_RESUMED: 2' }) as unknown })]);
    expect(seen.parked).toEqual(['public.a 2']);
  });

  it('tells them apart from events that cannot be taken, which stop under policy «stop» all the same', async () => {
    const left: PoisonEvent = { ...poison(1), code: CAPTURE_RESUMED };
    const both = world();
    await both.apply([left, poison(2)]);
    expect(both.logger.lines.filter((l) => l.level === 'warn').map((l) => l.fields['parked'])).toEqual(['public.a CAPTURE_RESUMED: 1', 'public.a EVENT_UNREADABLE: 1']);
    const { seen, apply } = world({ policy: 'stop' });
    await expect(apply([left, poison(2)])).rejects.toMatchObject({ code: 'EVENT_UNREADABLE', recovery: 'stop' });
    expect(seen.applied).toEqual([]);
  });

  describe('for what only several events together bring about', () => {
    /** A unique index on `v`, of all tables together or of each. */
    const twice = (write: BatchWrite): Error | null => {
      const values = write.tables.flatMap((t) => t.fold.rows.flatMap((row) => (row.op === 'upsert' ? [`${t.mapping.id} ${String(row.cells[1])}`] : [])));
      return new Set(values).size < values.length ? new ElstreamError('DB_23505', 'park', 'duplicate value') : null;
    };
    const across = (write: BatchWrite): Error | null => (write.tables.length > 1 ? new ElstreamError('DB_23503', 'park', 'not both') : null);
    const TOGETHER = 'DB_23505';

    it.each<[string, readonly ChangeEvent[], string]>([
      ['parks the later of two', [insert(1, 1, 'x'), insert(2, 2, 'same'), insert(3, 3, 'y'), insert(4, 4, 'same'), insert(5, 5, 'z')], `a upsert 1=x; a upsert 2=same; a upsert 3=y; a upsert 5=z | insert 4@4 ${TOGETHER}`],
      ['parks all but the first of several', [insert(1, 3, 'same'), insert(2, 1, 'same'), insert(3, 2, 'same')], `a upsert 3=same | insert 1@2 ${TOGETHER}; insert 2@3 ${TOGETHER}`],
      ['keeps what stood before it of its key, and what comes after', [insert(1, 1, 'x'), insert(2, 2, 'y'), update(3, 2, 'x'), insert(4, 3, 'z'), insert(5, 4, 'z'), update(6, 4, 'w')], `a upsert 1=x; a upsert 2=y; a upsert 3=z; a upsert 4=w | update 2@3 ${TOGETHER}`],
      ['blames nobody for what a row was in passing', [insert(1, 1, 'x'), insert(2, 2, 'x'), insert(3, 3, 'p'), insert(4, 4, 'p'), update(5, 2, 'q')], `a upsert 1=x; a upsert 2=q; a upsert 3=p | insert 4@4 ${TOGETHER}`],
      ['blames the later change, though its row came first', [insert(1, 1, 'x'), insert(2, 2, 'y'), update(3, 1, 'y')], `a upsert 1=x; a upsert 2=y | update 1@3 ${TOGETHER}`],
      ['leaves a row that would move to where it was', [insert(1, 1, 'x'), insert(2, 2, 'y'), update(3, 7, 'x', 2)], `a upsert 1=x; a upsert 2=y | update 7@3 ${TOGETHER}`],
      ['leaves other tables as they are', [insert(1, 1, 'x', 'b'), insert(2, 1, 'x'), insert(3, 2, 'x'), insert(4, 2, 'y', 'b')], `a upsert 1=x; b upsert 1=x; b upsert 2=y | insert 2@3 ${TOGETHER}`],
      ['does not count what a truncate takes away', [insert(1, 1, 'x'), truncate(2), insert(3, 2, 'x'), insert(4, 3, 'x')], `a upsert 2=x | insert 3@4 ${TOGETHER}`],
    ])('%s', async (_, events, expected) => {
      const { seen, apply } = world({ refuses: twice });
      const checkpoint = await apply(events);
      expect(sorted(shown(seen.applied[0]))).toBe(sorted(expected));
      expect(checkpoint?.highest?.toBigInt()).toBe(BigInt(events.length));
    });

    it('parks those that fail by themselves, too', async () => {
      const bad = (write: BatchWrite): boolean => write.tables.some((t) => t.fold.rows.some((row) => row.op === 'upsert' && row.cells[1] === 'bad'));
      const { seen, apply } = world({ refuses: (write) => (bad(write) ? new ElstreamError('DB_22001', 'park', 'too long') : twice(write)) });
      await apply([insert(1, 1, 'x'), insert(2, 2, 'bad'), insert(3, 3, 'x'), insert(4, 4, 'y')]);
      expect(shown(seen.applied[0])).toBe('a upsert 1=x; a upsert 4=y | insert 2@2 DB_22001; insert 3@3 DB_23505');
    });

    it('says in the reason that it is none of the event alone', async () => {
      const { seen, apply } = world({ refuses: twice });
      await apply([insert(1, 1, 'x'), insert(2, 2, 'x')]);
      expect(seen.applied[0]?.parked[0]?.reason).toMatch(/^duplicate value; .*together with events before it/);
    });

    it('parks the later of two in different tables', async () => {
      const { seen, apply } = world({ refuses: across });
      await apply([insert(1, 1, 'x'), insert(2, 1, 'y', 'b')]);
      expect(shown(seen.applied[0])).toBe('a upsert 1=x | insert 1@2 DB_23503');
    });

    it('finds one pair of 4,096 in some dozen trials', async () => {
      const { seen, apply } = world({ refuses: twice });
      await apply(Array.from({ length: 4_096 }, (_, i) => insert(i + 1, i, i === 1_234 || i === 3_210 ? 'same' : String(i))));
      expect(seen.applied[0]?.parked.map((p) => p.key)).toEqual([['3210']]);
      expect(seen.trials).toBeLessThan(60);
    });

    it('gives the table up once there are more than the limit', async () => {
      const { seen, apply } = world({ refuses: twice, limit: 10 });
      await apply([...Array.from({ length: 500 }, (_, i) => insert(i + 1, i, 'same')), insert(501, 1, 'y', 'b')]);
      expect(seen.applied[0]?.parked).toHaveLength(11);
      expect(seen.applied[0]?.tables.map((t) => t.mapping.id)).toEqual(['public.b']);
      expect(seen.trials).toBeLessThan(2 * 500 + 80);
    });

    it('stops under policy «stop», naming the later row', async () => {
      const { seen, apply } = world({ policy: 'stop', refuses: twice });
      await expect(apply([insert(1, 1, 'x'), insert(2, 2, 'x')])).rejects.toEqual(expect.objectContaining({ code: 'DB_23505', recovery: 'stop', place: expect.objectContaining({ table: 'public.a', key: 'id=2' }) as unknown }));
      expect(seen.applied).toEqual([]);
    });
  });

  it('may take hours, as may its trials, where it empties a table', async () => {
    const emptying = world();
    await emptying.apply([insert(1, 1, 'x'), truncate(2), insert(3, 2, 'bad'), insert(4, 3, 'y')]);
    expect(new Set(emptying.seen.long)).toEqual(new Set([true]));
    const plain = world();
    await plain.apply([insert(1, 1, 'x'), insert(3, 2, 'bad')]);
    expect(new Set(plain.seen.long)).toEqual(new Set([false]));
  });

  it('stops where every trial goes through', async () => {
    const { seen, apply } = world({ refuses: (write) => (write.trial ? null : new ElstreamError('ODD', 'park', 'refused for once')) });
    await expect(apply([insert(1, 1, 'x'), insert(2, 2, 'y')])).rejects.toEqual(expect.objectContaining({ code: 'ODD', recovery: 'stop' }));
    expect(seen.applied).toEqual([]);
  });

  it('is tried again as a whole when a trial meets a passing fault', async () => {
    const { apply } = world({ refuses: (write) => (write.trial ? new ElstreamError('DB_CONNECTION', 'retry', 'gone') : new ElstreamError('DB_22001', 'park', 'too long')) });
    await expect(apply([insert(1, 1, 'x'), insert(2, 2, 'y')])).rejects.toEqual(expect.objectContaining({ recovery: 'retry' }));
  });
});

describe('groups of events', () => {
  it('are connected by the keys that moves touch, in order', () => {
    const events = [insert(1, 1, 'a'), insert(2, 2, 'b'), insert(3, 3, 'c'), update(4, 3, 'd', 1), remove(5, 2), update(6, 4, 'e', 3)];
    expect(groupByKey(events, MAPPINGS).map((g) => g.events.map((e) => Number(e.tx.position.toBigInt())))).toEqual([[1, 3, 4, 6], [2, 5]]);
  });

  it('hold every accepted event that is no truncate once, and fold to the same as the batch', () => {
    const events = Array.from({ length: 300 }, (_, i): RowEvent => (i % 3 === 0 ? update(i + 1, (i * 7) % 20, 'x', (i * 11) % 20) : i % 3 === 1 ? insert(i + 1, (i * 5) % 20, 'y') : remove(i + 1, i % 20)));
    const groups = groupByKey(acceptedEvents(events, MAPPINGS, null), MAPPINGS);
    expect(new Set(groups.flatMap((g) => g.events))).toEqual(new Set(events));
    const rows = (some: readonly RowEvent[]) => foldBatch(some, MAPPINGS, null).tables.flatMap((t) => t.rows.map((r) => JSON.stringify([r.op, r.key, r.op === 'upsert' ? r.cells : []])));
    expect(groups.flatMap((g) => rows(g.events)).sort()).toEqual(rows(events).sort());
  });
});

describe('halving', () => {
  it.each([[[]], [[0]], [[7]], [[3, 4]], [[0, 1, 2, 3, 4, 5, 6, 7]]])('finds %j of eight', async (bad) => {
    const found: number[] = [];
    await findFailing([0, 1, 2, 3, 4, 5, 6, 7], { trial: (some) => Promise.resolve(some.some((n) => (bad as number[]).includes(n)) ? 'no' : null), blame: (item) => void found.push(item) });
    expect(found).toEqual(bad);
  });
});
