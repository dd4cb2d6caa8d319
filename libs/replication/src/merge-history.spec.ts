import { ElstreamError, decodeRows, encodeRow, type Cell } from '@elstream/core';
import { forEachSeed } from '@elstream/testing';
import { TABLE } from './compare/sides.fixture';
import { mergeHistoryKeys, mergeHistoryRange, type HistoryMerge, type MergedHistory } from './merge-history';
import type { PipelineHandle } from './pipeline';
import { historyChunk } from './tasks/history-chunk';
import { doneBy, taskContext } from './tasks/tasks.fixture';

const WHOLE = { from: null, to: null };
type Version = readonly [id: string, name: Cell];

/** A history table on either side, in memory; the warehouse takes no value that begins with `bad`, and merges as it promises to. */
class Histories {
  readonly there: Version[] = [];
  readonly settled: string[] = [];
  reads = 0;

  constructor(readonly source: readonly Version[]) {}

  private async *rowsOf(keys: ReadonlySet<string> | null): AsyncGenerator<Uint8Array> {
    for (const [id, name] of this.source) if (keys?.has(id) ?? true) yield Buffer.from(encodeRow([id, name, 'f']));
  }

  readonly ofSource = {
    readHistory: async (_: unknown, of: { readonly keys?: readonly (readonly string[])[] }) => {
      this.reads += 1;
      const keys = of.keys === undefined ? null : new Set(of.keys.map(([id = '']) => id));
      if (keys?.has('none') === true) throw new ElstreamError('VALUE_REFUSED', 'park', 'no such key');
      return { rows: this.rowsOf(keys), count: () => this.source.filter(([id]) => keys?.has(id) ?? true).length };
    },
  };
  readonly ofWarehouse = {
    mergeHistory: async ({ rows, settles }: { readonly rows: AsyncIterable<Uint8Array>; readonly settles: readonly string[] }) => {
      const brought: Version[] = [];
      for await (const [id = '', name = null] of decodeRows(rows)) brought.push([id ?? '', name]);
      if (brought.some(([, name]) => name?.startsWith('bad') === true)) throw new ElstreamError('VALUE_REFUSED', 'park', 'the column cannot hold it');
      const left = this.there.map(String);
      const added = brought.filter((version) => {
        const at = left.indexOf(String(version));
        if (at >= 0) left.splice(at, 1);
        return at < 0;
      });
      this.there.push(...added);
      this.settled.push(...settles);
      return added.length;
    },
  };

  get merge(): HistoryMerge {
    const pipeline = { name: 'p', warehouse: this.ofWarehouse, source: async () => this.ofSource };
    return { pipeline: pipeline as unknown as PipelineHandle, mapping: TABLE, signal: new AbortController().signal };
  }
}

const sorted = (versions: readonly Version[]): string[] => versions.map(String).sort();

describe('merging copied history', () => {
  it('of which all fits takes one read and settles with it', async () => {
    const histories = new Histories([['1', 'a'], ['1', 'a'], ['2', null]]);
    expect(await mergeHistoryKeys(histories.merge, [['1'], ['2']], ['7', '8'])).toEqual({ read: 3, added: 3, refused: [] });
    expect([histories.reads, histories.settled]).toEqual([1, ['7', '8']]);
  });

  it.each<[string, (merge: HistoryMerge, keys: readonly (readonly string[])[]) => Promise<MergedHistory>]>([
    ['a range', (merge) => mergeHistoryRange(merge, WHOLE)],
    ['keys', (merge, keys) => mergeHistoryKeys(merge, keys, ['7'])],
  ])('of %s leaves out what is refused, and nothing else, equal versions counted', async (_of, merging) => {
    await forEachSeed('refused versions', 30, async (random) => {
      const versions = Array.from({ length: random.int(0, 60) }, (): Version => [String(random.int(0, 12)), random.chance(0.2) ? `bad ${String(random.int(0, 2))}` : `name ${String(random.int(0, 3))}`]);
      const histories = new Histories(versions);
      histories.there.push(...versions.filter(([, name]) => name?.startsWith('bad') === false && random.chance(0.3)));
      const keys = [...new Set(versions.map(([id]) => id))].map((id) => [id]);
      const { refused } = await merging(histories.merge, keys);
      expect(sorted(histories.there)).toEqual(sorted(versions.filter(([, name]) => name?.startsWith('bad') === false)));
      expect(refused.map(({ key }) => key).sort()).toEqual(versions.filter(([, name]) => name?.startsWith('bad') === true).map(([id]) => `id=${id}`).sort());
    });
  });

  it('settles what was due also where versions are refused, or a key is none: it would be fetched for ever', async () => {
    const histories = new Histories([['1', 'bad'], ['2', 'a']]);
    const { added, refused } = await mergeHistoryKeys(histories.merge, [['1'], ['none'], ['2']], ['7']);
    expect([added, refused.map(({ key }) => key), histories.settled]).toEqual([1, ['id=1', 'id=none'], ['7']]);
  });
});

describe('a chunk of history with a version the warehouse cannot hold', () => {
  const chunk = (policy: 'park' | 'stop') => {
    const histories = new Histories([['1', 'a'], ['2', 'bad'], ['3', 'c']]);
    const context = taskContext({ task: { kind: 'history-chunk', payload: { ...WHOLE } }, settings: { deadLetters: { policy, limit: 9 } }, source: histories.ofSource, warehouse: histories.ofWarehouse });
    return { histories, run: () => doneBy(historyChunk(context)) };
  };

  it('brings all others and names it', async () => {
    const { histories, run } = chunk('park');
    expect((await run()).result).toMatchObject({ rows: 3, added: 2, refusedVersions: 1, refused: [{ key: 'id=2', reason: expect.stringContaining('cannot hold') }] });
    expect(sorted(histories.there)).toEqual(['1,a', '3,c']);
  });

  it('fails where the policy is to stop, naming table, key and remedy', async () => {
    await expect(chunk('stop').run()).rejects.toMatchObject({ code: 'HISTORY_REFUSED', recovery: 'stop', message: expect.stringMatching(/public\.t.*id=2.*widen the column/) });
  });
});
