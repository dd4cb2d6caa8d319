import { forEachSeed, type SeededRandom } from '@elstream/testing';
import type { Task } from '@elstream/control';
import { ElstreamError, type Cell } from '@elstream/core';
import { Side, TABLE, contextOf, type Given } from '../compare/sides.fixture';
import { validateChunk } from './validate-chunk';

const WHOLE = { from: null, to: null };

function rows(n: number): Map<string, Cell> {
  return new Map(Array.from({ length: n }, (_, i) => [String(i), i % 9 === 0 ? null : `name ${String(i)}`]));
}

async function resultOf(given: Given): Promise<Readonly<Record<string, unknown>>> {
  const outcome = await validateChunk(contextOf(given));
  if (outcome.outcome !== 'done') throw new Error(outcome.outcome);
  return outcome.result;
}

describe('comparing one range', () => {
  it('of equal rows moves one checksum per bucket from each side and no row, and waits for nothing', async () => {
    const [source, warehouse] = [new Side(rows(5_000)), new Side(rows(5_000))];
    const result = await resultOf({ source, warehouse, payload: { ...WHOLE, rows: 5_000 }, compareRows: 100 });
    expect(result).toMatchObject({ rows: 5_000, rowsCompared: 5_000, equal: 5_000, differenceCount: 0, unverified: 0, bucketsNarrowed: 0, position: '0000000000000032' });
    expect([source.calls, warehouse.calls]).toEqual([['checksums'], ['checksums']]);
    expect(result['bytesMoved']).toBeLessThan(2 * 20 * 30);
  });

  it('looks at its own range only', async () => {
    const damaged = rows(3_000).set('2999', 'damaged');
    damaged.delete('10');
    const [source, warehouse] = [new Side(rows(3_000)), new Side(damaged)];
    const result = await resultOf({ source, warehouse, payload: { from: ['1000'], to: ['2000'] }, compareRows: 100 });
    expect(result).toMatchObject({ rows: 1_000, equal: 1_000, differenceCount: 0 });
  });

  it('finds exactly what is missing, extra and unequal, whatever was damaged, a few keys at a time', async () => {
    await forEachSeed('damaged range', 30, async (random) => {
      const size = random.int(0, 4_000);
      const there = rows(size);
      const expected = damage(random, there, size);
      const [source, warehouse] = [new Side(rows(size)), new Side(there)];
      const result = await resultOf({ source, warehouse, payload: { ...WHOLE, ...(random.chance(0.5) ? { rows: size } : {}) }, compareRows: 60 });
      const { missing, unequal } = expected;
      expect(result).toMatchObject({ rows: size, unverified: 0, differenceCount: missing.length + unequal.length + expected.extra.length, equal: size - missing.length - unequal.length });
      const kept = result['differences'] as { key: string; kind: keyof typeof expected; columns: string[] }[];
      const named = (kind: string): string[] => kept.filter((d) => d.kind === kind).map((d) => d.key).sort();
      expect([named('missing'), named('extra'), named('unequal')]).toEqual([missing, expected.extra, unequal].map((keys) => [...keys].sort()));
      expect(kept.filter(({ kind, columns }) => columns.join() !== (kind === 'unequal' ? 'name' : ''))).toEqual([]);
      expect(Math.max(source.mostDigests, warehouse.mostDigests)).toBeLessThanOrEqual(60);
    });
  });

  it.each([
    ['missing', 10_000, 0],
    ['extra', 0, 10_000],
  ])('ends where every row is %s, and holds few of them', async (kind, ofSource, ofWarehouse) => {
    const [source, warehouse] = [new Side(rows(ofSource)), new Side(rows(ofWarehouse))];
    const result = await resultOf({ source, warehouse, payload: { ...WHOLE, rows: ofWarehouse }, compareRows: 1_000 });
    expect(result).toMatchObject({ rows: ofSource, equal: 0, unverified: 0, differenceCount: 10_000 });
    const kept = result['differences'] as { kind: string }[];
    expect(kept).toHaveLength(10_000);
    expect(new Set(kept.map((d) => d.kind))).toEqual(new Set([kind]));
    expect(Math.max(source.mostDigests, warehouse.mostDigests)).toBeLessThanOrEqual(1_000);
  });

  it('of a stream that stands still calls equal what is equal and leaves the rest unverified, reading no row', async () => {
    const [source, warehouse] = [new Side(rows(2_000)), new Side(rows(2_000).set('7', 'not arrived').set('9', 'nor this'))];
    const result = await resultOf({ source, warehouse, payload: WHOLE, compareRows: 100, paused: true });
    expect(result).toMatchObject({ rows: 2_000, equal: 1_998, unverified: 2, differenceCount: 0 });
    expect([...source.calls, ...warehouse.calls]).not.toContain('readByKeys');
  });

  it('of two empty tables is done at once', async () => {
    expect(await resultOf({ source: new Side(rows(0)), warehouse: new Side(rows(0)), payload: { ...WHOLE, rows: 0 }, compareRows: 100 })).toMatchObject({ rows: 0, equal: 0, differenceCount: 0, unverified: 0 });
  });
});

describe('comparing', () => {
  it('some keys reads just these rows, and says what differs', async () => {
    const [source, warehouse] = [new Side(rows(50)), new Side(rows(50).set('7', 'damaged').set('60', 'extra'))];
    warehouse.rows.delete('9');
    const keys = [['5'], ['7'], ['9'], ['60'], ['70']];
    const result = await resultOf({ source, warehouse, payload: { keys }, compareRows: 2 });
    expect(result).toMatchObject({ rows: 3, equal: 1, differenceCount: 3, unverified: 0, position: '0000000000000032' });
    expect((result['differences'] as { key: string; kind: string }[]).map((d) => `${d.kind} ${d.key}`)).toEqual(['unequal id=7', 'missing id=9', 'extra id=60']);
    expect([...source.calls, ...warehouse.calls]).not.toContain('checksums');
  });

  it('a table that was loaded again meanwhile calls equal what is equal, and says why the rest is unverified', async () => {
    const result = await resultOf({ source: new Side(rows(100)), warehouse: new Side(rows(100).set('7', 'x')), payload: WHOLE, compareRows: 10, epoch: 2 });
    expect(result).toMatchObject({ equal: 99, unverified: 1, differenceCount: 0, superseded: expect.stringContaining('preloaded again') });
  });

  it.each([
    [1, 'retry'],
    [2, 'retry'],
    [3, 'unverified'],
  ])('a range whose statements time out is, at try %d: %s', async (attempt, expected) => {
    const source = new Side(rows(10));
    jest.spyOn(source, 'checksums').mockRejectedValue(new ElstreamError('DB_TIMEOUT', 'retry', 'a statement took longer than its timeout'));
    const payload = { ...WHOLE, rows: 5_000_000 };
    const context = contextOf({ source, warehouse: new Side(rows(10)), payload, compareRows: 10, more: { task: { kind: 'validate-chunk', table: TABLE.id, payload, attempt } as unknown as Task } });
    if (expected === 'retry') await expect(validateChunk(context)).rejects.toMatchObject({ recovery: 'retry' });
    else expect(await validateChunk(context)).toMatchObject({ outcome: 'done', result: { rowsCompared: 0, unverified: 5_000_000, note: expect.stringContaining('timeout') } });
  });

  it('a range given up counts as unverified also where statistics know of no row: it is no good validation', async () => {
    const source = new Side(rows(10));
    jest.spyOn(source, 'checksums').mockRejectedValue(new ElstreamError('DB_TIMEOUT', 'retry', 'a statement took longer than its timeout'));
    const payload = { ...WHOLE, rows: 0 };
    const context = contextOf({ source, warehouse: new Side(rows(0)), payload, compareRows: 10, more: { task: { kind: 'validate-chunk', table: TABLE.id, payload, attempt: 3 } as unknown as Task } });
    expect(await validateChunk(context)).toMatchObject({ result: { unverified: 1 } });
  });
});

describe('a rate of rows', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('holds back all tasks of the process together, and shows that they move', async () => {
    let moves = 0;
    const given = { source: new Side(rows(1_000)), warehouse: new Side(rows(1_000)), payload: WHOLE, compareRows: 100, rate: 100, more: { moved: () => (moves += 1) } };
    const first = contextOf(given);
    const deps = { ...first.deps, clock: Date.now };
    const began = Date.now();
    const ended: number[] = [];
    const all = [first, contextOf(given)].map(async (context) => {
      await validateChunk({ ...context, deps });
      ended.push(Date.now() - began);
    });
    await jest.advanceTimersByTimeAsync(25_000);
    await Promise.all(all);
    expect(ended).toEqual([10_000, 20_000]);
    expect(moves).toBeGreaterThan(20);
  });

  it('lets a task go at once that is to stop, with what it has found', async () => {
    const stop = new AbortController();
    const context = contextOf({ source: new Side(rows(1_000)), warehouse: new Side(rows(1_000)), payload: WHOLE, compareRows: 100, rate: 1, more: { signal: stop.signal } });
    const ended = validateChunk({ ...context, deps: { ...context.deps, clock: Date.now } });
    await jest.advanceTimersByTimeAsync(1_500);
    stop.abort();
    await expect(ended).resolves.toMatchObject({ outcome: 'done', result: { rows: 1_000 } });
  });
});

interface Damage {
  readonly missing: string[];
  readonly extra: string[];
  readonly unequal: string[];
}

/** Damages a few or very many rows; returns the keys as differences name them. */
function damage(random: SeededRandom, there: Map<string, Cell>, size: number): Damage {
  const done: Damage = { missing: [], extra: [], unequal: [] };
  const share = random.pick([0, 0.001, 0.01, 0.3, 0.9]);
  for (let id = 0; id < size; id += 1) {
    if (!random.chance(share)) continue;
    const key = String(id);
    if (random.chance(0.4)) {
      there.delete(key);
      done.missing.push(`id=${key}`);
    } else {
      there.set(key, there.get(key) === null ? '' : null);
      done.unequal.push(`id=${key}`);
    }
  }
  for (let id = 1_000_000; id < 1_000_000 + random.int(0, 200) * share; id += 1) {
    there.set(String(id), 'extra');
    done.extra.push(`id=${String(id)}`);
  }
  return done;
}
