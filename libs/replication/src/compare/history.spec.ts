import type { BucketChecksum, BucketChoice, KeyDigest, KeyRange, TableMapping } from '@elstream/core';
import type { DueHistory } from '@elstream/warehouse';
import type { TaskContext } from '../tasks/task-context';
import { compareHistory, lackingVersions } from './history';
import { Side, TABLE, contextOf } from './sides.fixture';
import { newTally } from './tally';

const COPIED: TableMapping = { ...TABLE, history: { kind: 'copied', target: { schema: 'public', name: 't_archive' }, source: { schema: 'public', name: 't_archive' }, period: null } };
const version = (key: string, digest: string): KeyDigest => ({ key: [key], digest });

/** Versions of one side, all in one bucket. */
class Versions {
  constructor(public all: readonly KeyDigest[]) {}

  async checksums(_mapping: TableMapping, _range: KeyRange): Promise<BucketChecksum[]> {
    return this.all.length === 0 ? [] : [{ bucket: 0, rows: this.all.length, checksum: [...this.all].map((v) => v.key.join() + v.digest).sort().join() }];
  }

  async digests(_mapping: TableMapping, _range: KeyRange, _buckets: BucketChoice): Promise<readonly KeyDigest[]> {
    return this.all;
  }
}

function comparing(source: Versions, warehouse: Versions, due: () => readonly DueHistory[], paused = false): TaskContext {
  const base = contextOf({ source: new Side(new Map()), warehouse: new Side(new Map()), payload: { from: null, to: null, of: 'history' }, compareRows: 100, paused });
  const ofSource = { ...(base.pipeline as unknown as { source: object }), checksums: source.checksums.bind(source), digests: source.digests.bind(source), endOfLog: async () => (await base.pipeline.source()).endOfLog() };
  const ofWarehouse = { ...base.pipeline.warehouse, checksums: warehouse.checksums.bind(warehouse), digests: warehouse.digests.bind(warehouse), dueHistory: async () => due() };
  let now = 0;
  const pipeline = { ...base.pipeline, warehouse: ofWarehouse, source: async () => ofSource };
  return { ...base, deps: { ...base.deps, clock: () => (now += 300) }, pipeline: pipeline as unknown as TaskContext['pipeline'] };
}

const note = (key: string | null, table = COPIED.id): DueHistory => ({ id: '1', table, key: key === null ? null : [key] });

describe('versions that a side lacks', () => {
  it('are counted as often as they are there', () => {
    const here = [version('1', 'a'), version('1', 'a'), version('1', 'b'), version('2', 'a')];
    expect([...lackingVersions(COPIED, here, [version('1', 'a'), version('1', 'b'), version('2', 'a')]).values()]).toEqual([['1']]);
    expect(lackingVersions(COPIED, here, [...here, version('3', 'c')]).size).toBe(0);
  });
});

describe('copied history', () => {
  it('that is equal is compared without a digest', async () => {
    const all = [version('1', 'a'), version('1', 'b')];
    const tally = newTally();
    expect(await compareHistory(comparing(new Versions(all), new Versions([...all].reverse()), () => []), COPIED, tally)).toEqual({ differences: [], unverified: 0 });
    expect([tally.rows, tally.bucketsNarrowed]).toEqual([2, 0]);
  });

  it('names the keys of versions that are missing, once each', async () => {
    const source = new Versions([version('1', 'a'), version('2', 'b'), version('2', 'c'), version('3', 'd')]);
    const { differences } = await compareHistory(comparing(source, new Versions([version('1', 'a')]), () => []), COPIED, newTally());
    expect(differences).toEqual(['2', '3'].map((id) => ({ table: COPIED.id, key: `id=${id}`, cells: [id], of: 'history', kind: 'missing', columns: [] })));
  });

  it('may be longer in the warehouse: the source may purge its own', async () => {
    const { differences } = await compareHistory(comparing(new Versions([version('1', 'a')]), new Versions([version('1', 'a'), version('1', 'z')]), () => []), COPIED, newTally());
    expect(differences).toEqual([]);
  });

  it('that is still to be copied is waited for', async () => {
    const [source, warehouse] = [new Versions([version('1', 'a'), version('2', 'b')]), new Versions([version('1', 'a')])];
    let looks = 0;
    const due = (): DueHistory[] => {
      looks += 1;
      if (looks < 3) return [note(looks === 1 ? '2' : null)];
      warehouse.all = source.all;
      return [note('1'), note('2', 'public.another')];
    };
    expect(await compareHistory(comparing(source, warehouse, due), COPIED, newTally())).toEqual({ differences: [], unverified: 0 });
    expect(looks).toBe(3);
  });

  it('that is not copied in time, or whose stream stands still, is unverified', async () => {
    const [source, warehouse] = [new Versions([version('2', 'b')]), new Versions([])];
    expect(await compareHistory(comparing(source, warehouse, () => [note('2')]), COPIED, newTally())).toEqual({ differences: [], unverified: 1 });
    const tally = newTally();
    expect(await compareHistory(comparing(source, warehouse, () => [], true), COPIED, tally)).toEqual({ differences: [], unverified: 1 });
    expect(tally.stalled).toBe(true);
  });

  it('that the source made after the first look is none of the differences', async () => {
    const source = new Versions([version('2', 'b')]);
    const due = (): DueHistory[] => {
      source.all = [version('2', 'b'), version('9', 'later')];
      return [];
    };
    const { differences } = await compareHistory(comparing(source, new Versions([]), due), COPIED, newTally());
    expect(differences.map((d) => d.key)).toEqual(['id=2']);
  });
});
